-- +goose Up
-- What was generated here, a row a content ID (the label's ProduceID). Never what it says, nor who asked: subject is the pseudonym, and is
-- emptied when the user is erased; the id stays, so that "made here" can be answered.
CREATE TABLE content_item (
  id          TEXT   NOT NULL PRIMARY KEY,
  at_ms       BIGINT NOT NULL,
  exchange    TEXT   NOT NULL,
  service     TEXT   NOT NULL,
  application TEXT   NOT NULL,
  subject     TEXT   NOT NULL,
  operation   TEXT   NOT NULL,
  model       TEXT   NOT NULL,
  medium      TEXT   NOT NULL, -- image, audio, video, document, text
  mime        TEXT   NOT NULL,
  bytes       BIGINT NOT NULL,
  hash        TEXT   NOT NULL, -- SHA-256, hex, of the delivered bytes; '' for streamed text
  raw         TEXT   NOT NULL, -- SHA-256, hex, of the bytes before labels; ''
  look        BIGINT NOT NULL, -- perceptual hash; 0: none
  explicit    TEXT   NOT NULL,
  label       TEXT   NOT NULL  -- JSON of the implicit label; ''
);
CREATE INDEX content_item_at ON content_item (at_ms, id);
CREATE INDEX content_item_exchange ON content_item (exchange);
CREATE INDEX content_item_subject ON content_item (subject) WHERE subject <> '';
CREATE INDEX content_item_hash ON content_item (hash) WHERE hash <> '';
CREATE INDEX content_item_unmarked ON content_item (at_ms) WHERE explicit = 'none';
CREATE INDEX content_item_raw ON content_item (raw) WHERE raw <> '';

-- The four bands of 16 bits of a perceptual hash: place of the band * 65536 + its value.
CREATE TABLE content_look (
  band BIGINT NOT NULL,
  id   TEXT   NOT NULL,
  look BIGINT NOT NULL,
  PRIMARY KEY (band, id)
);

-- Keyed digests of texts. They say nothing without the key, which is not in the database.
CREATE TABLE content_text (
  digest TEXT NOT NULL,
  id     TEXT NOT NULL,
  PRIMARY KEY (digest, id)
);
CREATE INDEX content_text_id ON content_text (id);

-- Bytes kept for a download link, sealed; gone after expires_ms.
CREATE TABLE content_kept (
  id         TEXT   NOT NULL PRIMARY KEY,
  expires_ms BIGINT NOT NULL,
  sealed     BYTEA  NOT NULL
);
CREATE INDEX content_kept_expires ON content_kept (expires_ms);

-- Each time content left.
CREATE TABLE content_delivery (
  id      TEXT   NOT NULL PRIMARY KEY,
  content TEXT   NOT NULL,
  at_ms   BIGINT NOT NULL,
  how     TEXT   NOT NULL, -- answer, download, export
  recipient TEXT NOT NULL  -- application
);
CREATE INDEX content_delivery_content ON content_delivery (content, at_ms);

-- Content given without an explicit label at a user's request (Labelling Measures Art 9).
CREATE TABLE content_unlabelled (
  id        TEXT   NOT NULL PRIMARY KEY,
  at_ms     BIGINT NOT NULL,
  until_ms  BIGINT NOT NULL, -- to be kept at least until then
  content   TEXT   NOT NULL,
  exchange  TEXT   NOT NULL,
  clause    TEXT   NOT NULL, -- of the agreement, that makes the user's duty and liability clear
  recipient TEXT   NOT NULL, -- who received it: identity; '' once it is over and the user is erased
  purpose   TEXT   NOT NULL,
  staff     TEXT   NOT NULL, -- JSON of the actor who recorded it
  digest    TEXT   NOT NULL  -- keyed, as in the event
);
CREATE INDEX content_unlabelled_content ON content_unlabelled (content);
CREATE INDEX content_unlabelled_at ON content_unlabelled (at_ms, id);

-- +goose Down
DROP TABLE content_unlabelled;
DROP TABLE content_delivery;
DROP TABLE content_kept;
DROP TABLE content_text;
DROP TABLE content_look;
DROP TABLE content_item;

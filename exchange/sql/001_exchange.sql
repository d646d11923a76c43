-- +goose Up
-- What the console filters by and the register sums. The whole record is the body of the closing event (log, seq); every
-- column here is checked against it.
CREATE TABLE exchange (
  id          TEXT    NOT NULL PRIMARY KEY,
  at          BIGINT  NOT NULL,
  content_id  TEXT    NOT NULL,
  service     TEXT    NOT NULL,
  application TEXT    NOT NULL,
  subject     TEXT    NOT NULL,
  operation   TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  outcome     TEXT    NOT NULL,
  verdict     TEXT    NOT NULL,
  label       TEXT    NOT NULL,
  categories  TEXT    NOT NULL, -- ' A1f A1h ', for search
  generated   BOOLEAN NOT NULL,
  in_bytes    BIGINT  NOT NULL,
  out_bytes   BIGINT  NOT NULL,
  privacy_bytes BIGINT NOT NULL,
  degraded    BOOLEAN NOT NULL,
  log         TEXT    NOT NULL,
  seq         BIGINT  NOT NULL
);
CREATE INDEX exchange_content_id ON exchange (content_id);
CREATE INDEX exchange_subject ON exchange (subject, id);

-- What was said, sealed under the subject's key.
CREATE TABLE exchange_content (
  id      TEXT   NOT NULL PRIMARY KEY,
  service TEXT   NOT NULL,
  at      BIGINT NOT NULL,
  sealed  BYTEA  NOT NULL
);

-- Every exchange of a tree opened before this leaf has been closed: where the search for broken ones begins.
CREATE TABLE exchange_settled (
  log TEXT   NOT NULL PRIMARY KEY,
  seq BIGINT NOT NULL
);

-- +goose Down
DROP TABLE exchange_settled;
DROP TABLE exchange_content;
DROP TABLE exchange;

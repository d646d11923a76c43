-- +goose Up
-- One row a tree. Its size is the lock: whoever raises it owns the next leaves until commit.
CREATE TABLE journal_head (
  log        TEXT   NOT NULL PRIMARY KEY,
  size       BIGINT NOT NULL,
  generation BIGINT NOT NULL
);

-- leaf is what was hashed, byte for byte; the other columns repeat parts of it for searching and are checked against it.
CREATE TABLE journal_event (
  log      TEXT    NOT NULL,
  seq      BIGINT  NOT NULL,
  id       TEXT    NOT NULL,
  at       BIGINT  NOT NULL,
  verb     TEXT    NOT NULL,
  ref_kind TEXT    NOT NULL,
  ref_id   TEXT    NOT NULL,
  traffic  BOOLEAN NOT NULL,
  leaf     BYTEA   NOT NULL,
  PRIMARY KEY (log, seq)
);
CREATE INDEX journal_event_id ON journal_event (id);
-- Exchanges are found through their own table; everything else by what it is about or by verb.
CREATE INDEX journal_event_ref ON journal_event (ref_kind, ref_id, id) WHERE NOT traffic;
CREATE INDEX journal_event_verb ON journal_event (verb, id) WHERE NOT traffic;

-- The stored hashes of one group commit, which are contiguous in tlog's numbering: 32 bytes each.
CREATE TABLE journal_hash (
  log    TEXT   NOT NULL,
  first  BIGINT NOT NULL,
  hashes BYTEA  NOT NULL,
  PRIMARY KEY (log, first)
);

CREATE TABLE journal_checkpoint (
  log  TEXT   NOT NULL,
  size BIGINT NOT NULL,
  at   BIGINT NOT NULL,
  note TEXT   NOT NULL,
  PRIMARY KEY (log, size)
);

-- The key of each subject, wrapped under the installation's master key. destroyed_at set and wrapped empty: erased.
CREATE TABLE subject_key (
  subject      TEXT   NOT NULL PRIMARY KEY,
  wrapped      BYTEA  NOT NULL,
  created_at   BIGINT NOT NULL,
  destroyed_at BIGINT NOT NULL
);

CREATE INDEX subject_key_destroyed ON subject_key (destroyed_at) WHERE destroyed_at > 0;

-- +goose Down
DROP TABLE subject_key;
DROP TABLE journal_checkpoint;
DROP TABLE journal_hash;
DROP TABLE journal_event;
DROP TABLE journal_head;

-- +goose Up
-- One text that an application sends in slices to be judged, and shows itself. id is a keyed hash of key, session and channel:
-- what applications call their sessions is not kept. version moves with every change, so that two nodes never judge the same slice.
CREATE TABLE screening (
  id        TEXT   NOT NULL PRIMARY KEY,
  exchange  TEXT   NOT NULL,
  key_id    TEXT   NOT NULL,
  service   TEXT   NOT NULL,
  subject   TEXT   NOT NULL,
  direction TEXT   NOT NULL, -- in, out
  state     TEXT   NOT NULL, -- open, ended, cut, incomplete
  version   BIGINT NOT NULL,
  next      BIGINT NOT NULL, -- number of the slice to judge next
  final     BIGINT NOT NULL, -- number of the last slice, -1 while it has not come
  bytes     BIGINT NOT NULL, -- of the text so far, waiting slices included
  given     BIGINT NOT NULL, -- characters that the application has been told it may show
  at_ms     BIGINT NOT NULL,
  until_ms  BIGINT NOT NULL, -- open: when it is given up; else: when the row is erased
  sealed    BYTEA  NOT NULL  -- the gateway's own, under the subject's key
);
CREATE INDEX screening_until ON screening (until_ms);
CREATE INDEX screening_key ON screening (key_id, state);

-- A slice and what was answered. Its text is erased when the screening ends, its answer some minutes later.
CREATE TABLE screening_slice (
  screening TEXT   NOT NULL,
  seq       BIGINT NOT NULL,
  digest    TEXT   NOT NULL, -- keyed hash of the slice as sent
  bytes     BIGINT NOT NULL,
  text      BYTEA  NOT NULL, -- sealed; empty once erased
  answer    BYTEA  NOT NULL, -- sealed; empty while it waits for its predecessor
  PRIMARY KEY (screening, seq)
);

-- +goose Down
DROP TABLE screening_slice;
DROP TABLE screening;

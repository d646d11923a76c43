-- +goose Up
-- Versions of approved answers, whole; only their state changes.
CREATE TABLE answer_version (
  id       TEXT   NOT NULL,
  n        BIGINT NOT NULL, -- 1, 2, …
  state    TEXT   NOT NULL, -- draft, approved, superseded, retired
  body     TEXT   NOT NULL, -- JSON: the answer
  about    TEXT   NOT NULL, -- JSON: author, approver, note
  hash     TEXT   NOT NULL, -- SHA-256 of body, hex; the journal has it
  at_ms    BIGINT NOT NULL,
  PRIMARY KEY (id, n)
);
CREATE INDEX answer_version_state ON answer_version (state);

-- +goose Down
DROP TABLE answer_version;

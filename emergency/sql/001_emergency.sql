-- +goose Up
-- Measures that are stricter for a time; each row is one, whole.
CREATE TABLE emergency_measure (
  id    TEXT   NOT NULL PRIMARY KEY,
  kind  TEXT   NOT NULL, -- entry, period
  body  TEXT   NOT NULL, -- JSON
  at_ms BIGINT NOT NULL,
  over  BOOLEAN NOT NULL -- it will never be in force again: it was lifted, or its end or lapse has been recorded
);
CREATE INDEX emergency_measure_over ON emergency_measure (over, at_ms);

-- +goose Down
DROP TABLE emergency_measure;

-- +goose Up
-- What an application says it showed of a text that it had only sent to be judged. One row an exchange: the first word counts.
CREATE TABLE exchange_shown (
  id       TEXT    NOT NULL PRIMARY KEY,
  at       BIGINT  NOT NULL,
  service  TEXT    NOT NULL,
  shown    BIGINT  NOT NULL, -- characters
  labelled BOOLEAN NOT NULL,
  whole    BOOLEAN NOT NULL, -- not more was shown than might be
  log      TEXT    NOT NULL,
  seq      BIGINT  NOT NULL
);
CREATE INDEX exchange_shown_at ON exchange_shown (at);

-- +goose Down
DROP TABLE exchange_shown;

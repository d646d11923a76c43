-- +goose Up
-- Commitments, under the subject's key, to turns of conversations that were refused. The records hold them too.
CREATE TABLE exchange_refused_turn (
  subject TEXT   NOT NULL,
  turn    TEXT   NOT NULL,
  service TEXT   NOT NULL,
  at      BIGINT NOT NULL,
  PRIMARY KEY (subject, turn)
);
CREATE INDEX exchange_refused_turn_at ON exchange_refused_turn (service, at);

-- +goose Down
DROP TABLE exchange_refused_turn;

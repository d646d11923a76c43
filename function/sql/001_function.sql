-- +goose Up
-- What people have declared about functions of services: decisions, assessments, attestations of interfaces, consents. Rows of the first
-- three are never changed; a consent is, once, when it is withdrawn.
CREATE TABLE function_record (
  id      TEXT   NOT NULL PRIMARY KEY,
  kind    TEXT   NOT NULL, -- decision, assessment, attestation, consent
  service TEXT   NOT NULL,
  subject TEXT   NOT NULL, -- function, or client, or the person who is edited
  body    TEXT   NOT NULL, -- JSON
  at_ms   BIGINT NOT NULL
);
CREATE INDEX function_record_kind ON function_record (kind, service, subject, at_ms);

-- Interfaces that had to show something, by the name they gave themselves: when last, and how often.
CREATE TABLE function_interface (
  service     TEXT   NOT NULL,
  application TEXT   NOT NULL,
  client      TEXT   NOT NULL, -- empty: it did not say
  owed        TEXT   NOT NULL, -- what it had to show: ai_notice, player_notice, label_tool
  last_ms     BIGINT NOT NULL,
  times       BIGINT NOT NULL,
  PRIMARY KEY (service, application, client, owed)
);

-- +goose Down
DROP TABLE function_interface;
DROP TABLE function_record;

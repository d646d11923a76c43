-- +goose Up
-- Films are made while the client waits elsewhere: which exchange asked for one, and where it is made. The job's id is the model's own.
CREATE TABLE content_job (
  service     TEXT   NOT NULL,
  application TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  subject     TEXT   NOT NULL, -- emptied when the user is erased
  exchange    TEXT   NOT NULL,
  model       TEXT   NOT NULL,
  endpoint    TEXT   NOT NULL,
  target      TEXT   NOT NULL, -- the model's name there
  content     TEXT   NOT NULL, -- id of the labelled film in content_item; '' until it was fetched
  at_ms       BIGINT NOT NULL,
  PRIMARY KEY (service, application, id)
);
CREATE INDEX content_job_subject ON content_job (subject) WHERE subject <> '';

-- +goose Down
DROP TABLE content_job;

-- +goose Up
-- How much of a service's traffic is drawn for people to judge. No row: the defaults of review.DefaultRates.
CREATE TABLE review_rate (
  service TEXT   NOT NULL PRIMARY KEY,
  rates   TEXT   NOT NULL, -- JSON: review.Rates
  at_ms   BIGINT NOT NULL,
  event   TEXT   NOT NULL
);

-- One text of an exchange that people are asked to judge. It names the text and never holds it: content is read through the
-- vault. A subject that is erased takes its samples along.
CREATE TABLE review_sample (
  id       TEXT   NOT NULL PRIMARY KEY,
  exchange TEXT   NOT NULL,
  service  TEXT   NOT NULL,
  subject  TEXT   NOT NULL,
  direction TEXT  NOT NULL, -- in, out
  channel  TEXT   NOT NULL,
  choice   BIGINT NOT NULL,
  reason   TEXT   NOT NULL, -- random, disagreement, threshold, dispute
  verdict  TEXT   NOT NULL, -- of the exchange
  findings TEXT   NOT NULL, -- JSON: what detectors found in the exchange; places and entries, never text
  state    TEXT   NOT NULL, -- open: nobody has judged it; decided
  at_ms    BIGINT NOT NULL,
  event    TEXT   NOT NULL,
  UNIQUE (exchange, direction, channel, choice)
);
CREATE INDEX review_sample_subject ON review_sample (subject);
CREATE INDEX review_sample_state ON review_sample (state, at_ms);

-- What one person says of one sample. Never changed.
CREATE TABLE review_decision (
  id       TEXT   NOT NULL PRIMARY KEY,
  sample   TEXT   NOT NULL,
  reviewer TEXT   NOT NULL,
  verdict  TEXT   NOT NULL, -- right, over_blocked, missed, wrong_category
  labels   TEXT   NOT NULL, -- risks that the text has: 'A1h A2c'
  note     TEXT   NOT NULL,
  at_ms    BIGINT NOT NULL,
  event    TEXT   NOT NULL,
  UNIQUE (sample, reviewer)
);

-- A user disputes what was done with an exchange. The reason is sealed under the user's key.
CREATE TABLE review_dispute (
  id       TEXT   NOT NULL PRIMARY KEY,
  exchange TEXT   NOT NULL UNIQUE,
  service  TEXT   NOT NULL,
  subject  TEXT   NOT NULL,
  receipt  TEXT   NOT NULL UNIQUE, -- SHA-256 of the receipt, hex
  address  TEXT   NOT NULL, -- keyed commitment to the address it came from, another every day
  reason   BYTEA  NOT NULL,
  sample   TEXT   NOT NULL,
  at_ms    BIGINT NOT NULL,
  event    TEXT   NOT NULL
);
CREATE INDEX review_dispute_subject ON review_dispute (subject, at_ms);
CREATE INDEX review_dispute_address ON review_dispute (address);

-- A demotion of a lexicon entry that the figures ask for and two persons decide.
CREATE TABLE review_proposal (
  id      TEXT   NOT NULL PRIMARY KEY,
  entry   TEXT   NOT NULL,
  tier    TEXT   NOT NULL, -- as it is
  becomes TEXT   NOT NULL,
  state   TEXT   NOT NULL, -- open, seconded, applied, declined
  about   TEXT   NOT NULL, -- JSON: figures, persons, times, note
  at_ms   BIGINT NOT NULL,
  event   TEXT   NOT NULL
);
CREATE UNIQUE INDEX review_proposal_one ON review_proposal (entry, tier) WHERE state IN ('open', 'seconded');

-- Classifiers trained here. At most one is in training, one in shadow and one in force.
CREATE TABLE review_classifier (
  n      BIGINT NOT NULL PRIMARY KEY, -- 1, 2, …
  state  TEXT   NOT NULL, -- training, failed, trained, shadow, force, retired
  hash   TEXT   NOT NULL, -- of its artefact, SHA-256 hex; '' before
  about  TEXT   NOT NULL, -- JSON: who, when, samples, figures, progress, proposal
  at_ms  BIGINT NOT NULL, -- of the last change
  event  TEXT   NOT NULL
);
CREATE UNIQUE INDEX review_classifier_one ON review_classifier (state) WHERE state IN ('training', 'shadow', 'force');

-- Artefacts by hash, in pieces: exchanges need not wait for a large one. What no classifier names means nothing.
CREATE TABLE review_classifier_part (
  hash TEXT   NOT NULL,
  part BIGINT NOT NULL,
  data BYTEA  NOT NULL,
  PRIMARY KEY (hash, part)
);

-- +goose Down
DROP TABLE review_classifier_part;
DROP TABLE review_classifier;
DROP TABLE review_proposal;
DROP TABLE review_dispute;
DROP TABLE review_decision;
DROP TABLE review_sample;
DROP TABLE review_rate;

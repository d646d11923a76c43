-- +goose Up
-- One pseudonym at one service. name is personal information and stands nowhere else; erasing sets it to NULL.
CREATE TABLE users (
    subject            TEXT   NOT NULL PRIMARY KEY,
    service            TEXT   NOT NULL,
    name               TEXT,
    created_ms         BIGINT NOT NULL,
    accepted           TEXT   NOT NULL, -- agreement text accepted last
    accepted_ms        BIGINT NOT NULL,
    standing           TEXT   NOT NULL CHECK (standing IN ('good', 'suspended', 'erased')),
    suspended_until_ms BIGINT NOT NULL, -- 0: until lifted
    decision           TEXT   NOT NULL,
    reason             TEXT   NOT NULL,
    revision           BIGINT NOT NULL, -- 0 until the row first changes, then a number no other change has
    UNIQUE (service, name)
);
CREATE INDEX users_changed ON users (revision) WHERE revision > 0;
CREATE INDEX users_service ON users (service, subject);

-- One row that every change of a user takes its number from. Its lock makes numbers become visible in their order, so
-- that "everything above the number I saw last" misses nothing.
CREATE TABLE users_revision (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    n  BIGINT NOT NULL
);
INSERT INTO users_revision (id, n) VALUES (1, 0);

-- Who agreed to which version, when and by which way (G9-01). address is a network log and goes with the user.
CREATE TABLE users_acceptance (
    event   TEXT   NOT NULL PRIMARY KEY,
    subject TEXT   NOT NULL,
    text    TEXT   NOT NULL,
    at_ms   BIGINT NOT NULL,
    channel TEXT   NOT NULL,
    address TEXT   NOT NULL
);
CREATE INDEX users_acceptance_subject ON users_acceptance (subject, at_ms);

-- Every sanction and its end has exactly one decision.
CREATE TABLE users_decision (
    id       TEXT   NOT NULL PRIMARY KEY,
    subject  TEXT   NOT NULL,
    kind     TEXT   NOT NULL CHECK (kind IN ('suspend', 'lift')),
    reason   TEXT   NOT NULL,
    at_ms    BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    by_kind  TEXT   NOT NULL,
    by_id    TEXT   NOT NULL,
    event    TEXT   NOT NULL
);
CREATE INDEX users_decision_subject ON users_decision (subject, at_ms);

-- +goose Down
DROP TABLE users_decision;
DROP TABLE users_acceptance;
DROP TABLE users_revision;
DROP TABLE users;

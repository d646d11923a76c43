-- +goose Up
-- What was declared, version by version. Exactly one row of a (kind, id) has until_ms = 0: the one in force.
CREATE TABLE service_declared (
    kind        TEXT   NOT NULL CHECK (kind IN ('provider', 'service', 'model')),
    id          TEXT   NOT NULL,
    version     TEXT   NOT NULL, -- SHA-256 of declaration, hex
    declaration TEXT   NOT NULL, -- JSON
    from_ms     BIGINT NOT NULL,
    until_ms    BIGINT NOT NULL DEFAULT 0,
    event       TEXT   NOT NULL PRIMARY KEY
);
CREATE UNIQUE INDEX service_declared_in_force ON service_declared (kind, id) WHERE until_ms = 0;

-- Agreement texts. Rows are never changed.
CREATE TABLE service_text (
    id           TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of service, kind, number and both texts, hex
    service      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    number       TEXT   NOT NULL,
    zh           TEXT   NOT NULL,
    en           TEXT   NOT NULL,
    effective_ms BIGINT NOT NULL,
    event        TEXT   NOT NULL,
    UNIQUE (service, kind, number)
);

-- Keys of applications. The secret is known by its SHA-256 only.
CREATE TABLE service_key (
    id          TEXT   NOT NULL PRIMARY KEY,
    service     TEXT   NOT NULL,
    application TEXT   NOT NULL,
    secret      BYTEA  NOT NULL UNIQUE,
    hint        TEXT   NOT NULL,
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    revoked_ms  BIGINT NOT NULL,
    reason      TEXT   NOT NULL DEFAULT '', -- of the revocation
    contract    TEXT   NOT NULL
);

-- +goose Down
DROP TABLE service_key;
DROP TABLE service_text;
DROP TABLE service_declared;

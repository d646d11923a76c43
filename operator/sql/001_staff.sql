-- +goose Up
CREATE TABLE operator_staff (
    id       TEXT PRIMARY KEY,
    login    TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    role     TEXT NOT NULL,
    created  BIGINT NOT NULL,
    disabled BOOLEAN NOT NULL,
    password TEXT NOT NULL
);

CREATE TABLE operator_links (
    hash    TEXT PRIMARY KEY,
    staff   TEXT NOT NULL REFERENCES operator_staff (id),
    expires BIGINT NOT NULL,
    used    BIGINT NOT NULL
);

CREATE TABLE operator_sessions (
    hash    TEXT PRIMARY KEY,
    staff   TEXT NOT NULL REFERENCES operator_staff (id),
    address TEXT NOT NULL,
    created BIGINT NOT NULL,
    seen    BIGINT NOT NULL
);
CREATE INDEX operator_sessions_staff ON operator_sessions (staff);

CREATE TABLE operator_failures (
    name  TEXT PRIMARY KEY,
    count BIGINT NOT NULL,
    since BIGINT NOT NULL
);

-- +goose Down
DROP TABLE operator_failures;
DROP TABLE operator_sessions;
DROP TABLE operator_links;
DROP TABLE operator_staff;

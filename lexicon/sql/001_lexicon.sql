-- +goose Up
-- Published versions, whole and never changed. The highest n is in force.
CREATE TABLE lexicon_version (
    n       BIGINT NOT NULL PRIMARY KEY, -- 1, 2, …
    hash    TEXT   NOT NULL, -- of its entries: SHA-256 before compression, hex
    about   TEXT   NOT NULL, -- JSON: who, counts, figures of the gate, note
    at_ms   BIGINT NOT NULL,
    event   TEXT   NOT NULL
);

-- The entries of versions, by hash: gzip of one JSON object a line, ordered by id, in pieces. They are written one by one
-- before the version, so that exchanges need not wait for a large list; what no version names means nothing.
CREATE TABLE lexicon_part (
    hash TEXT   NOT NULL,
    part BIGINT NOT NULL, -- 0, 1, …
    data BYTEA  NOT NULL,
    PRIMARY KEY (hash, part)
);

-- What has changed since the version in force: one row. Every change raises revision and clears figures and proposal.
CREATE TABLE lexicon_draft (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL,
    changes  BYTEA  NOT NULL, -- packed like the entries of a version; an object without entry removes one
    about    TEXT   NOT NULL, -- JSON: who changed it last and when
    figures  TEXT   NOT NULL, -- JSON: what the gate measured of this revision; '' before
    proposal TEXT   NOT NULL  -- JSON: who asks for a second person's approval; '' when nobody does
);

-- +goose Down
DROP TABLE lexicon_draft;
DROP TABLE lexicon_part;
DROP TABLE lexicon_version;

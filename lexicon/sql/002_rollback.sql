-- +goose Up
-- An earlier version that somebody asks to put in force again, while it needs a second person's approval: one row. It means
-- nothing once another version has been published, or on another day than its figures.
CREATE TABLE lexicon_rollback (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    about TEXT   NOT NULL -- JSON: the version, the one in force, figures of the gate, who asks
);

-- +goose Down
DROP TABLE lexicon_rollback;

-- +goose Up
-- Who has opened a sample's text: nobody judges what was not shown to them. The reading itself is in the journal.
CREATE TABLE review_opening (
  sample   TEXT   NOT NULL,
  reviewer TEXT   NOT NULL,
  shown    BIGINT NOT NULL, -- 1: the text; 0: it was asked for and is no longer, or was never, kept
  at_ms    BIGINT NOT NULL,
  PRIMARY KEY (sample, reviewer)
);

-- +goose Down
DROP TABLE review_opening;

-- +goose Up
-- What detectors have used, by day in China. Counters of all nodes, added to in place; money in millionths of a yuan.
CREATE TABLE detector_spend (
  day        TEXT   NOT NULL, -- YYYY-MM-DD, Asia/Shanghai
  detector   TEXT   NOT NULL,
  checks     BIGINT NOT NULL, -- texts that were asked about
  calls      BIGINT NOT NULL,
  chars      BIGINT NOT NULL,
  tokens_in  BIGINT NOT NULL,
  tokens_out BIGINT NOT NULL,
  micros     BIGINT NOT NULL,
  saved      BIGINT NOT NULL, -- checks that the verdict cache answered
  skipped    BIGINT NOT NULL, -- checks that the cascade did not need
  capped     BIGINT NOT NULL, -- checks that the daily cap kept back
  estimated  BIGINT NOT NULL, -- calls without a usable bill
  over       BIGINT NOT NULL, -- calls billed beyond what the text can need
  over_micros BIGINT NOT NULL, -- what was billed beyond it; not in micros
  PRIMARY KEY (day, detector)
);

-- What happened to a detector on a day and is told once: capped, overcharged.
CREATE TABLE detector_notice (
  day      TEXT   NOT NULL,
  detector TEXT   NOT NULL,
  what     TEXT   NOT NULL,
  at_ms    BIGINT NOT NULL,
  event    TEXT   NOT NULL,
  PRIMARY KEY (day, detector, what)
);

-- +goose Down
DROP TABLE detector_notice;
DROP TABLE detector_spend;

-- From version 3 to 4: what every run was, and which store this is.

ALTER TABLE runs ADD COLUMN facts TEXT;

-- What a run was and who stands for it: entries of the log name it by its hash.
CREATE TABLE run_facts (
  hash TEXT PRIMARY KEY,
  run INTEGER NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID, STRICT;

INSERT OR IGNORE INTO meta (name, value) VALUES ('store_id', lower(hex(randomblob(16))));

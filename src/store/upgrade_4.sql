-- From version 3 to 4: what every run was, and which store this is.

-- What a run was and who stands for it: entries of the log name it by its hash.
CREATE TABLE run_facts (
  run INTEGER NOT NULL,
  place INTEGER NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  named INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run, place)
) WITHOUT ROWID, STRICT;

INSERT OR IGNORE INTO meta (name, value) VALUES ('store_id', lower(hex(randomblob(16))));

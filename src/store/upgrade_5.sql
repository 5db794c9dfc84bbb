-- From version 4 to 5: people and links in the order in which they came, found by an index of small entries. Beside each other in
-- the order of their ids, every new one would touch a page of its own.
CREATE TABLE observations_5 (
  tenant INTEGER NOT NULL REFERENCES tenants,
  object BLOB NOT NULL,
  presence INTEGER NOT NULL,
  external INTEGER NOT NULL,
  attributes TEXT NOT NULL,
  manager BLOB,
  round INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  suspect INTEGER NOT NULL,
  learned_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, object)
) STRICT;
INSERT INTO observations_5 SELECT tenant, object, presence, external, attributes, manager, round, confirmed, suspect, learned_at
  FROM observations;
DROP TABLE observations;
ALTER TABLE observations_5 RENAME TO observations;
CREATE INDEX observations_by_manager ON observations (tenant, manager) WHERE manager IS NOT NULL;
CREATE INDEX observations_suspect ON observations (tenant) WHERE suspect = 1;

CREATE TABLE links_5 (
  route INTEGER NOT NULL REFERENCES routes,
  home BLOB NOT NULL,
  target INTEGER NOT NULL REFERENCES tenants,
  account BLOB,
  origin INTEGER NOT NULL,
  asked_address TEXT,
  asked_at INTEGER NOT NULL,
  asked_reading INTEGER NOT NULL,
  rules TEXT NOT NULL,
  initialised INTEGER NOT NULL,
  disabled_by_us INTEGER NOT NULL,
  leaving_since INTEGER,
  baseline TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (route, home)
) STRICT;
INSERT INTO links_5 SELECT route, home, target, account, origin, asked_address, asked_at, asked_reading, rules, initialised,
  disabled_by_us, leaving_since, baseline, since FROM links;
DROP TABLE links;
ALTER TABLE links_5 RENAME TO links;
CREATE UNIQUE INDEX links_by_account ON links (target, account) WHERE account IS NOT NULL;

-- Version 6. Object ids are 16 bytes where they are GUIDs (see codec.rs); times are milliseconds since 1970, UTC.

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;

CREATE TABLE tenants (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  directory TEXT NOT NULL,               -- the tenant's GUID: a name that moves to another directory is noticed
  keyed TEXT NOT NULL DEFAULT '',        -- attributes that `keys` holds, comma-separated
  link TEXT,                             -- delta link of the last reading that ran to its end
  selection TEXT NOT NULL DEFAULT '',    -- attributes of which everybody's value is known: those of the last readings
  issued_at INTEGER NOT NULL DEFAULT 0,
  next_link TEXT,                        -- where a reading that was cut short goes on
  next_full INTEGER NOT NULL DEFAULT 0,  -- that reading is a full round
  next_selection TEXT NOT NULL DEFAULT '',
  next_at INTEGER NOT NULL DEFAULT 0,    -- when that reading began
  round INTEGER NOT NULL DEFAULT 0,      -- full rounds begun
  readings INTEGER NOT NULL DEFAULT 0,   -- readings, full or not, that ran to their end
  read_at INTEGER NOT NULL DEFAULT 0,    -- end of the last of them
  groups TEXT NOT NULL DEFAULT ''        -- groups whose members the last of them asked for, comma-separated
) STRICT;

CREATE TABLE routes (
  id INTEGER PRIMARY KEY,
  home INTEGER NOT NULL REFERENCES tenants,
  target INTEGER NOT NULL REFERENCES tenants,
  fingerprint TEXT NOT NULL DEFAULT '',  -- rules under which `unsettled` was last filled
  UNIQUE (home, target)
) STRICT;

-- Rule sets as they were written: those that the last sync of each route worked with. Many routes share one text.
CREATE TABLE rule_texts (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,             -- sha256 over text
  text TEXT NOT NULL
) STRICT;
CREATE TABLE route_rules (
  route INTEGER NOT NULL REFERENCES routes,
  place INTEGER NOT NULL,                -- the first whose scope takes a user has that user
  name TEXT NOT NULL,
  rule_text INTEGER NOT NULL REFERENCES rule_texts,
  PRIMARY KEY (route, place)
) WITHOUT ROWID, STRICT;
CREATE INDEX route_rules_by_text ON route_rules (rule_text);

CREATE TABLE observations (
  tenant INTEGER NOT NULL REFERENCES tenants,
  object BLOB NOT NULL,
  presence INTEGER NOT NULL,             -- 0 present, 1 soft-deleted, 2 gone
  external INTEGER NOT NULL,
  attributes TEXT NOT NULL,              -- JSON object, keys sorted
  manager BLOB,
  round INTEGER NOT NULL,                -- last full round that told news of it; 0: the last one that ended did not mention it
  confirmed INTEGER NOT NULL,            -- a reading has mentioned it; 0: known only from the answer to a write
  suspect INTEGER NOT NULL,              -- 1: has to be looked at one by one; 2: a look has shown it at learned_at
  learned_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, object)
-- In the order in which they came: in that of their ids every new one would touch a page of its own.
) STRICT;
CREATE INDEX observations_by_manager ON observations (tenant, manager) WHERE manager IS NOT NULL;
CREATE INDEX observations_suspect ON observations (tenant) WHERE suspect = 1;

-- Whom the full round under way has told of without any news, a page in each row: ids, each behind its length (4 bytes, the lowest
-- first).
CREATE TABLE mentions (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants, objects BLOB NOT NULL) STRICT;

-- Folded values by which accounts are found: match attributes, mail, and '#ext' (the address in a guest's sign-in name).
CREATE TABLE keys (
  tenant INTEGER NOT NULL REFERENCES tenants,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  object BLOB NOT NULL,
  PRIMARY KEY (tenant, attribute, value, object)
) WITHOUT ROWID, STRICT;

CREATE TABLE memberships (
  tenant INTEGER NOT NULL REFERENCES tenants,
  object BLOB NOT NULL,
  grp TEXT NOT NULL,
  PRIMARY KEY (tenant, object, grp)
) WITHOUT ROWID, STRICT;
CREATE INDEX memberships_by_group ON memberships (tenant, grp);

CREATE TABLE links (
  route INTEGER NOT NULL REFERENCES routes,
  home BLOB NOT NULL,
  target INTEGER NOT NULL REFERENCES tenants,
  account BLOB,                          -- NULL: asked for, not known yet
  origin INTEGER NOT NULL,               -- 0 provisioned, 1 joined
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
-- Two home users never share an account, on whichever route.
CREATE UNIQUE INDEX links_by_account ON links (target, account) WHERE account IS NOT NULL;

-- Who has to be considered again: something changed, or the last word was not "settled".
CREATE TABLE unsettled (
  route INTEGER NOT NULL REFERENCES routes,
  home BLOB NOT NULL,
  state TEXT NOT NULL DEFAULT '',        -- '' not considered yet; else pending, held, failed or waiting
  detail TEXT NOT NULL DEFAULT '',
  lane TEXT NOT NULL DEFAULT '',         -- while pending: where the change waits
  writes INTEGER NOT NULL DEFAULT 0,     -- while pending: how many object writes it takes in all
  since INTEGER NOT NULL DEFAULT 0,      -- when it came to this state
  tries INTEGER NOT NULL DEFAULT 0,      -- cycles in a row that failed
  not_before INTEGER NOT NULL DEFAULT 0, -- while failed: when it is tried again
  PRIMARY KEY (route, home)
) WITHOUT ROWID, STRICT;

-- Tenants that are left alone for a while, because nothing but faults came from them.
CREATE TABLE breakers (
  tenant INTEGER NOT NULL REFERENCES tenants,
  door TEXT NOT NULL,                    -- 'reading' or 'writing'
  failures INTEGER NOT NULL,             -- in a row
  since INTEGER NOT NULL,
  open_until INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (tenant, door)
) WITHOUT ROWID, STRICT;

-- Routes on which the same error met one person after the other.
CREATE TABLE quarantines (
  route INTEGER NOT NULL REFERENCES routes,
  part TEXT NOT NULL,                    -- 'leavers' or 'others': a refused invitation never stops a deletion
  since INTEGER NOT NULL,
  probes INTEGER NOT NULL,               -- that failed
  probe_at INTEGER NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (route, part)
) WITHOUT ROWID, STRICT;

-- Alerts that no receiver has confirmed yet.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hook TEXT NOT NULL,                    -- the receiver's name in the configuration
  event TEXT NOT NULL,                   -- the event's own id: the same in every attempt
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  error TEXT NOT NULL DEFAULT ''         -- of the last attempt
) STRICT;
CREATE INDEX outbox_by_hook ON outbox (hook, id);

-- Writes that left and were not answered yet. A row here after a crash is an open question.
CREATE TABLE asked (id INTEGER PRIMARY KEY, target INTEGER NOT NULL REFERENCES tenants, body TEXT NOT NULL) STRICT;

CREATE TABLE spent (
  budget TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  writes INTEGER NOT NULL,
  PRIMARY KEY (budget, bucket)
) WITHOUT ROWID, STRICT;

CREATE TABLE log (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  run INTEGER NOT NULL,
  home TEXT NOT NULL,
  target TEXT NOT NULL,
  action TEXT NOT NULL,
  outcome TEXT NOT NULL,
  body TEXT NOT NULL,                    -- the entry as JSON, with the previous hash
  hash TEXT NOT NULL                     -- sha256 over body
) STRICT;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  cause TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  exit_code INTEGER,
  summary TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- What a run was and who stands for it: entries of the log name it by its hash.
CREATE TABLE run_facts (
  run INTEGER NOT NULL,
  place INTEGER NOT NULL,                -- the last ones hold: an approval makes new ones
  hash TEXT NOT NULL UNIQUE,             -- sha256 over body
  body TEXT NOT NULL,                    -- JSON
  named INTEGER NOT NULL DEFAULT 0,      -- an entry of the log names it: those that none does go with the end of the run
  PRIMARY KEY (run, place)
) WITHOUT ROWID, STRICT;

-- Tells the log of this store from that of any other.
INSERT INTO meta (name, value) VALUES ('store_id', lower(hex(randomblob(16))));

-- From version 2 to 3: what a schedule needs that runs for months.

ALTER TABLE unsettled ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE unsettled ADD COLUMN writes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE unsettled ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE unsettled ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE unsettled ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;

-- Tenants that are left alone for a while, because nothing but faults came from them.
CREATE TABLE breakers (
  tenant INTEGER NOT NULL REFERENCES tenants,
  door TEXT NOT NULL,
  failures INTEGER NOT NULL,
  since INTEGER NOT NULL,
  open_until INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (tenant, door)
) WITHOUT ROWID, STRICT;

-- Routes on which the same error met one person after the other.
CREATE TABLE quarantines (
  route INTEGER NOT NULL REFERENCES routes,
  part TEXT NOT NULL,
  since INTEGER NOT NULL,
  probes INTEGER NOT NULL,
  probe_at INTEGER NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (route, part)
) WITHOUT ROWID, STRICT;

-- Alerts that no receiver has confirmed yet.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hook TEXT NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outbox_by_hook ON outbox (hook, id);

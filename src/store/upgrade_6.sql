-- From version 5 to 6: of whom a full round tells nothing new is kept page by page, and not in each one's row.
CREATE TABLE mentions (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants, objects BLOB NOT NULL) STRICT;
-- Whom the last full round did not mention: `round` says so by itself now.
UPDATE observations SET round = 0
  WHERE suspect = 1 AND confirmed = 1 AND round < (SELECT round FROM tenants WHERE id = observations.tenant);

-- From version 1 to 2: what the last sync worked with is remembered, and which groups were asked for.

ALTER TABLE tenants ADD COLUMN groups TEXT NOT NULL DEFAULT '';
-- Version 1 did not keep which groups it asked for. Those that had members it knew.
UPDATE tenants SET groups = coalesce(
  (SELECT group_concat(grp, ',') FROM (SELECT DISTINCT grp FROM memberships WHERE tenant = tenants.id ORDER BY grp)), '');

CREATE TABLE rule_texts (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL
) STRICT;
CREATE TABLE route_rules (
  route INTEGER NOT NULL REFERENCES routes,
  place INTEGER NOT NULL,
  name TEXT NOT NULL,
  rule_text INTEGER NOT NULL REFERENCES rule_texts,
  PRIMARY KEY (route, place)
) WITHOUT ROWID, STRICT;
CREATE INDEX route_rules_by_text ON route_rules (rule_text);

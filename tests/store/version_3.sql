-- A store as version 3 left it after one sync of one route: SQLite's own dump.
BEGIN TRANSACTION;
CREATE TABLE asked (id INTEGER PRIMARY KEY, target INTEGER NOT NULL REFERENCES tenants, body TEXT NOT NULL) STRICT;
CREATE TABLE breakers (
  tenant INTEGER NOT NULL REFERENCES tenants,
  door TEXT NOT NULL,                    -- 'reading' or 'writing'
  failures INTEGER NOT NULL,             -- in a row
  since INTEGER NOT NULL,
  open_until INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (tenant, door)
) WITHOUT ROWID, STRICT;
CREATE TABLE keys (
  tenant INTEGER NOT NULL REFERENCES tenants,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  object BLOB NOT NULL,
  PRIMARY KEY (tenant, attribute, value, object)
) WITHOUT ROWID, STRICT;
INSERT INTO "keys" VALUES(1,'#ext','anna.shevchenko_south.fine-arts.example',X'674A139DA4D54EC78E6E407738D78A41');
INSERT INTO "keys" VALUES(1,'#ext','freya.clarke_alumni.west.fine-arts.example',X'F9D10AAB5BA94EC7889D2B318371296C');
INSERT INTO "keys" VALUES(1,'#ext','freya.clarke_west.fine-arts.example',X'AC59C3E36569428788F3816E1E763970');
INSERT INTO "keys" VALUES(1,'#ext','inigo.nunez_south.fine-arts.example',X'133D7804CBBF4CB3B6846A5D8D8893AF');
INSERT INTO "keys" VALUES(1,'#ext','jing.kim_west.fine-arts.example',X'4CB3519756B440639126102689182F66');
INSERT INTO "keys" VALUES(1,'#ext','jo.partner_gallery.example',X'07F2A2C6AFC64060879E939255D8AAFB');
INSERT INTO "keys" VALUES(1,'#ext','john.oneill_south.fine-arts.example',X'486CB22A3CDF4D24A0F927D978C69274');
INSERT INTO "keys" VALUES(1,'#ext','mary.young_west.fine-arts.example',X'3EB6CA5E98B847C9BE58CD1F3C9B7D13');
INSERT INTO "keys" VALUES(1,'#ext','noemie.lukaszewicz_south.fine-arts.example',X'8E5B4D984CEC477ABB9C85D15279406D');
INSERT INTO "keys" VALUES(1,'mail','alice.lee@north.fine-arts.example',X'FFC21899B54D40A1B624861E4CEA457C');
INSERT INTO "keys" VALUES(1,'mail','anna.ivanova@north.fine-arts.example',X'CA8A4D3F081540EE8BDD58997C5C5655');
INSERT INTO "keys" VALUES(1,'mail','anna.shevchenko@south.fine-arts.example',X'674A139DA4D54EC78E6E407738D78A41');
INSERT INTO "keys" VALUES(1,'mail','freya.clarke@alumni.west.fine-arts.example',X'F9D10AAB5BA94EC7889D2B318371296C');
INSERT INTO "keys" VALUES(1,'mail','freya.clarke@west.fine-arts.example',X'AC59C3E36569428788F3816E1E763970');
INSERT INTO "keys" VALUES(1,'mail','inigo.nunez@south.fine-arts.example',X'133D7804CBBF4CB3B6846A5D8D8893AF');
INSERT INTO "keys" VALUES(1,'mail','jing.kim@west.fine-arts.example',X'4CB3519756B440639126102689182F66');
INSERT INTO "keys" VALUES(1,'mail','jo.partner@gallery.example',X'07F2A2C6AFC64060879E939255D8AAFB');
INSERT INTO "keys" VALUES(1,'mail','john.oneill@south.fine-arts.example',X'486CB22A3CDF4D24A0F927D978C69274');
INSERT INTO "keys" VALUES(1,'mail','lukasz.goncalves@north.fine-arts.example',X'EC8E193026E54E5EBA683B7C37AC3B9B');
INSERT INTO "keys" VALUES(1,'mail','mary.young@west.fine-arts.example',X'3EB6CA5E98B847C9BE58CD1F3C9B7D13');
INSERT INTO "keys" VALUES(1,'mail','ming.sato@north.fine-arts.example',X'68BF00A467734FC7B65D1C1372CFD49E');
INSERT INTO "keys" VALUES(1,'mail','noah.obrien@north.fine-arts.example',X'41EAE00AE3D4437DA8C986A6B7A5FE75');
INSERT INTO "keys" VALUES(1,'mail','noemie.lukaszewicz@south.fine-arts.example',X'8E5B4D984CEC477ABB9C85D15279406D');
INSERT INTO "keys" VALUES(1,'mail','odegaard.angstrom@north.fine-arts.example',X'E173ED54C835438DA5C0506D6A1C7933');
INSERT INTO "keys" VALUES(1,'mail','olena.papadopoulos@north.fine-arts.example',X'EFE523AA2B114A0DB5B9F48CFC71F449');
INSERT INTO "keys" VALUES(1,'mail','oliver.turner@north.fine-arts.example',X'2F9E1EC2C706471E9353EF0539A8BE09');
INSERT INTO "keys" VALUES(1,'mail','oscar.obrien@north.fine-arts.example',X'03BB5C9CD6C44B0AB26438DAC07CFC59');
INSERT INTO "keys" VALUES(1,'mail','ruby.johnson@north.fine-arts.example',X'4D18C51873364A118D077C3F89E537B2');
INSERT INTO "keys" VALUES(1,'mail','sam.jackson@north.fine-arts.example',X'F1544E8827A344BCB78374898D0BE594');
INSERT INTO "keys" VALUES(2,'#ext','alice.lee_north.fine-arts.example',X'6579EDDE57FA4C69A94F32312EFF40EE');
INSERT INTO "keys" VALUES(2,'#ext','anna.ivanova_north.fine-arts.example',X'9F293537884A4C838820F0DF555F8290');
INSERT INTO "keys" VALUES(2,'#ext','freya.clarke_west.fine-arts.example',X'F135C7767899409DA1DBF4C26314ADE8');
INSERT INTO "keys" VALUES(2,'#ext','jing.kim_west.fine-arts.example',X'894EC443CE0E4646ACE02D07212F2516');
INSERT INTO "keys" VALUES(2,'#ext','jo.partner_gallery.example',X'C6B3534BCF244BCABC9142EFBAABB61B');
INSERT INTO "keys" VALUES(2,'#ext','lukasz.goncalves_north.fine-arts.example',X'175DBD87561F4C848DCEACF29850D185');
INSERT INTO "keys" VALUES(2,'#ext','mary.young_west.fine-arts.example',X'3048E681C9B74819B47C094AC4AF33DF');
INSERT INTO "keys" VALUES(2,'#ext','ming.sato_north.fine-arts.example',X'7C74D0CEA1ED463BBF073A9C9C41D76A');
INSERT INTO "keys" VALUES(2,'#ext','noah.obrien_north.fine-arts.example',X'E245CBB879304878A338D03F1F4CF0D9');
INSERT INTO "keys" VALUES(2,'#ext','noah.turner_west.fine-arts.example',X'AC30C5A0D4AD4413BB5D013BF86FE0F5');
INSERT INTO "keys" VALUES(2,'#ext','odegaard.angstrom_north.fine-arts.example',X'EB78DB94EB2B40D090C174D853521E8B');
INSERT INTO "keys" VALUES(2,'#ext','olena.papadopoulos_north.fine-arts.example',X'10A509FFF6E649A097910CF1AC502F6F');
INSERT INTO "keys" VALUES(2,'#ext','oliver.turner_north.fine-arts.example',X'FAADE2B458514104B66CFDE943122C78');
INSERT INTO "keys" VALUES(2,'#ext','oscar.obrien_alumni.north.fine-arts.example',X'991D7F73A8E6421082B6D69650F0F063');
INSERT INTO "keys" VALUES(2,'#ext','oscar.obrien_north.fine-arts.example',X'7388C3FCC01E40A6A3E1A2F7A5612684');
INSERT INTO "keys" VALUES(2,'#ext','ruby.johnson_north.fine-arts.example',X'0FB1FF9AFDE84654AC927F42253D9B42');
INSERT INTO "keys" VALUES(2,'#ext','sam.jackson_north.fine-arts.example',X'620686E0CCAC4807BDABC9D2DBE2B252');
INSERT INTO "keys" VALUES(2,'mail','alice.lee@north.fine-arts.example',X'6579EDDE57FA4C69A94F32312EFF40EE');
INSERT INTO "keys" VALUES(2,'mail','anna.ivanova@north.fine-arts.example',X'9F293537884A4C838820F0DF555F8290');
INSERT INTO "keys" VALUES(2,'mail','anna.shevchenko@south.fine-arts.example',X'76F526D733244FD6A22B9FB6E5548664');
INSERT INTO "keys" VALUES(2,'mail','callum.wright@south.fine-arts.example',X'F0FE4FCCA6F841089852C38DEB990B50');
INSERT INTO "keys" VALUES(2,'mail','freya.clarke@west.fine-arts.example',X'F135C7767899409DA1DBF4C26314ADE8');
INSERT INTO "keys" VALUES(2,'mail','inigo.nunez@south.fine-arts.example',X'5BCED34EDEBE428EBB78D5A9576BB827');
INSERT INTO "keys" VALUES(2,'mail','isla.king@south.fine-arts.example',X'32AF58366C5448FCB3B169F6A4557382');
INSERT INTO "keys" VALUES(2,'mail','jack.cooper@south.fine-arts.example',X'2947CF3D78684ED79733D03953D6A6C1');
INSERT INTO "keys" VALUES(2,'mail','jing.kim@west.fine-arts.example',X'894EC443CE0E4646ACE02D07212F2516');
INSERT INTO "keys" VALUES(2,'mail','jo.partner@gallery.example',X'C6B3534BCF244BCABC9142EFBAABB61B');
INSERT INTO "keys" VALUES(2,'mail','john.oneill@south.fine-arts.example',X'3D8DA1D2DDC94D2CA8FF4C7DC1C25BE2');
INSERT INTO "keys" VALUES(2,'mail','lukasz.goncalves@north.fine-arts.example',X'175DBD87561F4C848DCEACF29850D185');
INSERT INTO "keys" VALUES(2,'mail','mary.young@west.fine-arts.example',X'3048E681C9B74819B47C094AC4AF33DF');
INSERT INTO "keys" VALUES(2,'mail','ming.sato@north.fine-arts.example',X'7C74D0CEA1ED463BBF073A9C9C41D76A');
INSERT INTO "keys" VALUES(2,'mail','noah.obrien@north.fine-arts.example',X'E245CBB879304878A338D03F1F4CF0D9');
INSERT INTO "keys" VALUES(2,'mail','noah.turner@west.fine-arts.example',X'AC30C5A0D4AD4413BB5D013BF86FE0F5');
INSERT INTO "keys" VALUES(2,'mail','noemie.lukaszewicz@south.fine-arts.example',X'578731375928430A911A03CAF14B2E29');
INSERT INTO "keys" VALUES(2,'mail','odegaard.angstrom@north.fine-arts.example',X'EB78DB94EB2B40D090C174D853521E8B');
INSERT INTO "keys" VALUES(2,'mail','olena.papadopoulos@north.fine-arts.example',X'10A509FFF6E649A097910CF1AC502F6F');
INSERT INTO "keys" VALUES(2,'mail','oliver.turner@north.fine-arts.example',X'FAADE2B458514104B66CFDE943122C78');
INSERT INTO "keys" VALUES(2,'mail','oscar.obrien@alumni.north.fine-arts.example',X'991D7F73A8E6421082B6D69650F0F063');
INSERT INTO "keys" VALUES(2,'mail','oscar.obrien@north.fine-arts.example',X'7388C3FCC01E40A6A3E1A2F7A5612684');
INSERT INTO "keys" VALUES(2,'mail','poppy.patel@south.fine-arts.example',X'85ADD9866F8D42159CF35F578A128685');
INSERT INTO "keys" VALUES(2,'mail','ruby.johnson@north.fine-arts.example',X'0FB1FF9AFDE84654AC927F42253D9B42');
INSERT INTO "keys" VALUES(2,'mail','sam.campbell@south.fine-arts.example',X'DCFC532A6CC044EEA5888C7E2A08CE33');
INSERT INTO "keys" VALUES(2,'mail','sam.jackson@north.fine-arts.example',X'620686E0CCAC4807BDABC9D2DBE2B252');
INSERT INTO "keys" VALUES(2,'mail','sian.vanderberg@south.fine-arts.example',X'831406BCE52E4EBDA8F97BB559143744');
INSERT INTO "keys" VALUES(2,'mail','sophie.scott@south.fine-arts.example',X'E2B75DF0E5C843069692011FD1301646');
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
) WITHOUT ROWID, STRICT;
INSERT INTO "links" VALUES(1,X'03BB5C9CD6C44B0AB26438DAC07CFC59',2,X'7388C3FCC01E40A6A3E1A2F7A5612684',1,NULL,0,0,'staff',1,0,NULL,'{}',1795794578705);
INSERT INTO "links" VALUES(1,X'2F9E1EC2C706471E9353EF0539A8BE09',2,X'FAADE2B458514104B66CFDE943122C78',1,NULL,0,0,'staff',1,0,NULL,'{}',1795794578718);
INSERT INTO "links" VALUES(1,X'41EAE00AE3D4437DA8C986A6B7A5FE75',2,X'E245CBB879304878A338D03F1F4CF0D9',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578735);
INSERT INTO "links" VALUES(1,X'4D18C51873364A118D077C3F89E537B2',2,X'0FB1FF9AFDE84654AC927F42253D9B42',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578755);
INSERT INTO "links" VALUES(1,X'68BF00A467734FC7B65D1C1372CFD49E',2,X'7C74D0CEA1ED463BBF073A9C9C41D76A',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578766);
INSERT INTO "links" VALUES(1,X'CA8A4D3F081540EE8BDD58997C5C5655',2,X'9F293537884A4C838820F0DF555F8290',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578778);
INSERT INTO "links" VALUES(1,X'E173ED54C835438DA5C0506D6A1C7933',2,X'EB78DB94EB2B40D090C174D853521E8B',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578790);
INSERT INTO "links" VALUES(1,X'EC8E193026E54E5EBA683B7C37AC3B9B',2,X'175DBD87561F4C848DCEACF29850D185',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578802);
INSERT INTO "links" VALUES(1,X'EFE523AA2B114A0DB5B9F48CFC71F449',2,X'10A509FFF6E649A097910CF1AC502F6F',1,NULL,0,0,'staff',1,0,NULL,'{}',1795794578726);
INSERT INTO "links" VALUES(1,X'F1544E8827A344BCB78374898D0BE594',2,X'620686E0CCAC4807BDABC9D2DBE2B252',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578814);
INSERT INTO "links" VALUES(1,X'FFC21899B54D40A1B624861E4CEA457C',2,X'6579EDDE57FA4C69A94F32312EFF40EE',0,NULL,0,0,'staff',1,0,NULL,'{}',1795794578822);
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
INSERT INTO "log" VALUES(1,1795794578705,1,'north','south','join','applied','{"seq":1,"at":"2026-11-27T15:49:38.705Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"join","home":{"tenant":"north","id":"03bb5c9c-d6c4-4b0a-b264-38dac07cfc59","userPrincipalName":"oscar.obrien@north.fine-arts.example"},"account":{"tenant":"south","id":"7388c3fc-c01e-40a6-a3e1-a2f7a5612684"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Ceramics"},"employeeId":{"before":null,"after":"N0000009"},"employeeType":{"before":null,"after":"Teacher"},"givenName":{"before":null,"after":"Oscar"},"jobTitle":{"before":null,"after":"Visiting Artist"},"officeLocation":{"before":null,"after":"Annex 298"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"O''Brien"}},"why":"in scope","outcome":"applied","request_id":"ccc31829-59f6-42f4-a5e6-41b0e998e7f7","previous":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}','sha256:77693fb7b750878ebce5115891e85ecd4e8a797d18833f68ed61821ba3f5d584');
INSERT INTO "log" VALUES(2,1795794578718,1,'north','south','join','applied','{"seq":2,"at":"2026-11-27T15:49:38.718Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"join","home":{"tenant":"north","id":"2f9e1ec2-c706-471e-9353-ef0539a8be09","userPrincipalName":"oliver.turner@north.fine-arts.example"},"account":{"tenant":"south","id":"faade2b4-5851-4104-b66c-fde943122c78"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Ceramics"},"employeeId":{"before":null,"after":"N0000007"},"employeeType":{"before":null,"after":"Teacher"},"givenName":{"before":null,"after":"Oliver"},"jobTitle":{"before":null,"after":"Tutor"},"officeLocation":{"before":null,"after":"Atelier 379"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Turner"}},"why":"in scope","outcome":"applied","request_id":"4d283d5a-c222-41db-8e95-e731753d9b6a","previous":"sha256:77693fb7b750878ebce5115891e85ecd4e8a797d18833f68ed61821ba3f5d584"}','sha256:5ed671f493db60e76c70b9ef299d14215ce30ff58280496b8ccee63738e38254');
INSERT INTO "log" VALUES(3,1795794578726,1,'north','south','join','applied','{"seq":3,"at":"2026-11-27T15:49:38.726Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"join","home":{"tenant":"north","id":"efe523aa-2b11-4a0d-b5b9-f48cfc71f449","userPrincipalName":"olena.papadopoulos@north.fine-arts.example"},"account":{"tenant":"south","id":"10a509ff-f6e6-49a0-9791-0cf1ac502f6f"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Strings"},"employeeId":{"before":null,"after":"N0000006"},"employeeType":{"before":null,"after":"Teacher"},"givenName":{"before":null,"after":"Олена"},"jobTitle":{"before":null,"after":"Visiting Artist"},"officeLocation":{"before":null,"after":"Atelier 019"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Παπαδόπουλος"}},"why":"in scope","outcome":"applied","request_id":"3092deb2-d432-4862-bb08-069d02827213","previous":"sha256:5ed671f493db60e76c70b9ef299d14215ce30ff58280496b8ccee63738e38254"}','sha256:31269f4ca04218bbd56c3ef011ad4bc9d58c8997b4d389f22ed377e6fea11175');
INSERT INTO "log" VALUES(4,1795794578735,1,'north','south','provision','applied','{"seq":4,"at":"2026-11-27T15:49:38.735Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"41eae00a-e3d4-437d-a8c9-86a6b7a5fe75","userPrincipalName":"noah.obrien@north.fine-arts.example"},"account":{"tenant":"south","id":"e245cbb8-7930-4878-a338-d03f1f4cf0d9"},"edits":{"displayName":{"before":null,"after":"Noah O''Brien"},"mail":{"before":null,"after":"noah.obrien@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"d63db01c-28dc-4db5-ba35-608304f42822","previous":"sha256:31269f4ca04218bbd56c3ef011ad4bc9d58c8997b4d389f22ed377e6fea11175"}','sha256:cbfcd5450468f7858dbaf5125eac2dafba2825dd524f3fb7943445a3aa9642cc');
INSERT INTO "log" VALUES(5,1795794578755,1,'north','south','provision','applied','{"seq":5,"at":"2026-11-27T15:49:38.755Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"4d18c518-7336-4a11-8d07-7c3f89e537b2","userPrincipalName":"ruby.johnson@north.fine-arts.example"},"account":{"tenant":"south","id":"0fb1ff9a-fde8-4654-ac92-7f42253d9b42"},"edits":{"displayName":{"before":null,"after":"Ruby Johnson"},"mail":{"before":null,"after":"ruby.johnson@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"8fe277ad-15dd-4d74-a22f-1758d9ca492c","previous":"sha256:cbfcd5450468f7858dbaf5125eac2dafba2825dd524f3fb7943445a3aa9642cc"}','sha256:dfbfd29a485d584e93fb9862fa4fb64f77eb62a4cf8cb163cd4ae404d6748bd4');
INSERT INTO "log" VALUES(6,1795794578766,1,'north','south','provision','applied','{"seq":6,"at":"2026-11-27T15:49:38.766Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"68bf00a4-6773-4fc7-b65d-1c1372cfd49e","userPrincipalName":"ming.sato@north.fine-arts.example"},"account":{"tenant":"south","id":"7c74d0ce-a1ed-463b-bf07-3a9c9c41d76a"},"edits":{"displayName":{"before":null,"after":"明 佐藤"},"mail":{"before":null,"after":"ming.sato@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"e5f8c31f-2351-4a73-9ba0-e090cd54212b","previous":"sha256:dfbfd29a485d584e93fb9862fa4fb64f77eb62a4cf8cb163cd4ae404d6748bd4"}','sha256:ae47828d083a8d41a5dac887d091b0a64d3bc28afde594c7b8a289f08d8bfd5f');
INSERT INTO "log" VALUES(7,1795794578778,1,'north','south','provision','applied','{"seq":7,"at":"2026-11-27T15:49:38.778Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"ca8a4d3f-0815-40ee-8bdd-58997c5c5655","userPrincipalName":"anna.ivanova@north.fine-arts.example"},"account":{"tenant":"south","id":"9f293537-884a-4c83-8820-f0df555f8290"},"edits":{"displayName":{"before":null,"after":"Анна Иванова"},"mail":{"before":null,"after":"anna.ivanova@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"b560603c-0b93-4c04-b047-1a34fe0a798b","previous":"sha256:ae47828d083a8d41a5dac887d091b0a64d3bc28afde594c7b8a289f08d8bfd5f"}','sha256:58c004aecbd193b2100dd4341958f99c4f5e042e671dfea2c828660b279f19aa');
INSERT INTO "log" VALUES(8,1795794578790,1,'north','south','provision','applied','{"seq":8,"at":"2026-11-27T15:49:38.790Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"e173ed54-c835-438d-a5c0-506d6a1c7933","userPrincipalName":"odegaard.angstrom@north.fine-arts.example"},"account":{"tenant":"south","id":"eb78db94-eb2b-40d0-90c1-74d853521e8b"},"edits":{"displayName":{"before":null,"after":"Ødegaard Ångström"},"mail":{"before":null,"after":"odegaard.angstrom@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"0576507f-e4ad-4fd1-8837-d4decc097248","previous":"sha256:58c004aecbd193b2100dd4341958f99c4f5e042e671dfea2c828660b279f19aa"}','sha256:af917a4b05ebe3ba9772e1a25e839f84312eb8d8261054821c7fcf0144bcd0ce');
INSERT INTO "log" VALUES(9,1795794578802,1,'north','south','provision','applied','{"seq":9,"at":"2026-11-27T15:49:38.802Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"ec8e1930-26e5-4e5e-ba68-3b7c37ac3b9b","userPrincipalName":"lukasz.goncalves@north.fine-arts.example"},"account":{"tenant":"south","id":"175dbd87-561f-4c84-8dce-acf29850d185"},"edits":{"displayName":{"before":null,"after":"Łukasz Gonçalves"},"mail":{"before":null,"after":"lukasz.goncalves@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"28a4af08-24f2-4e51-82b9-6dbb1c321a13","previous":"sha256:af917a4b05ebe3ba9772e1a25e839f84312eb8d8261054821c7fcf0144bcd0ce"}','sha256:7b42b4f000680a5501720d9f79eb989ea99f2da81ab468fe53fd6063bb3ba052');
INSERT INTO "log" VALUES(10,1795794578814,1,'north','south','provision','applied','{"seq":10,"at":"2026-11-27T15:49:38.814Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"f1544e88-27a3-44bc-b783-74898d0be594","userPrincipalName":"sam.jackson@north.fine-arts.example"},"account":{"tenant":"south","id":"620686e0-ccac-4807-bdab-c9d2dbe2b252"},"edits":{"displayName":{"before":null,"after":"Sam Jackson"},"mail":{"before":null,"after":"sam.jackson@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"b699757a-3d8d-422f-a571-61e000ec1432","previous":"sha256:7b42b4f000680a5501720d9f79eb989ea99f2da81ab468fe53fd6063bb3ba052"}','sha256:a35d32725692ac25d4a0fc4572e5dbfdecec5c1501ee46b608ced90632dbc6f0');
INSERT INTO "log" VALUES(11,1795794578822,1,'north','south','provision','applied','{"seq":11,"at":"2026-11-27T15:49:38.822Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"provision","home":{"tenant":"north","id":"ffc21899-b54d-40a1-b624-861e4cea457c","userPrincipalName":"alice.lee@north.fine-arts.example"},"account":{"tenant":"south","id":"6579edde-57fa-4c69-a94f-32312eff40ee"},"edits":{"displayName":{"before":null,"after":"Alice Lee"},"mail":{"before":null,"after":"alice.lee@north.fine-arts.example"},"userType":{"before":null,"after":"Member"}},"why":"in scope","outcome":"applied","request_id":"154cdf89-7964-4b7d-89b7-0c1a3e4d1052","previous":"sha256:a35d32725692ac25d4a0fc4572e5dbfdecec5c1501ee46b608ced90632dbc6f0"}','sha256:6d6a407a81cf8331b9a159fe430f00814488bd8e32f17e7db29e46a4c0f0b0e8');
INSERT INTO "log" VALUES(12,1795794578838,1,'north','south','update','applied','{"seq":12,"at":"2026-11-27T15:49:38.838Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"41eae00a-e3d4-437d-a8c9-86a6b7a5fe75","userPrincipalName":"noah.obrien@north.fine-arts.example"},"account":{"tenant":"south","id":"e245cbb8-7930-4878-a338-d03f1f4cf0d9"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Admissions"},"employeeId":{"before":null,"after":"N0000002"},"employeeType":{"before":null,"after":"Staff"},"givenName":{"before":null,"after":"Noah"},"jobTitle":{"before":null,"after":"Admissions Officer"},"officeLocation":{"before":null,"after":"Atelier 131"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"O''Brien"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"9fc33887-55f0-45a6-9955-90b27f9c8617","previous":"sha256:6d6a407a81cf8331b9a159fe430f00814488bd8e32f17e7db29e46a4c0f0b0e8"}','sha256:0d61192993bcbc08116703e7b5ca8ce807529311498b46e9bcbedac8342727d4');
INSERT INTO "log" VALUES(13,1795794578855,1,'north','south','update','applied','{"seq":13,"at":"2026-11-27T15:49:38.855Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"ffc21899-b54d-40a1-b624-861e4cea457c","userPrincipalName":"alice.lee@north.fine-arts.example"},"account":{"tenant":"south","id":"6579edde-57fa-4c69-a94f-32312eff40ee"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Admissions"},"employeeId":{"before":null,"after":"N0000004"},"employeeType":{"before":null,"after":"Staff"},"givenName":{"before":null,"after":"Alice"},"jobTitle":{"before":null,"after":"Admissions Officer"},"officeLocation":{"before":null,"after":"Atelier 363"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Lee"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"08b48253-84df-42f2-8ccf-18a4e2c4ddd6","previous":"sha256:0d61192993bcbc08116703e7b5ca8ce807529311498b46e9bcbedac8342727d4"}','sha256:bf17992d77262b31aa9388d8257d5ed595b5dedd6c0c5c3c01f1b6c7a606e872');
INSERT INTO "log" VALUES(14,1795794578862,1,'north','south','update','applied','{"seq":14,"at":"2026-11-27T15:49:38.862Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"f1544e88-27a3-44bc-b783-74898d0be594","userPrincipalName":"sam.jackson@north.fine-arts.example"},"account":{"tenant":"south","id":"620686e0-ccac-4807-bdab-c9d2dbe2b252"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Estates"},"employeeId":{"before":null,"after":"N0000001"},"employeeType":{"before":null,"after":"Staff"},"givenName":{"before":null,"after":"Sam"},"jobTitle":{"before":null,"after":"Director"},"officeLocation":{"before":null,"after":"Main 183"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Jackson"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"27e0cb1d-aa6b-4f1f-b51e-fc7ba6a78bf9","previous":"sha256:bf17992d77262b31aa9388d8257d5ed595b5dedd6c0c5c3c01f1b6c7a606e872"}','sha256:b342bdaf659083fe123febb42d9c770c570a82f9a4f543e9a9703e1141cde1ea');
INSERT INTO "log" VALUES(15,1795794578874,1,'north','south','update','applied','{"seq":15,"at":"2026-11-27T15:49:38.874Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"ec8e1930-26e5-4e5e-ba68-3b7c37ac3b9b","userPrincipalName":"lukasz.goncalves@north.fine-arts.example"},"account":{"tenant":"south","id":"175dbd87-561f-4c84-8dce-acf29850d185"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Admissions"},"employeeId":{"before":null,"after":"N0000003"},"employeeType":{"before":null,"after":"Staff"},"givenName":{"before":null,"after":"Łukasz"},"jobTitle":{"before":null,"after":"Admissions Officer"},"officeLocation":{"before":null,"after":"Annex 159"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Gonçalves"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"f8e14c14-57f0-46d1-8418-a9a3f5ea480a","previous":"sha256:b342bdaf659083fe123febb42d9c770c570a82f9a4f543e9a9703e1141cde1ea"}','sha256:02c5538bbb4e52de2cce72de8a00bee7e00d9ee9c4e5f031c3f5f28ddbd8cbe3');
INSERT INTO "log" VALUES(16,1795794578882,1,'north','south','update','applied','{"seq":16,"at":"2026-11-27T15:49:38.882Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"e173ed54-c835-438d-a5c0-506d6a1c7933","userPrincipalName":"odegaard.angstrom@north.fine-arts.example"},"account":{"tenant":"south","id":"eb78db94-eb2b-40d0-90c1-74d853521e8b"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Sculpture"},"employeeId":{"before":null,"after":"N0000010"},"employeeType":{"before":null,"after":"Teacher"},"givenName":{"before":null,"after":"Ødegaard"},"jobTitle":{"before":null,"after":"Senior Lecturer"},"officeLocation":{"before":null,"after":"Main 342"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Ångström"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"fb881a14-a488-44ab-9cc7-003717440626","previous":"sha256:02c5538bbb4e52de2cce72de8a00bee7e00d9ee9c4e5f031c3f5f28ddbd8cbe3"}','sha256:13be559b1c97e2a4cf27af25b00e16f7f6baec425a6086547e80c9f89dc2f7b7');
INSERT INTO "log" VALUES(17,1795794578902,1,'north','south','update','applied','{"seq":17,"at":"2026-11-27T15:49:38.902Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"ca8a4d3f-0815-40ee-8bdd-58997c5c5655","userPrincipalName":"anna.ivanova@north.fine-arts.example"},"account":{"tenant":"south","id":"9f293537-884a-4c83-8820-f0df555f8290"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Registry"},"employeeId":{"before":null,"after":"N0000005"},"employeeType":{"before":null,"after":"Staff"},"givenName":{"before":null,"after":"Анна"},"jobTitle":{"before":null,"after":"Registrar"},"officeLocation":{"before":null,"after":"Main 300"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Иванова"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"0f815e41-65cd-4d9b-ac2f-693a9eb4ae10","previous":"sha256:13be559b1c97e2a4cf27af25b00e16f7f6baec425a6086547e80c9f89dc2f7b7"}','sha256:fe76e2fcea0b05b9c104d1f6066aa5d799e4528fe2db6272ad6736f7cd82f63b');
INSERT INTO "log" VALUES(18,1795794578914,1,'north','south','update','applied','{"seq":18,"at":"2026-11-27T15:49:38.914Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"68bf00a4-6773-4fc7-b65d-1c1372cfd49e","userPrincipalName":"ming.sato@north.fine-arts.example"},"account":{"tenant":"south","id":"7c74d0ce-a1ed-463b-bf07-3a9c9c41d76a"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Art History"},"employeeId":{"before":null,"after":"N0000011"},"employeeType":{"before":null,"after":"Teacher"},"givenName":{"before":null,"after":"明"},"jobTitle":{"before":null,"after":"Tutor"},"officeLocation":{"before":null,"after":"Annex 157"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"佐藤"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"3f87e9ac-de1f-4163-ab54-15792f770b88","previous":"sha256:fe76e2fcea0b05b9c104d1f6066aa5d799e4528fe2db6272ad6736f7cd82f63b"}','sha256:ef58edb3d72549039cdce46ff98d1641eac2d8aac3d4126cbf011ad5ba0def55');
INSERT INTO "log" VALUES(19,1795794578926,1,'north','south','update','applied','{"seq":19,"at":"2026-11-27T15:49:38.926Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"4d18c518-7336-4a11-8d07-7c3f89e537b2","userPrincipalName":"ruby.johnson@north.fine-arts.example"},"account":{"tenant":"south","id":"0fb1ff9a-fde8-4654-ac92-7f42253d9b42"},"edits":{"companyName":{"before":null,"after":"School of Fine Arts"},"department":{"before":null,"after":"Photography"},"employeeId":{"before":null,"after":"N0000008"},"employeeType":{"before":null,"after":"Teacher"},"givenName":{"before":null,"after":"Ruby"},"jobTitle":{"before":null,"after":"Professor"},"officeLocation":{"before":null,"after":"Main 144"},"showInAddressList":{"before":null,"after":true},"surname":{"before":null,"after":"Johnson"},"usageLocation":{"before":null,"after":"GB"}},"why":"in scope","outcome":"applied","request_id":"05f47596-237b-4a4d-9cc4-b163f18671db","previous":"sha256:ef58edb3d72549039cdce46ff98d1641eac2d8aac3d4126cbf011ad5ba0def55"}','sha256:ece4c7014c5f030e28f77a58b8c5b2ab3c7e0c670a989379538b94670e6f6b35');
INSERT INTO "log" VALUES(20,1795794578938,1,'north','south','update','applied','{"seq":20,"at":"2026-11-27T15:49:38.938Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"41eae00a-e3d4-437d-a8c9-86a6b7a5fe75","userPrincipalName":"noah.obrien@north.fine-arts.example"},"account":{"tenant":"south","id":"e245cbb8-7930-4878-a338-d03f1f4cf0d9"},"edits":{"manager":{"before":null,"after":"620686e0-ccac-4807-bdab-c9d2dbe2b252"}},"why":"in scope","outcome":"applied","request_id":"52c7338a-0342-45f3-aa48-7d18f696a90b","previous":"sha256:ece4c7014c5f030e28f77a58b8c5b2ab3c7e0c670a989379538b94670e6f6b35"}','sha256:de64521a7b692edf37bd9aaef75c9302358a376c651f9422c294b9bfec995f9f');
INSERT INTO "log" VALUES(21,1795794578955,1,'north','south','update','applied','{"seq":21,"at":"2026-11-27T15:49:38.955Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"ffc21899-b54d-40a1-b624-861e4cea457c","userPrincipalName":"alice.lee@north.fine-arts.example"},"account":{"tenant":"south","id":"6579edde-57fa-4c69-a94f-32312eff40ee"},"edits":{"manager":{"before":null,"after":"620686e0-ccac-4807-bdab-c9d2dbe2b252"}},"why":"in scope","outcome":"applied","request_id":"279c3013-41d6-4599-b7be-536bf7a05332","previous":"sha256:de64521a7b692edf37bd9aaef75c9302358a376c651f9422c294b9bfec995f9f"}','sha256:556a095e80b98b50367b3681db9297ef086969fefeb9163f9d4f79791b7ce567');
INSERT INTO "log" VALUES(22,1795794578974,1,'north','south','update','applied','{"seq":22,"at":"2026-11-27T15:49:38.974Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"ec8e1930-26e5-4e5e-ba68-3b7c37ac3b9b","userPrincipalName":"lukasz.goncalves@north.fine-arts.example"},"account":{"tenant":"south","id":"175dbd87-561f-4c84-8dce-acf29850d185"},"edits":{"manager":{"before":null,"after":"e245cbb8-7930-4878-a338-d03f1f4cf0d9"}},"why":"in scope","outcome":"applied","request_id":"8128d810-41bc-41b1-9290-1b728a0c206e","previous":"sha256:556a095e80b98b50367b3681db9297ef086969fefeb9163f9d4f79791b7ce567"}','sha256:19bbf5a3d51aaa03fbbc3373209dd44a2f0859a2551ef6df8664bb5f9185b0e3');
INSERT INTO "log" VALUES(23,1795794578985,1,'north','south','update','applied','{"seq":23,"at":"2026-11-27T15:49:38.985Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"e173ed54-c835-438d-a5c0-506d6a1c7933","userPrincipalName":"odegaard.angstrom@north.fine-arts.example"},"account":{"tenant":"south","id":"eb78db94-eb2b-40d0-90c1-74d853521e8b"},"edits":{"manager":{"before":null,"after":"10a509ff-f6e6-49a0-9791-0cf1ac502f6f"}},"why":"in scope","outcome":"applied","request_id":"b11592b0-2d33-4483-a673-ddcca44780da","previous":"sha256:19bbf5a3d51aaa03fbbc3373209dd44a2f0859a2551ef6df8664bb5f9185b0e3"}','sha256:624e15394dea1b00c564e0c4a3d428271db5ddb88019109d904abb47ee790078');
INSERT INTO "log" VALUES(24,1795794578998,1,'north','south','update','applied','{"seq":24,"at":"2026-11-27T15:49:38.998Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"ca8a4d3f-0815-40ee-8bdd-58997c5c5655","userPrincipalName":"anna.ivanova@north.fine-arts.example"},"account":{"tenant":"south","id":"9f293537-884a-4c83-8820-f0df555f8290"},"edits":{"manager":{"before":null,"after":"175dbd87-561f-4c84-8dce-acf29850d185"}},"why":"in scope","outcome":"applied","request_id":"fbec0c02-749d-4a75-907e-9e161f433bc4","previous":"sha256:624e15394dea1b00c564e0c4a3d428271db5ddb88019109d904abb47ee790078"}','sha256:cfb9886ade9a00724a93ad8a086e6f3bd4aa452f1f17bdef808a2e7d991a156f');
INSERT INTO "log" VALUES(25,1795794579011,1,'north','south','update','applied','{"seq":25,"at":"2026-11-27T15:49:39.011Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"68bf00a4-6773-4fc7-b65d-1c1372cfd49e","userPrincipalName":"ming.sato@north.fine-arts.example"},"account":{"tenant":"south","id":"7c74d0ce-a1ed-463b-bf07-3a9c9c41d76a"},"edits":{"manager":{"before":null,"after":"eb78db94-eb2b-40d0-90c1-74d853521e8b"}},"why":"in scope","outcome":"applied","request_id":"cf5cb553-4fbd-4da6-afbe-7d7f0d554fd1","previous":"sha256:cfb9886ade9a00724a93ad8a086e6f3bd4aa452f1f17bdef808a2e7d991a156f"}','sha256:d6150c8f501e79089affa81ec280fc3195bd1da18853e4c8817f707cc3859100');
INSERT INTO "log" VALUES(26,1795794579022,1,'north','south','update','applied','{"seq":26,"at":"2026-11-27T15:49:39.022Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"4d18c518-7336-4a11-8d07-7c3f89e537b2","userPrincipalName":"ruby.johnson@north.fine-arts.example"},"account":{"tenant":"south","id":"0fb1ff9a-fde8-4654-ac92-7f42253d9b42"},"edits":{"manager":{"before":null,"after":"faade2b4-5851-4104-b66c-fde943122c78"}},"why":"in scope","outcome":"applied","request_id":"484b1d24-71bd-4b60-9224-ff28c7ad5145","previous":"sha256:d6150c8f501e79089affa81ec280fc3195bd1da18853e4c8817f707cc3859100"}','sha256:d9c4e36722b167767ef67343e3ae8378dcd4ec98856d06068b3f460a8c96ace9');
INSERT INTO "log" VALUES(27,1795794579050,1,'north','south','update','applied','{"seq":27,"at":"2026-11-27T15:49:39.050Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"03bb5c9c-d6c4-4b0a-b264-38dac07cfc59","userPrincipalName":"oscar.obrien@north.fine-arts.example"},"account":{"tenant":"south","id":"7388c3fc-c01e-40a6-a3e1-a2f7a5612684"},"edits":{"manager":{"before":null,"after":"0fb1ff9a-fde8-4654-ac92-7f42253d9b42"}},"why":"in scope","outcome":"applied","request_id":"801016cf-b8e1-45d9-8286-ac0ffe0306c2","previous":"sha256:d9c4e36722b167767ef67343e3ae8378dcd4ec98856d06068b3f460a8c96ace9"}','sha256:27df163edfe4a6bb0713e437e84e2e72ba8920fe0466f7ebe0d8da0b1f15e150');
INSERT INTO "log" VALUES(28,1795794579052,1,'north','south','update','applied','{"seq":28,"at":"2026-11-27T15:49:39.052Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"2f9e1ec2-c706-471e-9353-ef0539a8be09","userPrincipalName":"oliver.turner@north.fine-arts.example"},"account":{"tenant":"south","id":"faade2b4-5851-4104-b66c-fde943122c78"},"edits":{"manager":{"before":null,"after":"10a509ff-f6e6-49a0-9791-0cf1ac502f6f"}},"why":"in scope","outcome":"applied","request_id":"bb2118c6-9363-427e-a956-c7e0bec5a7e0","previous":"sha256:27df163edfe4a6bb0713e437e84e2e72ba8920fe0466f7ebe0d8da0b1f15e150"}','sha256:96d5711f8cfe844d7e2b89d000b21c90dbf7fb3bc39e9595f415df127312b46c');
INSERT INTO "log" VALUES(29,1795794579059,1,'north','south','update','applied','{"seq":29,"at":"2026-11-27T15:49:39.059Z","run":1,"trigger":"manual","route":"north->south","rules":"staff","action":"update","home":{"tenant":"north","id":"efe523aa-2b11-4a0d-b5b9-f48cfc71f449","userPrincipalName":"olena.papadopoulos@north.fine-arts.example"},"account":{"tenant":"south","id":"10a509ff-f6e6-49a0-9791-0cf1ac502f6f"},"edits":{"manager":{"before":null,"after":"620686e0-ccac-4807-bdab-c9d2dbe2b252"}},"why":"in scope","outcome":"applied","request_id":"e28eb129-523f-4871-9850-5d9caf703d9f","previous":"sha256:96d5711f8cfe844d7e2b89d000b21c90dbf7fb3bc39e9595f415df127312b46c"}','sha256:a07485b2c46d02d8a95814ade23bc7a78f08b6ee67f3b73e4c962208543e0c9e');
CREATE TABLE memberships (
  tenant INTEGER NOT NULL REFERENCES tenants,
  object BLOB NOT NULL,
  grp TEXT NOT NULL,
  PRIMARY KEY (tenant, object, grp)
) WITHOUT ROWID, STRICT;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO "meta" VALUES('links 1','8 3');
INSERT INTO "meta" VALUES('log_head','29 sha256:a07485b2c46d02d8a95814ade23bc7a78f08b6ee67f3b73e4c962208543e0c9e');
INSERT INTO "meta" VALUES('natives:north','11');
CREATE TABLE observations (
  tenant INTEGER NOT NULL REFERENCES tenants,
  object BLOB NOT NULL,
  presence INTEGER NOT NULL,             -- 0 present, 1 soft-deleted, 2 gone
  external INTEGER NOT NULL,
  attributes TEXT NOT NULL,              -- JSON object, keys sorted
  manager BLOB,
  round INTEGER NOT NULL,                -- last full round that mentioned it
  confirmed INTEGER NOT NULL,            -- a reading has mentioned it; 0: known only from the answer to a write
  suspect INTEGER NOT NULL,              -- has to be looked at one by one
  learned_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, object)
) WITHOUT ROWID, STRICT;
INSERT INTO "observations" VALUES(1,X'03BB5C9CD6C44B0AB26438DAC07CFC59',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Ceramics","displayName":"Oscar O''Brien","employeeId":"N0000009","employeeType":"Teacher","givenName":"Oscar","jobTitle":"Visiting Artist","mail":"oscar.obrien@north.fine-arts.example","manager":"4d18c518-7336-4a11-8d07-7c3f89e537b2","officeLocation":"Annex 298","surname":"O''Brien","usageLocation":"GB","userPrincipalName":"oscar.obrien@north.fine-arts.example","userType":"Member"}',X'4D18C51873364A118D077C3F89E537B2',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'07F2A2C6AFC64060879E939255D8AAFB',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Jo Partner","externalUserState":"Accepted","mail":"jo.partner@gallery.example","userPrincipalName":"jo.partner_gallery.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'133D7804CBBF4CB3B6846A5D8D8893AF',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Íñigo Núñez","externalUserState":"PendingAcceptance","mail":"inigo.nunez@south.fine-arts.example","userPrincipalName":"inigo.nunez_south.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'2F9E1EC2C706471E9353EF0539A8BE09',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Ceramics","displayName":"Oliver Turner","employeeId":"N0000007","employeeType":"Teacher","givenName":"Oliver","jobTitle":"Tutor","mail":"oliver.turner@north.fine-arts.example","manager":"efe523aa-2b11-4a0d-b5b9-f48cfc71f449","officeLocation":"Atelier 379","surname":"Turner","usageLocation":"GB","userPrincipalName":"oliver.turner@north.fine-arts.example","userType":"Member"}',X'EFE523AA2B114A0DB5B9F48CFC71F449',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'3EB6CA5E98B847C9BE58CD1F3C9B7D13',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Mary Young","externalUserState":"PendingAcceptance","mail":"mary.young@west.fine-arts.example","userPrincipalName":"mary.young_west.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'41EAE00AE3D4437DA8C986A6B7A5FE75',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Admissions","displayName":"Noah O''Brien","employeeId":"N0000002","employeeType":"Staff","givenName":"Noah","jobTitle":"Admissions Officer","mail":"noah.obrien@north.fine-arts.example","manager":"f1544e88-27a3-44bc-b783-74898d0be594","officeLocation":"Atelier 131","surname":"O''Brien","usageLocation":"GB","userPrincipalName":"noah.obrien@north.fine-arts.example","userType":"Member"}',X'F1544E8827A344BCB78374898D0BE594',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'464B425041BF4CC0AF06CE36CAA8B751',1,0,'{}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'486CB22A3CDF4D24A0F927D978C69274',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"John O''Neill","externalUserState":"Accepted","mail":"john.oneill@south.fine-arts.example","userPrincipalName":"john.oneill_south.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'4CB3519756B440639126102689182F66',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"静 김","externalUserState":"Accepted","mail":"jing.kim@west.fine-arts.example","userPrincipalName":"jing.kim_west.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'4D18C51873364A118D077C3F89E537B2',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Photography","displayName":"Ruby Johnson","employeeId":"N0000008","employeeType":"Teacher","givenName":"Ruby","jobTitle":"Professor","mail":"ruby.johnson@north.fine-arts.example","manager":"2f9e1ec2-c706-471e-9353-ef0539a8be09","officeLocation":"Main 144","surname":"Johnson","usageLocation":"GB","userPrincipalName":"ruby.johnson@north.fine-arts.example","userType":"Member"}',X'2F9E1EC2C706471E9353EF0539A8BE09',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'674A139DA4D54EC78E6E407738D78A41',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Анна Шевченко","externalUserState":"PendingAcceptance","mail":"anna.shevchenko@south.fine-arts.example","userPrincipalName":"anna.shevchenko_south.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'68BF00A467734FC7B65D1C1372CFD49E',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Art History","displayName":"明 佐藤","employeeId":"N0000011","employeeType":"Teacher","givenName":"明","jobTitle":"Tutor","mail":"ming.sato@north.fine-arts.example","manager":"e173ed54-c835-438d-a5c0-506d6a1c7933","officeLocation":"Annex 157","surname":"佐藤","usageLocation":"GB","userPrincipalName":"ming.sato@north.fine-arts.example","userType":"Member"}',X'E173ED54C835438DA5C0506D6A1C7933',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'8E5B4D984CEC477ABB9C85D15279406D',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Noémie Łukaszewicz","externalUserState":"Accepted","mail":"noemie.lukaszewicz@south.fine-arts.example","userPrincipalName":"noemie.lukaszewicz_south.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'AC59C3E36569428788F3816E1E763970',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Freya Clarke","externalUserState":"Accepted","mail":"freya.clarke@west.fine-arts.example","userPrincipalName":"freya.clarke_west.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'CA8A4D3F081540EE8BDD58997C5C5655',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Registry","displayName":"Анна Иванова","employeeId":"N0000005","employeeType":"Staff","givenName":"Анна","jobTitle":"Registrar","mail":"anna.ivanova@north.fine-arts.example","manager":"ec8e1930-26e5-4e5e-ba68-3b7c37ac3b9b","officeLocation":"Main 300","surname":"Иванова","usageLocation":"GB","userPrincipalName":"anna.ivanova@north.fine-arts.example","userType":"Member"}',X'EC8E193026E54E5EBA683B7C37AC3B9B',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'E173ED54C835438DA5C0506D6A1C7933',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Sculpture","displayName":"Ødegaard Ångström","employeeId":"N0000010","employeeType":"Teacher","givenName":"Ødegaard","jobTitle":"Senior Lecturer","mail":"odegaard.angstrom@north.fine-arts.example","manager":"efe523aa-2b11-4a0d-b5b9-f48cfc71f449","officeLocation":"Main 342","surname":"Ångström","usageLocation":"GB","userPrincipalName":"odegaard.angstrom@north.fine-arts.example","userType":"Member"}',X'EFE523AA2B114A0DB5B9F48CFC71F449',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'EC8E193026E54E5EBA683B7C37AC3B9B',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Admissions","displayName":"Łukasz Gonçalves","employeeId":"N0000003","employeeType":"Staff","givenName":"Łukasz","jobTitle":"Admissions Officer","mail":"lukasz.goncalves@north.fine-arts.example","manager":"41eae00a-e3d4-437d-a8c9-86a6b7a5fe75","officeLocation":"Annex 159","surname":"Gonçalves","usageLocation":"GB","userPrincipalName":"lukasz.goncalves@north.fine-arts.example","userType":"Member"}',X'41EAE00AE3D4437DA8C986A6B7A5FE75',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'EFE523AA2B114A0DB5B9F48CFC71F449',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Strings","displayName":"Олена Παπαδόπουλος","employeeId":"N0000006","employeeType":"Teacher","givenName":"Олена","jobTitle":"Visiting Artist","mail":"olena.papadopoulos@north.fine-arts.example","manager":"f1544e88-27a3-44bc-b783-74898d0be594","officeLocation":"Atelier 019","surname":"Παπαδόπουλος","usageLocation":"GB","userPrincipalName":"olena.papadopoulos@north.fine-arts.example","userType":"Member"}',X'F1544E8827A344BCB78374898D0BE594',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'F1544E8827A344BCB78374898D0BE594',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Estates","displayName":"Sam Jackson","employeeId":"N0000001","employeeType":"Staff","givenName":"Sam","jobTitle":"Director","mail":"sam.jackson@north.fine-arts.example","officeLocation":"Main 183","surname":"Jackson","usageLocation":"GB","userPrincipalName":"sam.jackson@north.fine-arts.example","userType":"Member"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'F9D10AAB5BA94EC7889D2B318371296C',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Freya Clarke","externalUserState":"Accepted","mail":"freya.clarke@alumni.west.fine-arts.example","userPrincipalName":"freya.clarke_alumni.west.fine-arts.example#EXT#@northfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578628);
INSERT INTO "observations" VALUES(1,X'FFC21899B54D40A1B624861E4CEA457C',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Admissions","displayName":"Alice Lee","employeeId":"N0000004","employeeType":"Staff","givenName":"Alice","jobTitle":"Admissions Officer","mail":"alice.lee@north.fine-arts.example","manager":"f1544e88-27a3-44bc-b783-74898d0be594","officeLocation":"Atelier 363","surname":"Lee","usageLocation":"GB","userPrincipalName":"alice.lee@north.fine-arts.example","userType":"Member"}',X'F1544E8827A344BCB78374898D0BE594',1,1,0,1795794578628);
INSERT INTO "observations" VALUES(2,X'0FB1FF9AFDE84654AC927F42253D9B42',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Photography","displayName":"Ruby Johnson","employeeId":"N0000008","employeeType":"Teacher","externalUserState":"PendingAcceptance","givenName":"Ruby","jobTitle":"Professor","mail":"ruby.johnson@north.fine-arts.example","manager":"faade2b4-5851-4104-b66c-fde943122c78","officeLocation":"Main 144","showInAddressList":true,"surname":"Johnson","usageLocation":"GB","userPrincipalName":"ruby.johnson_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',X'FAADE2B458514104B66CFDE943122C78',0,0,1,1795794579022);
INSERT INTO "observations" VALUES(2,X'10A509FFF6E649A097910CF1AC502F6F',0,1,'{"accountEnabled":true,"companyName":"School of Fine Arts","creationType":"Invitation","department":"Strings","displayName":"Олена Παπαδόπουλος","employeeId":"N0000006","employeeType":"Teacher","externalUserState":"Accepted","givenName":"Олена","jobTitle":"Visiting Artist","mail":"olena.papadopoulos@north.fine-arts.example","manager":"620686e0-ccac-4807-bdab-c9d2dbe2b252","officeLocation":"Atelier 019","showInAddressList":true,"surname":"Παπαδόπουλος","userPrincipalName":"olena.papadopoulos_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',X'620686E0CCAC4807BDABC9D2DBE2B252',1,1,0,1795794579059);
INSERT INTO "observations" VALUES(2,X'175DBD87561F4C848DCEACF29850D185',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Admissions","displayName":"Łukasz Gonçalves","employeeId":"N0000003","employeeType":"Staff","externalUserState":"PendingAcceptance","givenName":"Łukasz","jobTitle":"Admissions Officer","mail":"lukasz.goncalves@north.fine-arts.example","manager":"e245cbb8-7930-4878-a338-d03f1f4cf0d9","officeLocation":"Annex 159","showInAddressList":true,"surname":"Gonçalves","usageLocation":"GB","userPrincipalName":"lukasz.goncalves_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',X'E245CBB879304878A338D03F1F4CF0D9',0,0,1,1795794578974);
INSERT INTO "observations" VALUES(2,X'2947CF3D78684ED79733D03953D6A6C1',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Strings","displayName":"Jack Cooper","employeeId":"S0000011","employeeType":"Teacher","givenName":"Jack","jobTitle":"Lecturer","mail":"jack.cooper@south.fine-arts.example","manager":"3d8da1d2-ddc9-4d2c-a8ff-4c7dc1c25be2","officeLocation":"Main 149","surname":"Cooper","usageLocation":"PT","userPrincipalName":"jack.cooper@south.fine-arts.example","userType":"Member"}',X'3D8DA1D2DDC94D2CA8FF4C7DC1C25BE2',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'3048E681C9B74819B47C094AC4AF33DF',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Mary Young","externalUserState":"PendingAcceptance","mail":"mary.young@west.fine-arts.example","userPrincipalName":"mary.young_west.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'32AF58366C5448FCB3B169F6A4557382',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Workshops","displayName":"Isla King","employeeId":"S0000004","employeeType":"Staff","givenName":"Isla","jobTitle":"Technician","mail":"isla.king@south.fine-arts.example","manager":"85add986-6f8d-4215-9cf3-5f578a128685","officeLocation":"Annex 223","surname":"King","usageLocation":"PT","userPrincipalName":"isla.king@south.fine-arts.example","userType":"Member"}',X'85ADD9866F8D42159CF35F578A128685',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'34A458221E5945FB9D64E3DF9BE4880A',1,0,'{}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'3D8DA1D2DDC94D2CA8FF4C7DC1C25BE2',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Painting","displayName":"John O''Neill","employeeId":"S0000006","employeeType":"Teacher","givenName":"John","jobTitle":"Visiting Artist","mail":"john.oneill@south.fine-arts.example","manager":"f0fe4fcc-a6f8-4108-9852-c38deb990b50","officeLocation":"Atelier 322","surname":"O''Neill","usageLocation":"PT","userPrincipalName":"john.oneill@south.fine-arts.example","userType":"Member"}',X'F0FE4FCCA6F841089852C38DEB990B50',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'578731375928430A911A03CAF14B2E29',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Photography","displayName":"Noémie Łukaszewicz","employeeId":"S0000008","employeeType":"Teacher","givenName":"Noémie","jobTitle":"Tutor","mail":"noemie.lukaszewicz@south.fine-arts.example","manager":"5bced34e-debe-428e-bb78-d5a9576bb827","officeLocation":"Atelier 353","surname":"Łukaszewicz","usageLocation":"PT","userPrincipalName":"noemie.lukaszewicz@south.fine-arts.example","userType":"Member"}',X'5BCED34EDEBE428EBB78D5A9576BB827',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'5BCED34EDEBE428EBB78D5A9576BB827',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Sculpture","displayName":"Íñigo Núñez","employeeId":"S0000007","employeeType":"Teacher","givenName":"Íñigo","jobTitle":"Professor","mail":"inigo.nunez@south.fine-arts.example","manager":"3d8da1d2-ddc9-4d2c-a8ff-4c7dc1c25be2","officeLocation":"Main 382","surname":"Núñez","usageLocation":"PT","userPrincipalName":"inigo.nunez@south.fine-arts.example","userType":"Member"}',X'3D8DA1D2DDC94D2CA8FF4C7DC1C25BE2',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'620686E0CCAC4807BDABC9D2DBE2B252',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Estates","displayName":"Sam Jackson","employeeId":"N0000001","employeeType":"Staff","externalUserState":"PendingAcceptance","givenName":"Sam","jobTitle":"Director","mail":"sam.jackson@north.fine-arts.example","officeLocation":"Main 183","showInAddressList":true,"surname":"Jackson","usageLocation":"GB","userPrincipalName":"sam.jackson_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',NULL,0,0,1,1795794578862);
INSERT INTO "observations" VALUES(2,X'6579EDDE57FA4C69A94F32312EFF40EE',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Admissions","displayName":"Alice Lee","employeeId":"N0000004","employeeType":"Staff","externalUserState":"PendingAcceptance","givenName":"Alice","jobTitle":"Admissions Officer","mail":"alice.lee@north.fine-arts.example","manager":"620686e0-ccac-4807-bdab-c9d2dbe2b252","officeLocation":"Atelier 363","showInAddressList":true,"surname":"Lee","usageLocation":"GB","userPrincipalName":"alice.lee_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',X'620686E0CCAC4807BDABC9D2DBE2B252',0,0,1,1795794578955);
INSERT INTO "observations" VALUES(2,X'7388C3FCC01E40A6A3E1A2F7A5612684',0,1,'{"accountEnabled":true,"companyName":"School of Fine Arts","creationType":"Invitation","department":"Ceramics","displayName":"Oscar O''Brien","employeeId":"N0000009","employeeType":"Teacher","externalUserState":"Accepted","givenName":"Oscar","jobTitle":"Visiting Artist","mail":"oscar.obrien@north.fine-arts.example","manager":"0fb1ff9a-fde8-4654-ac92-7f42253d9b42","officeLocation":"Annex 298","showInAddressList":true,"surname":"O''Brien","userPrincipalName":"oscar.obrien_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',X'0FB1FF9AFDE84654AC927F42253D9B42',1,1,0,1795794579050);
INSERT INTO "observations" VALUES(2,X'76F526D733244FD6A22B9FB6E5548664',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Strings","displayName":"Анна Шевченко","employeeId":"S0000009","employeeType":"Teacher","givenName":"Анна","jobTitle":"Lecturer","mail":"anna.shevchenko@south.fine-arts.example","manager":"3d8da1d2-ddc9-4d2c-a8ff-4c7dc1c25be2","officeLocation":"Main 237","surname":"Шевченко","usageLocation":"PT","userPrincipalName":"anna.shevchenko@south.fine-arts.example","userType":"Member"}',X'3D8DA1D2DDC94D2CA8FF4C7DC1C25BE2',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'7C74D0CEA1ED463BBF073A9C9C41D76A',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Art History","displayName":"明 佐藤","employeeId":"N0000011","employeeType":"Teacher","externalUserState":"PendingAcceptance","givenName":"明","jobTitle":"Tutor","mail":"ming.sato@north.fine-arts.example","manager":"eb78db94-eb2b-40d0-90c1-74d853521e8b","officeLocation":"Annex 157","showInAddressList":true,"surname":"佐藤","usageLocation":"GB","userPrincipalName":"ming.sato_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',X'EB78DB94EB2B40D090C174D853521E8B',0,0,1,1795794579011);
INSERT INTO "observations" VALUES(2,X'831406BCE52E4EBDA8F97BB559143744',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Composition","displayName":"Siân van der Berg","employeeId":"S0000010","employeeType":"Teacher","givenName":"Siân","jobTitle":"Senior Lecturer","mail":"sian.vanderberg@south.fine-arts.example","manager":"3d8da1d2-ddc9-4d2c-a8ff-4c7dc1c25be2","officeLocation":"Annex 242","surname":"van der Berg","usageLocation":"PT","userPrincipalName":"sian.vanderberg@south.fine-arts.example","userType":"Member"}',X'3D8DA1D2DDC94D2CA8FF4C7DC1C25BE2',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'85ADD9866F8D42159CF35F578A128685',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Estates","displayName":"Poppy Patel","employeeId":"S0000002","employeeType":"Staff","givenName":"Poppy","jobTitle":"Site Manager","mail":"poppy.patel@south.fine-arts.example","manager":"f0fe4fcc-a6f8-4108-9852-c38deb990b50","officeLocation":"Atelier 007","surname":"Patel","usageLocation":"PT","userPrincipalName":"poppy.patel@south.fine-arts.example","userType":"Member"}',X'F0FE4FCCA6F841089852C38DEB990B50',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'894EC443CE0E4646ACE02D07212F2516',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"静 김","externalUserState":"Accepted","mail":"jing.kim@west.fine-arts.example","userPrincipalName":"jing.kim_west.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'991D7F73A8E6421082B6D69650F0F063',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Oscar O''Brien","externalUserState":"Accepted","mail":"oscar.obrien@alumni.north.fine-arts.example","userPrincipalName":"oscar.obrien_alumni.north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'9F293537884A4C838820F0DF555F8290',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Registry","displayName":"Анна Иванова","employeeId":"N0000005","employeeType":"Staff","externalUserState":"PendingAcceptance","givenName":"Анна","jobTitle":"Registrar","mail":"anna.ivanova@north.fine-arts.example","manager":"175dbd87-561f-4c84-8dce-acf29850d185","officeLocation":"Main 300","showInAddressList":true,"surname":"Иванова","usageLocation":"GB","userPrincipalName":"anna.ivanova_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',X'175DBD87561F4C848DCEACF29850D185',0,0,1,1795794578998);
INSERT INTO "observations" VALUES(2,X'AC30C5A0D4AD4413BB5D013BF86FE0F5',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Noah Turner","externalUserState":"Accepted","mail":"noah.turner@west.fine-arts.example","userPrincipalName":"noah.turner_west.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'C6B3534BCF244BCABC9142EFBAABB61B',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Jo Partner","externalUserState":"Accepted","mail":"jo.partner@gallery.example","userPrincipalName":"jo.partner_gallery.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'DCFC532A6CC044EEA5888C7E2A08CE33',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Finance","displayName":"Sam Campbell","employeeId":"S0000005","employeeType":"Staff","givenName":"Sam","jobTitle":"Accountant","mail":"sam.campbell@south.fine-arts.example","manager":"e2b75df0-e5c8-4306-9692-011fd1301646","officeLocation":"Atelier 378","surname":"Campbell","usageLocation":"PT","userPrincipalName":"sam.campbell@south.fine-arts.example","userType":"Member"}',X'E2B75DF0E5C843069692011FD1301646',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'E245CBB879304878A338D03F1F4CF0D9',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Admissions","displayName":"Noah O''Brien","employeeId":"N0000002","employeeType":"Staff","externalUserState":"PendingAcceptance","givenName":"Noah","jobTitle":"Admissions Officer","mail":"noah.obrien@north.fine-arts.example","manager":"620686e0-ccac-4807-bdab-c9d2dbe2b252","officeLocation":"Atelier 131","showInAddressList":true,"surname":"O''Brien","usageLocation":"GB","userPrincipalName":"noah.obrien_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',X'620686E0CCAC4807BDABC9D2DBE2B252',0,0,1,1795794578938);
INSERT INTO "observations" VALUES(2,X'E2B75DF0E5C843069692011FD1301646',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Admissions","displayName":"Sophie Scott","employeeId":"S0000003","employeeType":"Staff","givenName":"Sophie","jobTitle":"Admissions Officer","mail":"sophie.scott@south.fine-arts.example","manager":"f0fe4fcc-a6f8-4108-9852-c38deb990b50","officeLocation":"Atelier 268","surname":"Scott","usageLocation":"PT","userPrincipalName":"sophie.scott@south.fine-arts.example","userType":"Member"}',X'F0FE4FCCA6F841089852C38DEB990B50',1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'EB78DB94EB2B40D090C174D853521E8B',0,1,'{"companyName":"School of Fine Arts","creationType":"Invitation","department":"Sculpture","displayName":"Ødegaard Ångström","employeeId":"N0000010","employeeType":"Teacher","externalUserState":"PendingAcceptance","givenName":"Ødegaard","jobTitle":"Senior Lecturer","mail":"odegaard.angstrom@north.fine-arts.example","manager":"10a509ff-f6e6-49a0-9791-0cf1ac502f6f","officeLocation":"Main 342","showInAddressList":true,"surname":"Ångström","usageLocation":"GB","userPrincipalName":"odegaard.angstrom_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Member"}',X'10A509FFF6E649A097910CF1AC502F6F',0,0,1,1795794578985);
INSERT INTO "observations" VALUES(2,X'F0FE4FCCA6F841089852C38DEB990B50',0,0,'{"accountEnabled":true,"companyName":"School of Fine Arts","department":"Registry","displayName":"Callum Wright","employeeId":"S0000001","employeeType":"Staff","givenName":"Callum","jobTitle":"Director","mail":"callum.wright@south.fine-arts.example","officeLocation":"Atelier 111","surname":"Wright","usageLocation":"PT","userPrincipalName":"callum.wright@south.fine-arts.example","userType":"Member"}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'F135C7767899409DA1DBF4C26314ADE8',0,1,'{"accountEnabled":true,"creationType":"Invitation","displayName":"Freya Clarke","externalUserState":"PendingAcceptance","mail":"freya.clarke@west.fine-arts.example","userPrincipalName":"freya.clarke_west.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',NULL,1,1,0,1795794578633);
INSERT INTO "observations" VALUES(2,X'FAADE2B458514104B66CFDE943122C78',0,1,'{"accountEnabled":true,"companyName":"School of Fine Arts","creationType":"Invitation","department":"Ceramics","displayName":"Oliver Turner","employeeId":"N0000007","employeeType":"Teacher","externalUserState":"PendingAcceptance","givenName":"Oliver","jobTitle":"Tutor","mail":"oliver.turner@north.fine-arts.example","manager":"10a509ff-f6e6-49a0-9791-0cf1ac502f6f","officeLocation":"Atelier 379","showInAddressList":true,"surname":"Turner","userPrincipalName":"oliver.turner_north.fine-arts.example#EXT#@southfinearts.onmicrosoft.com","userType":"Guest"}',X'10A509FFF6E649A097910CF1AC502F6F',1,1,0,1795794579052);
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
CREATE TABLE route_rules (
  route INTEGER NOT NULL REFERENCES routes,
  place INTEGER NOT NULL,                -- the first whose scope takes a user has that user
  name TEXT NOT NULL,
  rule_text INTEGER NOT NULL REFERENCES rule_texts,
  PRIMARY KEY (route, place)
) WITHOUT ROWID, STRICT;
INSERT INTO "route_rules" VALUES(1,0,'staff',1);
CREATE TABLE routes (
  id INTEGER PRIMARY KEY,
  home INTEGER NOT NULL REFERENCES tenants,
  target INTEGER NOT NULL REFERENCES tenants,
  fingerprint TEXT NOT NULL DEFAULT '',  -- rules under which `unsettled` was last filled
  UNIQUE (home, target)
) STRICT;
INSERT INTO "routes" VALUES(1,1,2,'staff=ef4ad61660dba25777f2ac716e15c025a08890795ea0cbaf2eeac0ab161e8f9f');
INSERT INTO "routes" VALUES(2,2,1,'');
CREATE TABLE rule_texts (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,             -- sha256 over text
  text TEXT NOT NULL
) STRICT;
INSERT INTO "rule_texts" VALUES(1,'54bd7181ea388c0423e73f94d7e046c3e67ca21bff9fbd355ac9609f95189c84','# Who gets an account in the target tenants, what it looks like, and what happens when people leave.
# `crosstie check` reads this file offline; docs/rules.md explains every line.

description = "Teachers and staff of every region, as members"
account = "member"                        # the userType of accounts that crosstie makes: member | guest

# Who is taken. Tables [[scope]] are alternatives; within one, every clause of `all` holds.
[[scope]]
all = [
  { attribute = "accountEnabled", operator = "IS TRUE" },
  { attribute = "employeeType", operator = "REGEX MATCH", value = "^(Teacher|Staff)$" },
]

# How an account that stands already is found, instead of inviting the person a second time.
[[match]]
target = "mail"
source = "[mail]"

# target attribute = expression over the home user
[attributes]
displayName   = { expression = "[displayName]", when_empty = "keep" }
givenName     = "[givenName]"
surname       = "[surname]"
jobTitle      = "[jobTitle]"
department    = "[department]"
companyName   = "[companyName]"
employeeId    = "[employeeId]"
employeeType  = "[employeeType]"
officeLocation = "[officeLocation]"
usageLocation = { expression = "[usageLocation]", when_empty = "keep", apply = "create" }
# External accounts are hidden from address lists unless told otherwise. Graph''s documentation asks not to write it,
# since Exchange may show something else (docs/lints.md): `allow` says that this is known.
showInAddressList = { constant = true, allow = ["address-list"] }
manager       = "[manager]"               # the manager''s own account in the target

# What happens to the accounts of people who leave.
[leavers]
deleted      = "delete"                   # delete | disable | keep
out_of_scope = "delete"
disabled     = "disable"
grace_days   = 0                          # with delete: disable now, delete so many days later, cancelled by a return

# Over any of these limits a run writes nothing on the route, until a person approves the plan by its digest.
[guard]
deletes  = { max = 500, percent = 10 }
disables = { max = 500, percent = 10 }
updates  = { percent = 50 }
minimum_population = 20                   # percentages say nothing below this many accounts
');
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  cause TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  exit_code INTEGER,
  summary TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO "runs" VALUES(1,'manual',1795794578618,1795794579067,0,'{"applied":{"north->south":{"join":3,"provision":8,"update":18}},"failed":0,"held":0,"read_anew":{},"refused":[],"stale":0,"unread":[],"unwritten":[],"waiting":0}');
CREATE TABLE spent (
  budget TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  writes INTEGER NOT NULL,
  PRIMARY KEY (budget, bucket)
) WITHOUT ROWID, STRICT;
INSERT INTO "spent" VALUES('invitations in 6f1c0d3e-0000-4000-8000-000000000002',1795794578750,1);
INSERT INTO "spent" VALUES('invitations in 6f1c0d3e-0000-4000-8000-000000000002',1795794579000,7);
INSERT INTO "spent" VALUES('units 0b9b0d64-0000-4000-8000-000000000001 in 6f1c0d3e-0000-4000-8000-000000000001',1795794578750,1);
INSERT INTO "spent" VALUES('units 0b9b0d64-0000-4000-8000-000000000002 in 6f1c0d3e-0000-4000-8000-000000000002',1795794578750,1);
INSERT INTO "spent" VALUES('writes 0b9b0d64-0000-4000-8000-000000000002 everywhere',1795794578750,4);
INSERT INTO "spent" VALUES('writes 0b9b0d64-0000-4000-8000-000000000002 everywhere',1795794579000,20);
INSERT INTO "spent" VALUES('writes 0b9b0d64-0000-4000-8000-000000000002 everywhere',1795794579250,5);
INSERT INTO "spent" VALUES('writes 0b9b0d64-0000-4000-8000-000000000002 in 6f1c0d3e-0000-4000-8000-000000000002',1795794578750,4);
INSERT INTO "spent" VALUES('writes 0b9b0d64-0000-4000-8000-000000000002 in 6f1c0d3e-0000-4000-8000-000000000002',1795794579000,20);
INSERT INTO "spent" VALUES('writes 0b9b0d64-0000-4000-8000-000000000002 in 6f1c0d3e-0000-4000-8000-000000000002',1795794579250,5);
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
INSERT INTO "tenants" VALUES(1,'north','6f1c0d3e-0000-4000-8000-000000000001','mail','http://127.0.0.1:8477/v1.0/users/delta?$deltatoken=eyJtIjpmYWxzZSwiZiI6ZmFsc2UsInMiOjIxLCJjIjoyMSwiYiI6MjEsImkiOjE3OTU3OTQ1Nzg2MjgsInQiOiJub3J0aCIsImciOjAsInAiOiJpZCxhY2NvdW50RW5hYmxlZCxjb21wYW55TmFtZSxjcmVhdGlvblR5cGUsZGVwYXJ0bWVudCxkaXNwbGF5TmFtZSxlbXBsb3llZUlkLGVtcGxveWVlVHlwZSxleHRlcm5hbFVzZXJTdGF0ZSxnaXZlbk5hbWUsam9iVGl0bGUsbWFpbCxvZmZpY2VMb2NhdGlvbixzaG93SW5BZGRyZXNzTGlzdCxzdXJuYW1lLHVzYWdlTG9jYXRpb24sdXNlclByaW5jaXBhbE5hbWUsdXNlclR5cGUsbWFuYWdlciIsIm4iOjAsImUiOmZhbHNlfQ','accountEnabled,companyName,creationType,department,displayName,employeeId,employeeType,externalUserState,givenName,jobTitle,mail,manager,officeLocation,showInAddressList,surname,usageLocation,userPrincipalName,userType',1795794578628,NULL,0,'',0,1,1,1795794578628,'');
INSERT INTO "tenants" VALUES(2,'south','6f1c0d3e-0000-4000-8000-000000000002','mail','http://127.0.0.1:8477/v1.0/users/delta?$deltatoken=eyJtIjpmYWxzZSwiZiI6ZmFsc2UsInMiOjIxLCJjIjoyMSwiYiI6MjEsImkiOjE3OTU3OTQ1Nzg2MzEsInQiOiJzb3V0aCIsImciOjAsInAiOiJpZCxhY2NvdW50RW5hYmxlZCxjb21wYW55TmFtZSxjcmVhdGlvblR5cGUsZGVwYXJ0bWVudCxkaXNwbGF5TmFtZSxlbXBsb3llZUlkLGVtcGxveWVlVHlwZSxleHRlcm5hbFVzZXJTdGF0ZSxnaXZlbk5hbWUsam9iVGl0bGUsbWFpbCxvZmZpY2VMb2NhdGlvbixzaG93SW5BZGRyZXNzTGlzdCxzdXJuYW1lLHVzYWdlTG9jYXRpb24sdXNlclByaW5jaXBhbE5hbWUsdXNlclR5cGUsbWFuYWdlciIsIm4iOjAsImUiOmZhbHNlfQ','accountEnabled,companyName,creationType,department,displayName,employeeId,employeeType,externalUserState,givenName,jobTitle,mail,manager,officeLocation,showInAddressList,surname,usageLocation,userPrincipalName,userType',1795794578633,NULL,0,'',0,1,1,1795794578633,'');
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
INSERT INTO "unsettled" VALUES(2,X'2947CF3D78684ED79733D03953D6A6C1','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'32AF58366C5448FCB3B169F6A4557382','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'34A458221E5945FB9D64E3DF9BE4880A','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'3D8DA1D2DDC94D2CA8FF4C7DC1C25BE2','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'578731375928430A911A03CAF14B2E29','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'5BCED34EDEBE428EBB78D5A9576BB827','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'76F526D733244FD6A22B9FB6E5548664','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'831406BCE52E4EBDA8F97BB559143744','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'85ADD9866F8D42159CF35F578A128685','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'DCFC532A6CC044EEA5888C7E2A08CE33','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'E2B75DF0E5C843069692011FD1301646','','','',0,0,0,0);
INSERT INTO "unsettled" VALUES(2,X'F0FE4FCCA6F841089852C38DEB990B50','','','',0,0,0,0);
CREATE INDEX route_rules_by_text ON route_rules (rule_text);
CREATE INDEX observations_by_manager ON observations (tenant, manager) WHERE manager IS NOT NULL;
CREATE INDEX observations_suspect ON observations (tenant) WHERE suspect = 1;
CREATE INDEX memberships_by_group ON memberships (tenant, grp);
CREATE UNIQUE INDEX links_by_account ON links (target, account) WHERE account IS NOT NULL;
CREATE INDEX outbox_by_hook ON outbox (hook, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',1);
COMMIT;

-- Names of the images that this archive has kept, noted before they are copied: no other is ever removed.
CREATE TABLE films (name TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO films SELECT film FROM versions WHERE film IS NOT NULL UNION SELECT film FROM drafts WHERE film IS NOT NULL;

-- What is saved stays: versions are added, never changed; a deleted report is marked and kept.
CREATE TABLE reports (
  report_id TEXT PRIMARY KEY,
  created_at TEXT NOT NULL,
  deleted_by TEXT,
  deleted_at TEXT
);
CREATE TABLE versions (
  id INTEGER PRIMARY KEY,
  report_id TEXT NOT NULL REFERENCES reports (report_id),
  version INTEGER NOT NULL CHECK (version >= 1),
  parent INTEGER,
  who TEXT NOT NULL,
  owner TEXT NOT NULL,
  saved_at TEXT NOT NULL,
  name TEXT NOT NULL,
  run TEXT NOT NULL,
  policy TEXT NOT NULL CHECK (policy IN ('open', 'credentialed', 'private')),
  abstained INTEGER NOT NULL CHECK (abstained IN (0, 1)),
  impression TEXT NOT NULL,
  still_open INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  edited INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  words TEXT NOT NULL,
  digest TEXT NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (report_id, version),
  FOREIGN KEY (report_id, parent) REFERENCES versions (report_id, version)
);
CREATE INDEX versions_by_owner ON versions (owner, report_id);
CREATE TABLE blobs (
  sha256 TEXT PRIMARY KEY,
  content BLOB NOT NULL
);

-- Reviews that nobody saved yet: one per session and case, replaced as it grows.
CREATE TABLE drafts (
  owner TEXT NOT NULL,
  case_id TEXT NOT NULL,
  who TEXT NOT NULL,
  kept_at TEXT NOT NULL,
  report_id TEXT,
  version INTEGER,
  name TEXT NOT NULL,
  policy TEXT NOT NULL CHECK (policy IN ('open', 'credentialed', 'private')),
  body TEXT NOT NULL,
  PRIMARY KEY (owner, case_id)
);

CREATE TABLE studies (
  study TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('draft', 'open', 'closed')),
  policy TEXT NOT NULL,
  design TEXT NOT NULL,
  sha256 TEXT,
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  opened_at TEXT,
  closed_at TEXT,
  unblinded_by TEXT,
  unblinded_at TEXT,
  salt TEXT NOT NULL DEFAULT (lower(hex(randomblob(16))))
);
CREATE TABLE cases (
  study TEXT NOT NULL REFERENCES studies,
  number INTEGER NOT NULL,
  study_id TEXT NOT NULL,
  patient_id TEXT NOT NULL,
  abnormal INTEGER NOT NULL,
  picture TEXT NOT NULL,
  PRIMARY KEY (study, number)
);
CREATE TABLE texts (
  study TEXT NOT NULL,
  number INTEGER NOT NULL,
  source TEXT NOT NULL,
  findings TEXT NOT NULL,
  impression TEXT NOT NULL,
  shown TEXT,
  PRIMARY KEY (study, number, source),
  FOREIGN KEY (study, number) REFERENCES cases (study, number)
);
CREATE TABLE readers (
  reader INTEGER PRIMARY KEY,
  study TEXT NOT NULL REFERENCES studies,
  code TEXT NOT NULL,
  place INTEGER NOT NULL,
  enrolled_at TEXT NOT NULL,
  UNIQUE (study, code),
  UNIQUE (study, place)
);
CREATE TABLE items (
  item INTEGER PRIMARY KEY,
  reader INTEGER NOT NULL REFERENCES readers,
  place INTEGER NOT NULL,
  number INTEGER NOT NULL,
  source TEXT NOT NULL,
  repeated INTEGER NOT NULL,
  UNIQUE (reader, place)
);
CREATE TABLE views (
  view INTEGER PRIMARY KEY,
  item INTEGER NOT NULL REFERENCES items,
  shown_at TEXT NOT NULL
);
CREATE TABLE ratings (
  rating INTEGER PRIMARY KEY,
  item INTEGER NOT NULL REFERENCES items,
  is_correction INTEGER NOT NULL,
  told TEXT NOT NULL,
  comment TEXT NOT NULL,
  shown_at TEXT NOT NULL,
  submitted_at TEXT NOT NULL,
  seconds REAL NOT NULL,
  paused_seconds REAL NOT NULL,
  silent_seconds REAL NOT NULL,
  views INTEGER NOT NULL
);
CREATE UNIQUE INDEX one_rating ON ratings (item) WHERE is_correction = 0;
CREATE TRIGGER ratings_stay BEFORE UPDATE ON ratings BEGIN
  SELECT RAISE(ABORT, 'ratings are never changed');
END;
CREATE TRIGGER ratings_remain BEFORE DELETE ON ratings BEGIN
  SELECT RAISE(ABORT, 'ratings are never deleted');
END;
CREATE TRIGGER designs_stay BEFORE UPDATE OF design, sha256 ON studies WHEN OLD.state <> 'draft' BEGIN
  SELECT RAISE(ABORT, 'the design of a study that was opened is never changed');
END;
CREATE TRIGGER texts_stay BEFORE UPDATE ON texts
WHEN (SELECT state FROM studies WHERE study = OLD.study) <> 'draft' BEGIN
  SELECT RAISE(ABORT, 'the texts of a study that was opened are never changed');
END;

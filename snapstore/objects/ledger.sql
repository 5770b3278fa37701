-- The ledger of a snapstore store, beside the catalog's tables: what test suites did, and what it came to.
-- Times are ISO 8601 in UTC, durations in seconds. It is bounded by policy; nothing else needs it.

-- A suite: one run of a test command. ended is null while it runs, and stays so where it died;
-- outcome: passed, failed, interrupted, died. exit_code is the command's own.
CREATE TABLE IF NOT EXISTS suite (
  suite         INTEGER PRIMARY KEY,
  origin        TEXT NOT NULL,
  name          TEXT NOT NULL,
  command       TEXT NOT NULL,
  mode          TEXT NOT NULL,
  pid           INTEGER NOT NULL,
  backup        TEXT,
  started       TEXT NOT NULL,
  ended         TEXT,
  outcome       TEXT,
  exit_code     INTEGER,
  repaired      INTEGER NOT NULL DEFAULT 0 CHECK (repaired IN (0, 1)),
  store_bytes   INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS suite_by_origin ON suite (origin, suite);

-- A test of a suite, from begin to end. outcome is the test's own (passed, failed, ...), unfinished where the next one
-- began first, died where the suite did; verdict what was found after cleanup (null where nobody looked), final what was
-- found last; decision: pass, warn, fail, restore; restore_s is null where nothing was put back.
CREATE TABLE IF NOT EXISTS test (
  test          INTEGER PRIMARY KEY,
  suite         INTEGER NOT NULL REFERENCES suite ON DELETE CASCADE,
  label         TEXT NOT NULL,
  scenario      TEXT NOT NULL,
  started       TEXT NOT NULL,
  ended         TEXT,
  outcome       TEXT,
  verdict       TEXT,
  decision      TEXT,
  final         TEXT,
  forensic      TEXT,
  test_s        REAL,
  cleanup_s     REAL,
  quiet_s       REAL,
  verify_s      REAL,
  restore_s     REAL
) STRICT;
CREATE INDEX IF NOT EXISTS test_by_suite ON test (suite);

-- One attempt of one cleanup step. status: done, failed, timed out, stopped (by a signal).
CREATE TABLE IF NOT EXISTS attempt (
  test          INTEGER NOT NULL REFERENCES test ON DELETE CASCADE,
  step          TEXT NOT NULL,
  number        INTEGER NOT NULL,
  status        TEXT NOT NULL,
  detail        TEXT NOT NULL,
  seconds       REAL NOT NULL,
  PRIMARY KEY (test, step, number)
) STRICT, WITHOUT ROWID;

-- Rows that a test left behind in a table: before cleanup (stage 0), after attempt n (stage n), as verified (stage -1),
-- and those that differed after a restore (stage -2).
CREATE TABLE IF NOT EXISTS leftover (
  test          INTEGER NOT NULL REFERENCES test ON DELETE CASCADE,
  stage         INTEGER NOT NULL,
  database      TEXT NOT NULL,
  table_name    TEXT NOT NULL,
  added         INTEGER NOT NULL,
  removed       INTEGER NOT NULL,
  changed       INTEGER NOT NULL,
  PRIMARY KEY (test, stage, database, table_name)
) STRICT, WITHOUT ROWID;

-- The snapshot that the verdict on a test is against: as the suite called it, and by its id. Ledgers of earlier releases
-- lack this table until the next suite begins.
CREATE TABLE IF NOT EXISTS compared (
  test          INTEGER PRIMARY KEY REFERENCES test ON DELETE CASCADE,
  rev           TEXT NOT NULL,
  snapshot      TEXT NOT NULL
) STRICT;

-- What to know about a test beside its verdict, in order: another file took the place of a database. Ledgers of earlier
-- releases lack this table until the next suite begins.
CREATE TABLE IF NOT EXISTS test_warning (
  test          INTEGER NOT NULL REFERENCES test ON DELETE CASCADE,
  number        INTEGER NOT NULL,
  text          TEXT NOT NULL,
  PRIMARY KEY (test, number)
) STRICT, WITHOUT ROWID;

-- The part that one worker of a run has in a suite, with a copy of the database of its own; worker is empty for the
-- project's own databases. The suite has ended once all parts have. origin identifies the databases, the backup is in the
-- store that belongs to them, and store_bytes is what that store had in the end. abandoned is the snapshot of the state
-- that the part was left with by a test runner that ended in the middle of it: what differs from it later is not the
-- suite's doing. outcome is 'paused', with ended null, while the part waits for its run to go on. Ledgers of earlier releases lack this table until the next suite begins.
CREATE TABLE IF NOT EXISTS part (
  suite         INTEGER NOT NULL REFERENCES suite ON DELETE CASCADE,
  worker        TEXT NOT NULL,
  origin        TEXT NOT NULL,
  mode          TEXT NOT NULL,
  pid           INTEGER NOT NULL,
  backup        TEXT,
  ended         TEXT,
  outcome       TEXT,
  repaired      INTEGER NOT NULL DEFAULT 0 CHECK (repaired IN (0, 1)),
  store_bytes   INTEGER,
  abandoned     TEXT,
  PRIMARY KEY (suite, worker)
) STRICT, WITHOUT ROWID;

-- The tests that workers ran on copies of the database. Ledgers of earlier releases lack this table until the next suite
-- begins.
CREATE TABLE IF NOT EXISTS worker_test (
  test          INTEGER PRIMARY KEY REFERENCES test ON DELETE CASCADE,
  worker        TEXT NOT NULL
) STRICT;

-- Which suite of a project belongs to which run of a test runner: the workers of a run, and those that follow after a
-- failed test, report into one suite. Ledgers of earlier releases lack this table until the next suite begins.
CREATE TABLE IF NOT EXISTS suite_of_run (
  run           TEXT NOT NULL,
  origin        TEXT NOT NULL,
  suite         INTEGER NOT NULL REFERENCES suite ON DELETE CASCADE,
  PRIMARY KEY (run, origin)
) STRICT, WITHOUT ROWID;

-- The state, a snapshot, that a test of a chain began with, while a retry may ask for it: until its suite ends, or an
-- earlier state is restored. Ledgers of earlier releases lack this table until the next suite begins.
CREATE TABLE IF NOT EXISTS begun (
  test          INTEGER PRIMARY KEY REFERENCES test ON DELETE CASCADE,
  snapshot      TEXT NOT NULL
) STRICT;

-- The states that tests failed with, as they were kept in the project's store: each with the label and the name that it
-- was given, and with what the test began with, as the suite called it and by its id there (null where that is not
-- known), and where it is pushed at the end of the suite, under which name (null where it is not). Ledgers of earlier releases lack this table until the next suite begins.
CREATE TABLE IF NOT EXISTS kept (
  test          INTEGER NOT NULL REFERENCES test ON DELETE CASCADE,
  number        INTEGER NOT NULL,
  label         TEXT NOT NULL,
  name          TEXT NOT NULL,
  snapshot      TEXT NOT NULL,
  rev           TEXT,
  began         TEXT,
  remote        TEXT,
  remote_name   TEXT,
  PRIMARY KEY (test, number)
) STRICT, WITHOUT ROWID;

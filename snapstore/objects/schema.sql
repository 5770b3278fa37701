-- The catalog of a snapstore store. It indexes what the packs and the reflog file hold, and can be rebuilt
-- from them. Ids are the 16 bytes of an xxh3-128; times are ISO 8601 in UTC; lengths are in bytes.

-- One row for each pack file: packs/NAME.pack, where NAME is the hex of its BLAKE2b-256.
CREATE TABLE pack (
  pack          INTEGER PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  bytes         INTEGER NOT NULL,
  created       TEXT NOT NULL
) STRICT;

-- The pack index: where each object is. kind: 1 block, 2 manifest, 3 snapshot.
-- An object with a base is a zstd frame with the base's bytes as prefix; depth counts the bases below it.
CREATE TABLE object (
  id            BLOB PRIMARY KEY CHECK (length(id) = 16),
  kind          INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
  pack          INTEGER NOT NULL REFERENCES pack,
  offset        INTEGER NOT NULL,
  stored_bytes  INTEGER NOT NULL,
  bytes         INTEGER NOT NULL,
  base          BLOB CHECK (length(base) = 16),
  depth         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The snapshots that are not forgotten. The snapshot object is authoritative; these columns are for listing.
-- kind: what took it (tag, backup, safety, forensic, import). origin: the project it was taken for, as in
-- head; null if an earlier release listed it.
CREATE TABLE snapshot (
  id            BLOB PRIMARY KEY CHECK (length(id) = 16),
  parent        BLOB,
  kind          TEXT NOT NULL,
  created       TEXT NOT NULL,
  message       TEXT NOT NULL,
  content       BLOB NOT NULL,
  bytes         INTEGER NOT NULL,
  stored_bytes  INTEGER NOT NULL,
  origin        TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_by_time ON snapshot (created);
CREATE INDEX snapshot_by_content ON snapshot (content);

-- Tags: names of snapshots. Every change of this table is a line of the reflog as well.
CREATE TABLE ref (
  name          TEXT PRIMARY KEY,
  snapshot      BLOB NOT NULL,
  message       TEXT NOT NULL,
  pinned        INTEGER NOT NULL CHECK (pinned IN (0, 1)),
  updated       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- For each live database of a project (origin: the paths of its databases) the snapshot it was last
-- taken from or restored to.
CREATE TABLE head (
  origin        TEXT NOT NULL,
  database      TEXT NOT NULL,
  snapshot      BLOB NOT NULL,
  PRIMARY KEY (origin, database)
) STRICT, WITHOUT ROWID;

-- Where every name, and HEAD of every project, has pointed; the newest entry is the current one.
-- snapshot is null if the name was removed; databases is a JSON list if not all of them moved.
CREATE TABLE reflog (
  entry         INTEGER PRIMARY KEY,
  ref           TEXT NOT NULL,
  origin        TEXT NOT NULL,
  snapshot      BLOB,
  databases     TEXT,
  action        TEXT NOT NULL,
  message       TEXT NOT NULL,
  at            TEXT NOT NULL
) STRICT;
CREATE INDEX reflog_by_ref ON reflog (ref, origin, entry);

-- A restore in progress: written before the live database changes, removed when HEAD has moved.
-- A row found here later is a restore that was cut short; the live contents tell how far it got.
CREATE TABLE intent (
  origin        TEXT PRIMARY KEY,
  action        TEXT NOT NULL,
  before        BLOB NOT NULL,
  target        BLOB NOT NULL,
  databases     TEXT NOT NULL,
  at            TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Snapshots that were forgotten and whose objects are still there: the rows they had, and when they were
-- forgotten. They can be brought back until a prune frees them.
CREATE TABLE forgotten (
  id            BLOB PRIMARY KEY CHECK (length(id) = 16),
  parent        BLOB,
  kind          TEXT NOT NULL,
  created       TEXT NOT NULL,
  message       TEXT NOT NULL,
  content       BLOB NOT NULL,
  bytes         INTEGER NOT NULL,
  stored_bytes  INTEGER NOT NULL,
  origin        TEXT,
  at            TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the last prune of each project found; it decides when the next automatic one is due.
CREATE TABLE upkeep (
  origin        TEXT PRIMARY KEY,
  at            TEXT NOT NULL,
  store_bytes   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The order in which snapshots were recorded, forgotten ones too: a clock may be set back. A snapshot that an
-- earlier release recorded in the meantime gets its number when a later one looks.
CREATE TABLE recorded (
  number        INTEGER PRIMARY KEY,
  snapshot      BLOB NOT NULL UNIQUE
) STRICT;

-- Which branch of a Git repository the live databases of a project belong to: the row with the highest number
-- counts. name: the tag that keeps the branch's state. entry: the newest entry of the reflog when the row was
-- added. moved: the entry of the restore that brought the branch's state back, 0 if there was none. While target
-- is not null, the row counts only once HEAD has moved to that snapshot.
CREATE TABLE branch (
  number        INTEGER PRIMARY KEY,
  origin        TEXT NOT NULL,
  name          TEXT NOT NULL,
  entry         INTEGER NOT NULL,
  moved         INTEGER NOT NULL,
  target        BLOB,
  at            TEXT NOT NULL
) STRICT;

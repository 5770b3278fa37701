-- What is known of the files of a tree that were not written since they were read, by the tree's real path. data: see
-- docs/format.md. It is made by the first snapshot with files, and can be lost at any time.
CREATE TABLE IF NOT EXISTS stat_cache (
  tree          TEXT PRIMARY KEY,
  data          BLOB NOT NULL
) STRICT, WITHOUT ROWID;

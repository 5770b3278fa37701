"""SQLite's side: files, headers, write-ahead logs, consistent views, page patches. Knows no store."""

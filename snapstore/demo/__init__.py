"""What `snap demo` shows: a small application on SQLite, and the story told with it."""

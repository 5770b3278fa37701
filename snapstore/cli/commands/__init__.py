"""One command a file, each a `command` that cli/main.py finds by its name."""

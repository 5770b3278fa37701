"""The SQLite databases of a project: what its own settings name, and what lies in its folder. Nothing of it is run."""

"""How many rows a result holds where the caller names no limit."""

from __future__ import annotations

ROWS_OF_DIFF = 1000  # of each table
ROWS_OF_VERIFY = 1000  # of each database
ROWS_OF_QUERY = 10_000

"""Verdicts: what a comparison of the live databases with a snapshot comes to."""

from __future__ import annotations

CLEAN, DRIFTED, LEAKED, DAMAGED, SCHEMA_CHANGED = VERDICTS = ("clean", "drifted", "leaked", "damaged", "schema-changed")
"""From the best to the worst."""

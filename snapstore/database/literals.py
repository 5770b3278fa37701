"""Names and values as SQL text."""

from __future__ import annotations

from snapstore.database.record import Value, is_valid_text, text_bytes


def name(identifier: str) -> str:
    """Return an identifier in quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: Value, encoding: str) -> str:
    """Return the literal that SQLite reads as exactly this value, in a database of the text encoding."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        if "\0" in value or not is_valid_text(value):
            return f"CAST(X'{text_bytes(value, encoding).hex()}' AS TEXT)"
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and value - value != 0:
        return "9e999" if value > 0 else "-9e999"
    return repr(value)

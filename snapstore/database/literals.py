"""Names and values as SQL text."""

from __future__ import annotations

import math

from snapstore.database.record import Value, is_valid_text, text_bytes

_EXACT_DIGITS = 15  # decimals of so many digits and a small exponent are read exactly
_PLAIN = (1e-5, 1e15)
_MANTISSA_BITS, _STEP_BITS = 53, 30  # factors that are powers of two change no digit


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
    return _float(value) if isinstance(value, float) else repr(value)


def _float(value: float) -> str:
    """Return a float so that any release of SQLite reads this very one; the reading of decimals is inexact."""
    if value - value != 0:
        return "9e999" if value > 0 else "-9e999"
    short = repr(value)
    if value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1]:
        digits = sum(char.isdigit() for char in short)
        return short if digits <= _EXACT_DIGITS else f"{value:.17g}"
    fraction, exponent = math.frexp(value)
    steps, rest = divmod(abs(exponent - _MANTISSA_BITS), _STEP_BITS)
    sign = "*" if exponent >= _MANTISSA_BITS else "/"
    powers = [1 << _STEP_BITS] * steps + [1 << rest]
    return f"CAST({int(fraction * (1 << _MANTISSA_BITS))} AS REAL)" + "".join(f"{sign}{power}.0" for power in powers)

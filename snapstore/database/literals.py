"""Names and values as SQL text."""

from __future__ import annotations

import math
import re
from itertools import count

from snapstore.database.record import Value, is_valid_text, text_bytes
from snapstore.results.long_value import LongValue

_EXACT_DIGITS = 15  # SQLite reads a decimal with so many digits and a small exponent exactly
_PLAIN = (1e-5, 1e15)
_MANTISSA_BITS, _STEP_BITS = 53, 30  # a factor that is a power of two keeps every digit

_BREAKS = {"\r": "r", "\n": "n"}
# Other control characters, those that turn the direction of writing, and separators of lines and paragraphs.
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def name(identifier: str) -> str:
    """Return an identifier in quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: Value, encoding: str) -> str:
    """Return the literal that SQLite reads as exactly this value, in a database with the text encoding."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        return _text(value, encoding)
    assert not isinstance(value, LongValue), "what becomes SQL is read whole"
    return _float(value) if isinstance(value, float) else repr(value)


def _text(value: str, encoding: str) -> str:
    """Return text without a character that a terminal obeys, or that a reader of lines changes, such as CR LF."""
    if value.isprintable():
        return _quoted(value)
    if _CONTROLS.search(value) or not is_valid_text(value):
        return f"CAST(X'{text_bytes(value, encoding).hex()}' AS TEXT)"
    text = value
    breaks = [(char, _unused(f"\\{letter}", value)) for char, letter in _BREAKS.items() if char in value]
    for char, marker in breaks:
        text = text.replace(char, marker)
    literal_ = _quoted(text)
    for char, marker in breaks:
        literal_ = f"replace({literal_}, '{marker}', char({ord(char)}))"
    return literal_


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _unused(marker: str, text: str) -> str:
    """Return a marker for a line break that does not occur in a text."""
    return next(one for one in (marker if not number else f"{marker}{number}" for number in count()) if one not in text)


def _float(value: float) -> str:
    """Return a float in a form that every release of SQLite reads exactly; decimals may be rounded."""
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

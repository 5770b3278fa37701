"""How the figures of a report are written, on a terminal and on a page alike."""

from __future__ import annotations

from snapstore.results.reports import Rate, TestLeak

_DIGITS = 3
_UNITS = ((0.9995, 0.001, "ms"), (120.0, 1.0, "s"), (7200.0, 60.0, "min"), (float("inf"), 3600.0, "h"))


def share(of: float) -> str:
    """Return `93.2%`; anything less than all is below 100%, anything more than nothing above 0%."""
    percent = f"{100 * of:.1f}"
    if percent == "100.0" and of < 1:
        percent = "99.9"
    if percent == "0.0" and of > 0:
        percent = "0.1"
    return f"{percent.removesuffix('.0')}%"


def interval(of: Rate) -> str:
    """Return the bounds of the true rate; nothing without trials."""
    return "" if of.low is None or of.high is None else f"{share(of.low)} to {share(of.high)}"


def duration(seconds: float) -> str:
    """Return a time as people read it, in three digits."""
    per_unit, unit = next((size, unit) for limit, size, unit in _UNITS if seconds < limit)
    amount = seconds / per_unit
    return f"{amount:.{max(0, _DIGITS - len(str(int(amount))))}f} {unit}"


def rows_of(leak: TestLeak) -> str:
    """Return what the last leak left: `+2 -1 ~3`."""
    counts = (("+", leak.added), ("\N{MINUS SIGN}", leak.removed), ("~", leak.changed))
    return " ".join(f"{sign}{number:,}" for sign, number in counts if number) or leak.verdict


def place_of(leak: TestLeak, *, several: bool) -> str:
    """Return which table, of which database where there are several."""
    if leak.table is None:
        return "the schema" if leak.verdict == "schema-changed" else "the whole file"
    return f"{leak.database}.{leak.table}" if several else leak.table

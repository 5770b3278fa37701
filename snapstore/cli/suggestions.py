"""Suggested rules as a piece of configuration to paste."""

from __future__ import annotations

import json
from collections.abc import Iterator

from snapstore.actions.suggest import Suggestion, Suggestions
from snapstore.cli.output import counted, one_line


def suggestion_lines(suggested: Suggestions) -> Iterator[str]:
    """Yield YAML for `snapstore.yaml`, with the evidence as comments."""
    times = counted(suggested.comparisons, "comparison")
    if not suggested.tables and not suggested.columns:
        yield f"# nothing differs in every one of {times}"
        return
    yield f"# differs in every one of {times}; a rule for data that matters would hide leaks"
    yield "ignore:"
    yield from _rules("tables", suggested.tables, "came and went")
    yield from _rules("columns", suggested.columns, "differed")


def _rules(key: str, rules: list[Suggestion], what: str) -> Iterator[str]:
    if rules:
        yield f"  {key}:"
    for one in rules:
        yield f"    - {_scalar(one.rule)}  # {counted(one.rows, 'row')} {what}"


def _scalar(text: str) -> str:
    """Return text as YAML reads it, in quotes unless it is a plain name."""
    plain = text.replace("_", "").replace(".", "")
    return text if plain.isascii() and plain.isalnum() and not plain[0].isdigit() else json.dumps(one_line(text))

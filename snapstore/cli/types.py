"""Types of arguments and options: revisions, paths, counts, times."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from snapstore.cli.context import Context
from snapstore.errors import SnapError
from snapstore.locks import is_seconds

_FIXED_REVISIONS = ("latest", "HEAD")
_LIVE = "live"
_DIGITS = 9  # of the largest count


class RevisionType(click.ParamType):  # type: ignore[type-arg]  # only newer releases of click make it generic
    """A revision; a shell completes it with the tags of the store."""

    name = "rev"

    def __init__(self, *more: str, pairs: bool = False) -> None:
        self._fixed = (*_FIXED_REVISIONS, *more)
        self._pairs = pairs

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the tags that begin with what was typed, nothing where no store can be opened."""
        try:
            with ctx.ensure_object(Context).snapstore as snapstore:
                names = [name for tag in snapstore.tags() for name in tag.names]
                remotes = snapstore.locations.configuration.remotes
                names += [f"{remote}/{name}" for remote in remotes for name in snapstore.known_tags(remote)]
        except (SnapError, OSError):
            return []
        first, dots, typed = incomplete.rpartition("..") if self._pairs else ("", "", incomplete)
        return [CompletionItem(f"{first}{dots}{name}") for name in (*names, *self._fixed) if name.startswith(typed)]


class TableType(click.ParamType):  # type: ignore[type-arg]  # as above
    """The name of a table, or a glob; a shell completes it with the tables of the live databases."""

    name = "table"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the tables that begin with what was typed, nothing where no database can be read."""
        from snapstore.actions.table_names import table_names

        try:
            names = table_names(ctx.ensure_object(Context).locations.project)
        except (SnapError, OSError):
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class ParsedType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A value that a function reads from text; the message of its ValueError is the one a user sees."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value of the text."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def checked(name: str, parse: Callable[[str], object]) -> ParsedType:
    """Return a type for text that a function can parse; its value is the text, as verbs take it."""

    def check(text: str) -> str:
        parse(text)
        return text

    return ParsedType(name, check)


def _count(text: str) -> int:
    if not (text.isdecimal() and len(text) <= _DIGITS):
        raise ValueError(f"'{text}' is not a whole number from 0 to {10**_DIGITS - 1:,}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not is_seconds(seconds):
        raise ValueError(f"'{text}' is not a number of seconds")
    return seconds


REVISION = RevisionType()
STATE = RevisionType(_LIVE)
COMPARED = RevisionType(_LIVE, pairs=True)
SPAN = RevisionType(pairs=True)
TABLE = TableType()
PATH = click.Path(readable=False)  # checks nothing, and lets a shell complete file names
COUNT = ParsedType("count", _count)  # click.IntRange would print its range in every help
SECONDS = ParsedType("seconds", _seconds)

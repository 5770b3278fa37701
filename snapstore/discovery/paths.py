"""Paths as settings write them: database URLs, relative paths, and whether a SQLite database is there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote

from snapstore.database.header import MAGIC
from snapstore.regular import open_named

MOST_BYTES = 1 << 20  # of a settings file that is read
_URL = re.compile(r"(?:jdbc:)?(?P<scheme>sqlite3?(?:\+\w+)?|file):(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_MEMORY = (":memory:", "memory")


class Named(NamedTuple):
    """Databases that a settings file names: absolute paths by name, the first one the main one."""

    databases: dict[str, str]
    source: str


def is_sqlite(path: str) -> bool:
    """Tell whether a regular file begins as a SQLite database does."""
    with suppress(OSError, ValueError), open(open_named(path), "rb") as file:
        return file.read(len(MAGIC)) == MAGIC
    return False


def text_of(path: str) -> str:
    """Return the text of a settings file; nothing for one that is missing, unreadable or too long."""
    with suppress(OSError, ValueError), open(open_named(path), "rb") as file:
        data = file.read(MOST_BYTES + 1)
        return data.decode("utf-8", "replace") if len(data) <= MOST_BYTES else ""
    return ""


def is_url(value: str) -> bool:
    """Tell whether a value is the URL of a SQLite database."""
    return _URL.fullmatch(value.strip()) is not None


def locate(value: str, folders: Sequence[str]) -> str | None:
    """Return the absolute path that a URL or a path means; None for another kind of database.

    Programs disagree about what a relative path is relative to, so a database that is there decides.
    """
    paths = [os.path.normpath(os.path.join(folder, path)) for path in _paths(value.strip()) for folder in folders]
    return next(filter(is_sqlite, paths), paths[0] if paths else None)


def _paths(value: str) -> Iterator[str]:
    """Yield the paths that a value may mean, the likeliest first."""
    found = _URL.fullmatch(value)
    if found is None:
        if value and "://" not in value and "\0" not in value and value not in _MEMORY:
            yield os.path.expanduser(value)
        return
    rest = unquote(re.split(r"[?#]", found["rest"])[0])
    if not rest.strip("/") or rest.strip("/") in _MEMORY or "\0" in rest:
        return
    slashes = len(rest) - len(rest.lstrip("/"))
    absolute = "/" + rest.lstrip("/")
    is_file = found["scheme"].lower() == "file"
    if slashes == 1 or slashes > 3 or (is_file and slashes == 3):  # noqa: PLR2004 - scheme:////absolute
        yield absolute
    else:
        yield rest.lstrip("/")
        if slashes == 3:  # noqa: PLR2004 - relative to SQLAlchemy, absolute to sqlx
            yield absolute

"""Variables that name a database: those of this process, and those in the `.env` files of a project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from snapstore.discovery.paths import Named, is_url, locate, text_of
from snapstore.project import DEFAULT

_FILES = (".env.development.local", ".env.local", ".env.development", ".env")  # the first one that has a name wins
_FOLDERS = ("", "prisma", "backend", "server", "api", "app")
_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([\w.]+)[ \t]*=[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^#\n]*?))[ \t]*(?:[ \t]#.*)?$"""
)
_NAMES_DATABASE = re.compile(r"DATABASE|SQLITE|(?:^|_)DB(?:_|$)", re.IGNORECASE)
_RELATIVE_TO = ("", "instance", "database", "prisma")  # Flask-SQLAlchemy, Laravel, Prisma
_FIRST = ("DATABASE_URL", "DB_DATABASE", "DB_FILENAME", "DATABASE_FILENAME")


def variables(folder: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a project: those of this process win over those of its `.env` files."""
    found: dict[str, str] = {}
    for path in _env_files(folder):
        found = {**read(path), **found}
    return {**found, **environ}


def named(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    """Yield each database that a variable names; a value that is no URL counts where a database is there."""
    yield from _named(environ, folder, "the environment")
    for path in _env_files(folder):
        yield from _named(read(path), os.path.dirname(path), os.path.relpath(path, folder))


def read(path: str) -> dict[str, str]:
    """Return the variables that a `.env` file sets."""
    lines = map(_LINE.match, text_of(path).splitlines())
    return {found[1]: found[2] or found[3] or found[4] or "" for found in lines if found}


def _env_files(folder: str) -> Iterator[str]:
    for below in _FOLDERS:
        for name in _FILES:
            path = os.path.join(folder, below, name)
            if os.path.isfile(path):
                yield path


def _named(values: Mapping[str, str], folder: str, source: str) -> Iterator[Named]:
    names = [name for name in values if _NAMES_DATABASE.search(name) and not name.startswith(("SNAPSTORE_", "E2E_"))]
    folders = [os.path.join(folder, below) for below in _RELATIVE_TO]
    for name in sorted(names, key=lambda name: (name not in _FIRST, name)):
        path = locate(values[name], folders)
        if path is not None and (is_url(values[name]) or os.path.isfile(path)):
            yield Named({DEFAULT: path}, f"{name} in {source}")

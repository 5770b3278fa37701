"""What `snap init` proposes: the databases that the project's settings name, else the likeliest ones that are there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from snapstore.database.file import DatabaseFile
from snapstore.discovery import django, environment, frameworks
from snapstore.discovery.paths import Named, is_sqlite
from snapstore.discovery.scan import scan, together
from snapstore.errors import DatabaseUnusable

_READERS = (
    django.named,
    frameworks.rails,
    frameworks.prisma,
    frameworks.mediawiki,
    frameworks.ghost,
    frameworks.alembic,
)


@dataclass(frozen=True)
class Proposal:
    """Databases of a project by name; paths are relative to its folder where they are in it.

    `source` names the setting that decided, empty where none did. `others` were found too. `missing` are named by
    a setting or by the user, and are not there or not databases: path and source.
    """

    databases: dict[str, str]
    source: str = ""
    others: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)


def propose(folder: str, environ: Mapping[str, str]) -> Proposal:
    """Look for the databases of a project; `databases` is empty where there is none."""
    folder = os.path.abspath(folder)
    settings = list(_named(folder, environ))
    there = [_present(named, folder) for named in settings]
    missing = {
        _relative(path, folder): named.source
        for named in settings
        for path in named.databases.values()
        if not is_sqlite(path)
    }
    scanned = scan(folder)
    found = [path for one in there for path in one.databases.values()]
    chosen = next((one for one in there if one.databases), None)
    if chosen is None:
        chosen = Named(together(scanned[0], scanned[1:]) if scanned else {}, "")
    taken = {os.path.realpath(os.path.join(folder, path)) for path in chosen.databases.values()}
    others: dict[str, str] = {}
    for path in (*found, *scanned):
        real = os.path.realpath(os.path.join(folder, path))
        if real not in taken:
            others.setdefault(real, path)
    return Proposal(chosen.databases, chosen.source, tuple(others.values()), missing)


def check_use(path: str) -> None:
    """Check that a database, if it is one already, is used under this name. Raises OtherNameInUse, SeveralNames."""
    with suppress(DatabaseUnusable), DatabaseFile(path) as file:
        file.check_names(will_write=True)


def _named(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    variables = environment.variables(folder, environ)
    for reader in _READERS:
        yield from reader(folder, variables)
    yield from environment.named(folder, environ)


def _present(named: Named, folder: str) -> Named:
    """Return the databases that are there, with paths as the configuration has them."""
    there = {name: _relative(path, folder) for name, path in named.databases.items() if is_sqlite(path)}
    if there and next(iter(named.databases)) not in there:
        return Named({}, named.source)  # without its main one, the rest is no project
    return Named(there, named.source)


def _relative(path: str, folder: str) -> str:
    return os.path.relpath(path, folder) if path.startswith(os.path.join(folder, "")) else path

"""What `doctor` examines: program, environment, configuration, databases, store.

The findings on databases are in actions/doctor.py, those on the store in actions/doctor_store.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from shlex import quote

import snapstore
from snapstore.actions.check_rules import examine_rules
from snapstore.actions.doctor import LOCK_SECONDS, examine
from snapstore.actions.doctor_hooks import examine_hooks
from snapstore.actions.doctor_store import examine_leftovers, examine_store
from snapstore.config.locations import Locations
from snapstore.errors import SnapError
from snapstore.project import Project
from snapstore.results.findings import FAILURE, OK, WARNING, Finding
from snapstore.store import FORMAT, Store
from snapstore.suite.ledger import Ledger
from snapstore.suite.parts import PROJECT
from snapstore.suite.unfinished import unfinished

_LIBRARIES = (
    "arize-phoenix-sqlean",
    "sqlean.py",
    "apsw",
    "xxhash",
    "backports.zstd",
    "click",
    "Jinja2",
    "PyYAML",
    "platformdirs",
)
_VARIABLES = ("SNAPSTORE_CONFIG", "SNAPSTORE_STORE", "E2E_BACKUP_PATH", "E2E_NO_BACKUP", "E2E_DEBUG")


def findings(locations: Locations, *, remotes: bool) -> Iterator[Finding]:
    """Yield the findings on a project; an error in its configuration is one of them. `remotes` are asked if wanted."""
    yield from _versions()
    yield from _environment(locations)
    try:
        project, store_path = locations.project, locations.store_path
        path = locations.config_path
        yield Finding("configuration", OK, f"'{path}'" if path else "none, --db is used")
    except SnapError as error:
        remedy = error.hint or "'snap init' writes one; or name a database with --db"
        yield Finding("configuration", FAILURE, str(error), remedy)
        return
    yield from examine(project)
    yield from examine_rules(project, locations.configuration.policy)
    yield from examine_hooks(locations.configuration.hooks, locations.folder, locations.environ)
    yield from examine_store(project, store_path)
    yield from examine_leftovers(project)
    yield from _suite(project, locations)
    if configured := locations.configuration.remotes:
        from snapstore.actions.doctor_remotes import examine_remotes

        settings = [locations.remote_settings(name) for name in configured]
        yield from examine_remotes(settings, locations.project_store, locations.environ, ask=remotes)
    yield from _names(locations)


def _names(locations: Locations) -> Iterator[Finding]:
    """Yield the tags that are called as those of a remote; an error of the store is a finding of its own."""
    remotes = locations.configuration.remotes
    if not remotes:
        return
    with suppress(SnapError), Store.open(locations.project_store, LOCK_SECONDS) as store:
        for ref in store.refs.all():
            remote, slash, _ = ref.name.partition("/")
            if slash and remote in remotes:
                detail = f"'{ref.name}' is a tag of this store, and hides what the remote '{remote}' has there"
                yield Finding("names", WARNING, detail, f"snap rename {quote(ref.name)} NAME")


def _suite(project: Project, locations: Locations) -> Iterator[Finding]:
    """Yield what is to know about a suite that has not ended; an error of the store is a finding of its own."""
    with suppress(SnapError), Store.open(locations.project_store, LOCK_SECONDS) as store:
        ledger = Ledger(store, locations.project_origin, locations.worker or PROJECT, project.origin)
        suite = unfinished(ledger, store, project)
        if suite and suite.runs:
            yield Finding("suite", OK, f"'{suite.name}' is running (process {suite.pid})")
        elif suite and suite.paused:
            remedy = "if its run is over, the next suite repairs what it left; 'snap restore' brings its backup back"
            detail = f"'{suite.name}' of {suite.started} is paused until its run goes on"
            yield Finding("suite", OK, detail, remedy if suite.backup else "")
        elif suite:
            remedy = "the next suite repairs what it left; 'snap restore' brings its backup back"
            yield Finding("suite", WARNING, f"'{suite.name}' of {suite.started} died", remedy if suite.backup else "")


def _versions() -> Iterator[Finding]:
    python = sys.version.split()[0]
    yield Finding("program", OK, f"snapstore {snapstore.__version__}, Python {python}, store format {FORMAT}")
    found = []
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    yield Finding("libraries", OK, ", ".join(found))


def _environment(locations: Locations) -> Iterator[Finding]:
    """Yield the variables that change what commands do."""
    for name in filter(locations.variable, _VARIABLES):
        value = f"{name}={locations.variable(name)}"
        if name == "E2E_NO_BACKUP" and locations.is_set(name):
            detail = f"{value}: 'backup' and the 'restore' of it do nothing"
            yield Finding("environment", WARNING, detail, f"unset {name}")
        else:
            yield Finding("environment", OK, value)

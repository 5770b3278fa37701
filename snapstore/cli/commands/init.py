"""`snap init`: write a configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import program_name
from snapstore.cli.playwright import write_kit
from snapstore.cli.types import PATH
from snapstore.config.keys import load
from snapstore.config.reader import as_yaml
from snapstore.creating import create_ordinary
from snapstore.discovery.paths import is_sqlite
from snapstore.discovery.proposal import Proposal, check_use, propose
from snapstore.errors import ConfigurationError, NotADatabase, WouldOverwrite
from snapstore.files import check_kind, translated, write_all, written_durably
from snapstore.integrations.playwright import KIT
from snapstore.project import DEFAULT

EXAMPLES = """
snap init
snap init --db backend/db.sqlite3
snap init --pytest
snap init --playwright e2e --example
npm pack "$(snap init --playwright-package)"
"""
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_MOST_OTHERS = 20
_HEAD = "# snapstore: which databases this project's snapshots are of. 'snap config --example' shows every key.\n"
_BASELINE = """\
# What suites begin with, and what verify, diff, status, clean and restore take where no revision is given.
baseline: baseline
"""
_NEXT = (
    ("tag baseline", "make the present state the baseline"),
    ("verify", "after a test: is everything as it was?"),
    ("restore", "bring that state back while the application runs"),
)


@click.command("init", cls=SnapCommand, examples=EXAMPLES)
@click.option("--playwright", type=PATH, metavar="DIR", help="Write the kit for Playwright there.")
@click.option("--example", is_flag=True, help="With --playwright, write a configuration and a test too.")
@click.option("--playwright-package", is_flag=True, help="Print the folder of the npm package, for 'npm pack'.")
@click.option("--pytest", is_flag=True, help="Write pytest.ini, or print what to add to the existing ini file.")
@click.option("--force", is_flag=True, help="Overwrite files of the Playwright kit that differ.")
@click.pass_obj
def command(
    context: Context, playwright: str | None, example: bool, playwright_package: bool, pytest: bool, force: bool
) -> None:
    """Write a configuration file.

    Creates snapstore.yaml here, for the database that --db names, else for what the project's settings name (Django,
    Rails, Prisma, .env and others), else for the most likely SQLite file found. A snapstore.yaml that is there is left
    as it is, and its databases are listed.
    """
    if playwright_package:
        context.output.result({"folder": os.fspath(KIT)}, [os.fspath(KIT)], always=True)
        return
    path = os.path.abspath("snapstore.yaml")
    result, lines = _describe(context, path) if os.path.lexists(path) else _configure(context, path)
    if playwright is not None:
        kit, kit_lines = write_kit(context, playwright, path, example=example, force=force)
        result, lines = {**result, **kit}, [*lines, *kit_lines]
    if pytest:
        ini, ini_lines = _write_ini()
        result, lines = {**result, **ini}, [*lines, *ini_lines]
    if result["created"]:
        steps = [(f"{program_name()} {words}", does) for words, does in _NEXT]
        width = max(len(typed) for typed, _ in steps)
        lines = [*lines, "next:", *(f"  {typed:<{width}}  # {does}" for typed, does in steps)]
    context.output.result(result, lines)


def _configure(context: Context, path: str) -> tuple[dict[str, Any], list[str]]:
    """Write the configuration; return the result and its lines."""
    found = _choose(context)
    for database in found.databases.values():
        check_use(database)
    with translated(path), written_durably(path, step="config", create=create_ordinary) as fd:
        write_all(fd, _text(found).encode())
    source = f" ({found.source})" if found.source else ""
    if found.databases.keys() == {DEFAULT}:
        lines = [f"wrote {path} for {found.databases[DEFAULT]}{source}"]
    else:
        lines = [f"wrote {path} for {len(found.databases)} databases that belong together{source}:"]
        lines += _listed(found.databases)
    return _result(path, found.databases, found.others, created=True), lines + _also(found)


def _describe(context: Context, path: str) -> tuple[dict[str, Any], list[str]]:
    """Say what the configuration that is there names, and what it does not. Raises WouldOverwrite for another --db."""
    databases = load(path).databases
    real = {os.path.realpath(one) for one in databases.values()}
    if context.locations.db is not None and os.path.realpath(context.locations.db) not in real:
        raise WouldOverwrite(path, hint="edit it, or remove it first")
    shown = {name: _from_here(one) for name, one in databases.items()}
    found = propose(os.getcwd(), os.environ)
    others = [one for one in (*found.databases.values(), *found.others) if os.path.realpath(one) not in real]
    lines = [f"{path} is there already, and was left as it is:", *_listed(shown)]
    lines += [f"not in it: {one}" for one in others]
    return _result(path, shown, others, created=False), lines


def _result(path: str, databases: Mapping[str, str], others: Sequence[str], *, created: bool) -> dict[str, Any]:
    first = next(iter(databases.values()), None)
    return {"file": path, "created": created, "database": first, "databases": dict(databases), "also_found": others}


def _text(found: Proposal) -> str:
    """Return the text of a configuration."""
    if found.databases.keys() == {DEFAULT}:
        text = f"{_HEAD}database: {as_yaml(found.databases[DEFAULT])}\n"
    else:
        pairs = (f"  {as_yaml(name)}: {as_yaml(path)}\n" for name, path in found.databases.items())
        text = f"{_HEAD}databases:\n{''.join(pairs)}"
    text += _BASELINE
    return text + "".join(f"# also found: {as_yaml(other)}\n" for other in found.others[:_MOST_OTHERS])


def _listed(databases: Mapping[str, str]) -> list[str]:
    return [f"  {name}: {path}{'' if is_sqlite(path) else ' (not there yet)'}" for name, path in databases.items()]


def _also(found: Proposal) -> list[str]:
    lines = [f"also found: {other}" for other in found.others[:_MOST_OTHERS]]
    hidden = len(found.others) - len(lines)
    lines += [f"also found: {hidden} more"] if hidden else []
    return lines + [f"not there yet: {path} ({source})" for path, source in found.missing.items()]


def _from_here(path: str) -> str:
    """Return a path relative to the current folder, where it is in it."""
    return os.path.relpath(path) if path.startswith(os.path.join(os.getcwd(), "")) else path


def _write_ini() -> tuple[dict[str, Any], list[str]]:
    """Write pytest.ini; for an existing ini file, return the lines that say what to add."""
    present = next((name for name in _PYTEST_FILES if os.path.lexists(name)), None)
    if present:
        what = "snapstore = true" if present != "pyproject.toml" else "snapstore = true under [tool.pytest.ini_options]"
        return {"pytest": None}, [f"for pytest: put '{what}' into {present}, or run 'pytest --snap'"]
    path = os.path.abspath("pytest.ini")
    with translated(path), written_durably(path, step="config", create=create_ordinary) as fd:
        write_all(fd, b"[pytest]\nsnapstore = true\n")
    return {"pytest": path}, [f"wrote {path}; 'pytest' now verifies after each test"]


def _choose(context: Context) -> Proposal:
    """Return the database that was named, or what was found.

    Raises ConfigurationError if nothing was found, NotADatabase for a file that is something else.
    """
    if given := context.locations.db:
        check_kind(given)
        shown = given if os.path.isabs(given) else os.path.relpath(given)
        if not os.path.exists(given):
            return Proposal({DEFAULT: shown}, missing={shown: "--db"})
        if os.path.getsize(given) and not is_sqlite(given):
            raise NotADatabase(given)
        return Proposal({DEFAULT: shown})
    found = propose(os.getcwd(), os.environ)
    if found.databases:
        return found
    for path, source in found.missing.items():
        raise ConfigurationError(f"no SQLite database found here; {source} names '{path}', which is not there yet")
    remedy = "start the application once so that it makes one, or name one with --db PATH"
    raise ConfigurationError(f"no SQLite database found here; {remedy}")

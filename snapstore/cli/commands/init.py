"""`snap init`: write a configuration."""

from __future__ import annotations

import os
from typing import Any

import yaml

from snapstore.actions.discover import discover
from snapstore.cli.command import Context, snap_command
from snapstore.cli.parameters import option
from snapstore.errors import ConfigurationError, FileError
from snapstore.files import translated, write_all, written_durably
from snapstore.refusals import WouldOverwrite

EXAMPLES = """
snap init
snap init --db backend/db.sqlite3
snap init --pytest
snap init --playwright e2e
"""
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_TEMPLATE = """\
# snapstore: which database this project's snapshots are of. Every key: config.example.yaml of snapstore.
database: {database}
"""


@snap_command("init", EXAMPLES)
@option("--playwright", metavar="DIR", help="Write the kit for Playwright there too, and an example.")
@option("--pytest", is_flag=True, help="Say what to put into pytest's ini file; write one where there is none.")
@option("--force", is_flag=True, help="Overwrite files of the kit for Playwright that differ.")
def command(context: Context, playwright: str | None, pytest: bool, force: bool) -> None:
    """Write snapstore.yaml here, with the project's SQLite database (--db, or the likeliest one found).

    With --playwright or --pytest a snapstore.yaml that is there is left as it is.
    """
    path = os.path.abspath("snapstore.yaml")
    if os.path.lexists(path) and playwright is None and not pytest:
        raise WouldOverwrite(path)
    result, lines = ({}, []) if os.path.lexists(path) else _configure(context, path)
    if playwright is not None:
        from snapstore.cli.playwright import write_kit

        kit, said = write_kit(context, playwright, path, force=force)
        result, lines = {**result, **kit}, [*lines, *said]
    if pytest:
        ini, said = _write_ini()
        result, lines = {**result, **ini}, [*lines, *said]
    context.output.result(result, lines)


def _configure(context: Context, path: str) -> tuple[dict[str, Any], list[str]]:
    chosen, others = _choose(context)
    text = _TEMPLATE.format(database=_as_yaml(chosen))
    text += "".join(f"# also found: {_as_yaml(other)}\n" for other in others)
    with translated(path), written_durably(path, step="config") as fd:
        write_all(fd, text.encode())
    lines = [f"wrote {path} for {chosen}", *(f"also found: {other}" for other in others), "next: snap tag baseline"]
    return {"file": path, "database": chosen, "also_found": others}, lines


def _write_ini() -> tuple[dict[str, Any], list[str]]:
    """Write pytest.ini, or say what belongs into the file that is there."""
    present = next((name for name in _PYTEST_FILES if os.path.lexists(name)), None)
    if present:
        what = "snapstore = true" if present != "pyproject.toml" else "snapstore = true under [tool.pytest.ini_options]"
        return {"pytest": None}, [f"for pytest: put '{what}' into {present}, or say 'pytest --snap'"]
    path = os.path.abspath("pytest.ini")
    with translated(path), written_durably(path, step="config") as fd:
        write_all(fd, b"[pytest]\nsnapstore = true\n")
    return {"pytest": path}, [f"wrote {path}; 'pytest' verifies after each test now"]


def _choose(context: Context) -> tuple[str, list[str]]:
    if given := context.places.given_db:
        if os.path.isdir(given):
            raise FileError(given, "is a folder")
        return os.path.relpath(given) if not os.path.isabs(given) else given, []
    found = discover(os.getcwd())
    if not found:
        raise ConfigurationError("no SQLite database found here; name one with --db PATH")
    return found[0], found[1:]


def _as_yaml(text: str) -> str:
    dumped: str = yaml.safe_dump(text, default_flow_style=True, width=10**6)
    return dumped.removesuffix("...\n").strip()

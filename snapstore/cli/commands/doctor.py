"""`snap doctor`: check the setting."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import snapstore
from snapstore.actions.doctor import FAILURE, OK, WARNING, Finding, examine
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import one_line
from snapstore.cli.styles import style
from snapstore.errors import SnapError

EXAMPLES = """
snap doctor
snap doctor --json
"""
_MARKS = {OK: ("ok", "green"), WARNING: ("warn", "yellow"), FAILURE: ("FAIL", "red")}


@snap_command("doctor", EXAMPLES)
def command(context: Context) -> int:
    """Check configuration, databases, store, locks and permissions; say the remedy for each finding.

    Nothing is changed. Exits 1 where a check failed.
    """
    findings = list(_findings(context))
    failed = any(finding.level == FAILURE for finding in findings)
    document = {"ok": not failed, "findings": findings}
    context.output.result(document, [line for finding in findings for line in _lines(finding)], always=True)
    return int(failed)


def _findings(context: Context) -> Iterator[Finding]:
    version = f"snapstore {snapstore.__version__}, Python {sys.version.split()[0]}"
    yield Finding("program", OK, version)
    yield from _name_clash()
    places = context.places
    try:
        project, store_path = places.project, places.store_path
        where = places.config_path
        yield Finding("configuration", OK, f"'{where}'" if where else "none, --db is used")
    except SnapError as error:
        yield Finding("configuration", FAILURE, str(error), "'snap init' writes one; or name a database with --db")
        return
    yield from examine(project, store_path)


def _name_clash() -> Iterator[Finding]:
    """Ubuntu's snapd has a `snap` of its own."""
    found = shutil.which("snap")
    if found is None or os.path.dirname(found) == os.path.dirname(os.path.abspath(sys.argv[0])):
        return
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        if not said.startswith("snapstore"):
            yield Finding(
                "program", WARNING, f"'snap' on the PATH is another program: '{found}'", "type 'snapstore' instead"
            )


def _lines(finding: Finding) -> Iterator[str]:
    mark, color = _MARKS[finding.level]
    yield f"{style(f'{mark:>4}', fg=color)}  {finding.check}: {one_line(finding.detail)}"
    if finding.remedy:
        yield f"      {finding.remedy}"

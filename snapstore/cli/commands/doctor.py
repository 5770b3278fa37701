"""`snap doctor`: check the setting."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.actions.doctor import FAILURE, OK, WARNING, Finding, examine
from snapstore.actions.doctor_store import examine_leftovers, examine_store
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import one_line
from snapstore.cli.styles import style
from snapstore.cli.surroundings import examine_environment, examine_program
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
    yield from examine_program()
    yield from examine_environment()
    places = context.places
    try:
        project, store_path = places.project, places.store_path
        where = places.config_path
        yield Finding("configuration", OK, f"'{where}'" if where else "none, --db is used")
    except SnapError as error:
        yield Finding("configuration", FAILURE, str(error), "'snap init' writes one; or name a database with --db")
        return
    yield from examine(project)
    yield from examine_store(project, store_path)
    yield from examine_leftovers(project)


def _lines(finding: Finding) -> Iterator[str]:
    mark, color = _MARKS[finding.level]
    yield f"{style(f'{mark:>4}', fg=color)}  {finding.check}: {one_line(finding.detail)}"
    if finding.remedy:
        yield f"      {finding.remedy}"

"""`snap doctor`: what may be wrong with the setup, and the remedies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.paint import style
from snapstore.results.findings import FAILURE, OK, WARNING, Finding
from snapstore.results.text import one_line

EXAMPLES = """
snap doctor
snap doctor --json
snap doctor --remote
"""
_MARKS = {OK: ("ok", "green"), WARNING: ("warn", "yellow"), FAILURE: ("FAIL", "red")}


@click.command("doctor", cls=SnapCommand, examples=EXAMPLES)
@click.option("--remote", "remotes", is_flag=True, help="Ask the remotes, too: rights, conditions, clock.")
@click.pass_obj
def command(context: Context, remotes: bool) -> int:
    """Check the setup and suggest remedies.

    Looks at program, environment, configuration, databases, store, locks and permissions. Changes nothing, and asks
    nothing over the network unless with --remote. Exits with 1 if a check fails.
    """
    examined = context.snapstore.doctor(remotes=remotes)
    examined = replace(examined, findings=(*examined.findings, *_name_clash()))
    lines = [line for finding in examined.findings for line in _lines(finding)]
    context.output.result(examined, lines, always=True)
    return 0 if examined.ok else 1


def _name_clash() -> Iterator[Finding]:
    """Find another program under the name `snap`: Ubuntu's snapd has one."""
    found = shutil.which("snap")
    if found is None or os.path.dirname(found) == os.path.dirname(os.path.abspath(sys.argv[0])):
        return
    with suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        if not answer.startswith("snapstore"):
            detail = f"'snap' on the PATH is another program: '{found}'"
            yield Finding("program", WARNING, detail, "type 'snapstore' instead")


def _lines(finding: Finding) -> Iterator[str]:
    mark, color = _MARKS[finding.level]
    yield f"{style(f'{mark:>4}', fg=color)}  {finding.check}: {one_line(finding.detail)}"
    if finding.remedy:
        yield f"      {hint(finding.remedy)}"

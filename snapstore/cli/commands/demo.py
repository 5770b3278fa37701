"""`snap demo`: see it happen."""

from __future__ import annotations

import os
from contextlib import nullcontext
from shlex import quote
from tempfile import TemporaryDirectory

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.paint import style
from snapstore.cli.types import PATH
from snapstore.demo.kept import STORE, TYPED, prepare
from snapstore.demo.story import Step, tell

EXAMPLES = """
snap demo
snap demo --keep playground
"""


@click.command("demo", cls=SnapCommand, examples=EXAMPLES)
@click.option("--keep", type=PATH, metavar="DIR", help="Leave the project there to play in; a new or empty folder.")
@click.pass_obj
def command(context: Context, keep: str | None) -> None:
    """See it at work, on a small database.

    Tags, leaks, verifies, restores, undoes and runs the whole flow on the database of a small application, in a
    temporary folder. With --keep the folder stays, with a configuration and a suite to go on with.
    """
    steps = []
    with nullcontext(prepare(keep)) if keep is not None else TemporaryDirectory(prefix="snapstore-demo-") as folder:
        for step in tell(folder, os.path.join(folder, STORE)):
            steps.append(step)
            if not context.output.json_output:
                context.output.result(None, _lines(step))
    if context.output.json_output:
        context.output.result({"ok": True, "steps": steps, "kept": folder if keep is not None else None}, [])
    elif keep is not None:
        width = max(len(typed) for typed, _ in TYPED)
        listed = (f"  {typed:<{width}}  # {does}" for typed, does in TYPED)
        context.output.result(None, [f"kept in {folder}; next:", f"  cd {quote(keep)}", *listed])
    else:
        context.output.result(None, ["Now in your project:  snap init && snap tag baseline"])


def _lines(step: Step) -> list[str]:
    command = [style(f"$ {step.command}", bold=True)] if step.command else []
    return [*command, step.told, style(f"  the application sees: {step.application_sees}", dim=True), ""]

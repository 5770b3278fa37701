"""`snap demo`: see it happen."""

from __future__ import annotations

import tempfile

from snapstore.cli.command import Context, snap_command
from snapstore.cli.styles import style
from snapstore.demo.story import Step, tell

EXAMPLES = """
snap demo
"""


@snap_command("demo", EXAMPLES)
def command(context: Context) -> None:
    """Tag, leak, verify, restore, undo and the whole flow on a small application's database, in a temporary folder."""
    steps = []
    with tempfile.TemporaryDirectory(prefix="snapstore-demo-") as folder:
        for step in tell(folder):
            steps.append(step)
            if not context.output.as_json:
                context.output.result(None, _lines(step))
    if context.output.as_json:
        context.output.result({"ok": True, "steps": steps}, [])
    else:
        context.output.result(None, ["Now in your project:  snap init && snap tag baseline"])


def _lines(step: Step) -> list[str]:
    command = [style(f"$ {step.command}", bold=True)] if step.command else []
    return [*command, step.told, style(f"  the application sees: {step.application_sees}", dim=True), ""]

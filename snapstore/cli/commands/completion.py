"""`snap completion`: completion of commands, options and tag names for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from snapstore.cli.bash import register
from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context

EXAMPLES = """
eval "$(snap completion bash)"
snap completion zsh > ~/.zfunc/_snap
snap completion fish > ~/.config/fish/completions/snap.fish
"""
SHELLS = ("bash", "zsh", "fish")


def completion_variable(program: str) -> str:
    """Return the environment variable that asks a program for completions, as click names it."""
    return f"_{program.replace('-', '_').replace('.', '_')}_COMPLETE".upper()


@click.command("completion", cls=SnapCommand, examples=EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a completion script for a shell.

    It completes commands, options and tag names of the program, under the name that this one was started with.
    """
    root = ctx.find_root()
    program = root.info_name or "snap"
    program = "snap" if " " in program else program  # a shell cannot complete `python -m snapstore`
    register()
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(root.command, {}, program, completion_variable(program)).source()
    ctx.ensure_object(Context).output.result({"shell": shell, "script": script}, script.split("\n"), always=True)

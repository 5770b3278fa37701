"""`snap completion`: completion of commands, options and tag names for a shell."""

from __future__ import annotations

import os
import sys

from snapstore.cli.command import Context, snap_command
from snapstore.cli.parameters import Choice, argument

EXAMPLES = """
eval "$(snap completion bash)"
snap completion zsh > ~/.zfunc/_snap
snap completion fish > ~/.config/fish/completions/snap.fish
"""


@snap_command("completion", EXAMPLES)
@argument("shell", type=Choice("bash", "zsh", "fish"))
def command(context: Context, shell: str) -> None:
    """Print the completion script for SHELL, for the name this program was started under."""
    from click.shell_completion import get_completion_class

    from snapstore.cli.program import cli

    program = os.path.basename(sys.argv[0])
    program = "snap" if program == "__main__.py" else program
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, program, f"_{program.replace('-', '_').upper()}_COMPLETE").source()
    context.output.result({"shell": shell, "script": script}, [script], always=True)

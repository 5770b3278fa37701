"""The commands there are, in the order of the help. Each is imported when it is asked for."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from snapstore.cli.command import Verb

COMMANDS = {
    "Snapshots": ("tag", "backup", "restore", "undo", "reset", "status"),
    "Comparing": ("diff", "verify", "clean"),
    "History": ("log", "tags", "show", "reflog", "pin", "unpin", "rename", "rm", "prune"),
    "Suites": ("run", "report", "session"),
    "Reading": ("query", "export", "import"),
    "Care": ("fsck", "doctor"),
    "Setting up": ("init", "completion", "demo"),
}
_MODULES = {"import": "import_"}  # a keyword cannot name a module
NAMES = [name for names in COMMANDS.values() for name in names]


def load(name: str) -> Verb:
    """Return the command of a name there is; every other one starts without its weight."""
    module = f"snapstore.cli.commands.{_MODULES.get(name, name)}"
    __import__(module)  # `importlib` would load `warnings`
    command: Verb = sys.modules[module].command
    return command

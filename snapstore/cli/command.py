"""What a command is, a `Verb` made by the decorator `snap_command`, and what it is given: a `Context`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

from snapstore.cli.options import Globals
from snapstore.cli.output import Output
from snapstore.cli.parameters import DECLARED, Parameter
from snapstore.cli.places import Places
from snapstore.errors import SnapError
from snapstore.progress import SILENT, Progress
from snapstore.refusals import NotConfirmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from snapstore.actions.state import State
    from snapstore.history.intents import Intent
    from snapstore.store import Store


class Context:
    """Places to work on and a way to print, for one run of a command."""

    def __init__(self, options: Globals, places: Places) -> None:
        self.places = places
        self.output = Output(options)
        self._quiet = options.quiet

    @cached_property
    def progress(self) -> Progress:
        """A bar on a terminal, nothing elsewhere."""
        if self._quiet or not sys.stderr.isatty():
            return SILENT
        from snapstore.cli.bar import Bar

        return Bar()

    def say_places(self) -> None:
        """Say what is worked on, for -v."""
        if not self.output.verbose:
            return
        with suppress(SnapError):
            self.output.detail(f"configuration: {self.places.config_path or 'none'}")
            for name, path in self.places.project.databases.items():
                self.output.detail(f"database {name}: {path}")
            self.output.detail(f"store: {self.places.store_path}")

    def finish_progress(self) -> None:
        """Take the bar away, before rows are printed as they are found."""
        if "progress" in vars(self) and hasattr(self.progress, "finish"):
            self.progress.finish()

    def state(self, store: Store, revision: str) -> State:
        """Return the state of a revision, of HEAD (which is put right first), or `live`."""
        from snapstore.actions.state import LIVE, head_state, live_state, snapshot_state
        from snapstore.history.reflog import HEAD

        if revision == LIVE:
            return live_state()
        if revision == HEAD:
            head, settled = head_state(store, self.places.project, self.places.timeout)
            self.say_settled(settled)
            return head
        return snapshot_state(store, self.resolve(store, revision), revision)

    def say_settled(self, settled: Intent | None) -> None:
        """Say that a restore was found that had been cut off."""
        if settled:
            self.output.note(f"an interrupted {settled.action} was found and settled")

    def resolve(self, store: Any, revision: str) -> str:
        """Return the id a revision names, for this project."""
        id_: str = store.revisions(self.places.project.origin).resolve(revision)
        return id_

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask on a terminal; elsewhere, and with -y, go on."""
        if not self.asks(yes=yes):
            return
        import click

        if not click.confirm(question, err=True):
            raise NotConfirmed

    def asks(self, *, yes: bool) -> bool:
        """Tell whether `confirm` would ask."""
        return not yes and sys.stdin.isatty() and sys.stderr.isatty()


class Verb:
    """A command: its name, its parameters as they were declared, and the function that does it."""

    def __init__(self, name: str, function: Callable[..., Any], examples: str) -> None:
        self.name = name
        self.examples = examples
        self.help = function.__doc__
        self.parameters: list[Parameter] = vars(function).get(DECLARED, [])
        self._function = function

    def run(self, options: Globals, values: dict[str, Any], places: Places | None = None) -> Any:
        """Do it with the values of its parameters; return its exit code, None for 0."""
        context = Context(options, places or Places(options))
        start = time.monotonic()
        try:
            context.say_places()
            return self._function(context, **values)
        finally:
            context.output.detail(f"{self.name}: {time.monotonic() - start:.3f} s")
            context.finish_progress()


def snap_command(name: str, examples: str = "") -> Callable[[Callable[..., Any]], Verb]:
    """Make a command of a function that takes a Context and the command's own parameters."""
    return lambda function: Verb(name, function, examples)

"""The context of one run of a command: global options, locations, verbs, output. Commands get it by `pass_obj`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from snapstore.cli.hints import program_name
from snapstore.cli.output import Output
from snapstore.cli.progress_bar import ProgressBar
from snapstore.cli.streams import ask, can_ask, is_terminal
from snapstore.errors import SnapError
from snapstore.progress import SILENT, Progress

if TYPE_CHECKING:
    from snapstore.api.facade import Facade
    from snapstore.config.locations import Locations


class Context:
    """The attributes that `__init__` sets are the global options; all else is made from them when it is needed."""

    def __init__(self) -> None:
        """Begin without options; `pull` is when a name is pulled from a remote, if a command takes that."""
        self.config: str | None = None
        self.store: str | None = None
        self.db: str | None = None
        self.worker: str | None = None
        self.json_output = False
        self.quiet = False
        self.offline = False
        self.pull: str | None = None
        self.verbose = False

    @cached_property
    def locations(self) -> Locations:
        """Where configuration, databases and store are."""
        from snapstore.config.locations import Locations  # `snap --version` needs no store

        return Locations(self.config, self.db, self.store, worker=self.worker)

    @property
    def program(self) -> str:
        """The program, with the options that were given here and that lead to the databases and their store."""
        return self._program({"--db": self.db, "--worker": self.worker})

    @property
    def program_of_project(self) -> str:
        """The same for the project that a worker has a copy of; where there is no worker, the program."""
        return self._program({}) if self.locations.worker else self.program

    def _program(self, others: Mapping[str, str | None]) -> str:
        options = {"--config": self.config, "--store": self.store, **others}
        words = [word for name, value in options.items() if value for word in (name, value)]
        return shlex.join([program_name(), *words])

    @cached_property
    def output(self) -> Output:
        """Where results and notes go."""
        verbose = self.verbose or self.locations.is_set("E2E_DEBUG")
        return Output(json_output=self.json_output, quiet=self.quiet, verbose=verbose)

    @cached_property
    def progress(self) -> Progress:
        """A bar on a terminal, nothing elsewhere."""
        if self.quiet or not is_terminal(err=True):
            return SILENT
        return ProgressBar()

    @cached_property
    def snapstore(self) -> Facade:
        """The verbs, for these locations."""
        from snapstore.api.facade import Facade

        def detail(text: str) -> None:
            self.output.detail(f"snap: {text}")

        facade = Facade(self.locations, progress=self.progress, say=self.output.note, detail=detail)
        facade.pull_policy = self.pull_policy
        return facade

    @property
    def pull_policy(self) -> str | None:
        """When a name is pulled from a remote; None as configured."""
        return "never" if self.offline else self.pull

    def close(self) -> None:
        """Close the store and remove the progress bar."""
        if "snapstore" in vars(self):
            self.snapstore.close()
        self.finish_progress()

    def finish_progress(self) -> None:
        """Remove the bar, before rows are printed as they are found."""
        progress = vars(self).get("progress")
        if isinstance(progress, ProgressBar):
            progress.hide()

    def print_locations(self) -> None:
        """Print the locations for -v; an error in them is left to the command."""
        if not self.output.verbose:
            return
        with suppress(SnapError):
            self.output.detail(f"configuration: {self.locations.config_path or 'none'}")
            for name, path in self.locations.project.databases.items():
                self.output.detail(f"database {name}: {path}")
            self.output.detail(f"store: {self.locations.store_path}")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask a question on a terminal; do nothing elsewhere, or where -y answers it. Raises NotConfirmed."""
        from snapstore.errors import NotConfirmed

        if self.can_ask(yes=yes) and not ask(question):
            raise NotConfirmed

    def can_ask(self, *, yes: bool) -> bool:
        """Tell whether `confirm` would ask."""
        return not yes and can_ask()

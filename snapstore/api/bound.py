"""A project and its store, bound once: what all verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from snapstore.api.opened import OpenedStore
from snapstore.compare.state import LIVE, State, live_state, snapshot_state
from snapstore.config.locations import Locations
from snapstore.errors import InvalidArgument, NoBaseline, UnknownRevision
from snapstore.history.reflog import HEAD
from snapstore.hooks.hook import NO_SETTINGS
from snapstore.hooks.hooks import INSIDE_HOOK, NO_HOOKS, Hooks
from snapstore.layout import discard_unused
from snapstore.locks import MOST_SECONDS, is_seconds
from snapstore.progress import SILENT, Progress
from snapstore.store import Store

if TYPE_CHECKING:
    from snapstore.actions.heal_from_remotes import OpenLog
    from snapstore.actions.restore import Later
    from snapstore.compare.ignore_rules import Policy
    from snapstore.database.file_watch import FileWatch
    from snapstore.history.intents import Intent
    from snapstore.project import Project
    from snapstore.results.statuses import Settled
    from snapstore.suite.flow import Suite
    from snapstore.suite.ledger import Ledger

_MOST = 1 << 63  # what slices and SQLite take

Say = Callable[[str], None]


def _say_nothing(_text: str) -> None:
    """Drop a line."""


class Bound:
    """The locations of a project, its open store, and how long to wait for locks.

    `progress` watches long work. `say` takes notes beside a result, `detail` what a suite does, one line each. If it
    `shortens`, rows have a LongValue for each long value, which needs no memory for it.
    """

    shortens: bool = False

    later: Later | None = None
    """Takes what a restore leaves to do once its caller has been told; where there is none, nothing is left."""

    def __init__(
        self,
        locations: Locations,
        timeout: float | None = None,
        progress: Progress = SILENT,
        say: Say = _say_nothing,
        detail: Say = _say_nothing,
    ) -> None:
        self.locations = locations
        self.progress = progress
        self._say = say
        self._detail = detail
        self._timeout = timeout
        self._suite: Suite | None = None
        self._is_as_it_is = False  # whether a suite runs that begins with the present state, whatever is configured
        self._marks = ExitStack()
        self._watch: FileWatch | None = None

    @property
    def project(self) -> Project:
        """The live databases. Raises NoDatabaseNamed, ConfigurationError."""
        return self.locations.project

    @property
    def watch(self) -> FileWatch:
        """The watch over the files of the databases. Raises NoDatabaseNamed, ConfigurationError."""
        if self._watch is None:
            from snapstore.database.file_watch import FileWatch

            self._watch = FileWatch(self.project.databases, self.locations.given_databases)
        return self._watch

    @property
    def policy(self) -> Policy:
        """What comparisons ignore."""
        return self.locations.configuration.policy

    @cached_property
    def hooks(self) -> Hooks:
        """What tells the application about a restore; nothing inside a hook. Raises ConfigurationError."""
        configured = self.locations.configuration.hooks
        settings = configured if self.locations.worker is None else configured.for_copy()
        if settings == NO_SETTINGS or self.locations.variable(INSIDE_HOOK):
            return NO_HOOKS
        return Hooks(settings, self.locations.folder, self.locations.environment, self._say, self.let_go)

    def let_go(self) -> None:
        """Release what is held between calls, before somebody else is told to use the databases."""

    @property
    def baseline(self) -> str | None:
        """The name of the baseline, None where the configuration has none, or the suite that runs goes by none."""
        found = self.locations.configuration.baseline
        return found.name if found and not self._is_as_it_is else None

    @property
    def backup_name(self) -> str:
        """The name of the backup."""
        return self.locations.configuration.backup_name

    @property
    def is_switched_off(self) -> bool:
        """Whether the environment says that backups are neither made nor restored."""
        return self.locations.is_set("E2E_NO_BACKUP")

    def seconds(self, timeout: float | None) -> float:
        """Return how long a verb waits for locks in all. Raises InvalidArgument."""
        limits = (timeout, self._timeout)
        seconds = next((one for one in limits if one is not None), self.locations.configuration.timeout)
        check_seconds(timeout=seconds)
        return seconds

    def store(self, timeout: float | None = None, *, create: bool = False) -> Store:
        """Return the store, for a verb that begins to wait for locks now. Raises NoStore, StoreDamaged.

        It stays open between verbs; another one that took its place is opened instead. A worker has one of its own,
        which is created where the project has one.
        """
        worker = self.locations.worker
        if worker is not None:
            self.books(timeout, create=create).check_worker(worker)
        create = create or worker is not None
        return self._own.open(self.seconds(timeout), create=create, is_held=self._suite is not None)

    def books(self, timeout: float | None = None, *, create: bool = False) -> Store:
        """Return the store of the project, which has the record of all suites; else as `store`."""
        if self.locations.worker is None:
            return self.store(timeout, create=create)
        return self._books.open(self.seconds(timeout), create=create, is_held=self._suite is not None)

    def ledger(self, timeout: float | None = None) -> Ledger:
        """Return the record of the suites, which `report` counts. Raises NoStore."""
        from snapstore.suite.ledger import Ledger
        from snapstore.suite.parts import PROJECT

        books, origin = self.books(timeout), self.locations.project_origin
        return Ledger(books, origin, self.locations.worker or PROJECT, self.project.origin)

    @cached_property
    def _own(self) -> OpenedStore:
        if self.locations.worker is not None:
            return OpenedStore(self.locations.store_path, shared=None, inherits=True)
        return OpenedStore(self.locations.store_path, shared=self.locations.configuration.shared)

    @cached_property
    def _books(self) -> OpenedStore:
        return OpenedStore(self.locations.project_store, shared=self.locations.configuration.shared)

    @property
    def _store(self) -> Store | None:
        """The store while it is open."""
        return self._own.store if "_own" in vars(self) else None

    @contextmanager
    def new_store(self, timeout: float | None = None) -> Iterator[Store]:
        """Give the store, which is created where there is none, and removed again if nothing was recorded in it."""
        store = self.store(timeout, create=True)
        try:
            yield store
        except BaseException:
            new = [one for one in (store, self._books.store) if one and one.made is not None]
            if new:
                self.close_store()
            for one in new:
                discard_unused(one.path, one.made or "")
            raise
        store.made = None
        if self._books.store:
            self._books.store.made = None

    def note_clock(self, store: Store) -> None:
        """Note a clock that cannot be right, where something is about to be recorded."""
        from snapstore.actions.clock import clock_problem

        if problem := clock_problem(store):
            self._say(f"warning: {problem}")

    def remote_logs(self) -> Sequence[OpenLog]:
        """Return what opens the logs of the remotes that may be asked without being named."""
        return ()

    def close_store(self) -> None:
        """Close the store until a verb needs it."""
        for opened in (vars(self).get("_own"), vars(self).get("_books")):
            if opened:
                opened.close()

    def stop_watching(self) -> None:
        """Close the files of the databases."""
        if self._watch:
            self._watch.close()
            self._watch = None

    def resolve(self, store: Store, revision: str) -> str:
        """Return the id that a revision names, which may have to be pulled. Raises UnknownRevision, NoSnapshot."""
        self.refresh(revision)
        try:
            return store.revisions(self.project.origin).resolve(revision)
        except UnknownRevision:
            if (found := self.brought(store, revision)) is None:
                raise
        return store.revisions(self.project.origin).resolve(found)

    def refresh(self, revision: str) -> None:
        """Pull a tag before it is resolved, where the configuration says so."""

    def brought(self, _store: Store, _revision: str) -> str | None:
        """Bring what a revision names; return how it is resolved then, None if nothing came."""
        return None

    def provide(self, name: str | None) -> None:
        """Pull a tag that the project's store does not have and a remote may have."""

    def state(self, store: Store, revision: str) -> State:
        """Return the state of a revision, of HEAD, or `live`; before HEAD, a restore that was cut off is settled."""
        if revision == LIVE:
            return live_state()
        if revision == HEAD:
            from snapstore.actions.settle import head_state

            head, settled = head_state(store, self.project, store.deadline.seconds)
            self.note_settled(settled)
            return head
        return snapshot_state(store, self.resolve(store, revision), revision)

    def pair(self, store: Store, a: str | None, b: str | None = None) -> tuple[str | None, str | None]:
        """Return both revisions of `A..B`, in which either may be left out; others as they are given."""
        if a is None or b is not None or ".." not in a or store.refs.get(a):
            return a, b
        first, _, second = a.partition("..")
        return first or None, second or None

    def note_settled(self, settled: Intent | Settled | None) -> None:
        """Note that an interrupted restore was found and settled."""
        if settled:
            self._say(f"an interrupted {settled.action} was found and settled")

    def base(self, store: Store, revision: str | None) -> State:
        """Return the state of a revision; where none is given, of the baseline, or of HEAD where none is configured.

        Raises NoBaseline, and what `state` raises.
        """
        if revision is not None:
            return self.state(store, revision)
        if self.baseline is None:
            return self.state(store, HEAD)
        from snapstore.actions.settle import settle_alone

        self.note_settled(settle_alone(store, self.project, store.deadline.seconds))
        return self.baseline_state(store, self.baseline)

    def baseline_state(self, store: Store, name: str) -> State:
        """Return the state that the baseline holds. Raises NoBaseline."""
        self.provide(name)
        if self.locations.worker is not None:
            self.bring(store, name)
        if store.refs.get(name) is None:
            raise NoBaseline(name)
        return snapshot_state(store, self.resolve(store, name), name)

    def bring(self, store: Store, revision: str) -> str | None:
        """Bring what a revision of the project holds into a worker's store; return what names it there.

        None if the project has no such revision.
        """
        from snapstore.actions.bring import bring_revision

        return bring_revision(self.books(), self.locations.project_origin, revision, store, self.project)

    def snapshot(self, store: Store, revision: str | None) -> State:
        """Return the state of a revision that is a snapshot; by default as `base` does."""
        state = self.base(store, revision)
        if state.snapshots is None:
            raise InvalidArgument("rev", "must be a snapshot")
        return state

    def check_target(self, path: str) -> None:
        """Check that a file at `path` would be neither in the store nor over a database.

        Raises InsideStore, LiveDatabaseTarget.
        """
        from snapstore.actions.export import check_target

        check_target(self.locations.store_path, self.project, path)


def default(given: str | None, otherwise: str) -> str:
    """Return what was given; empty text counts as given, and names nothing."""
    return otherwise if given is None else given


def names(given: Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; a single text is one name and not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def check_counts(**given: int | None) -> None:
    """Refuse a number below zero, which slices and SQLite read as something else. Raises InvalidArgument."""
    for name, number in given.items():
        if number is not None and not 0 <= number < _MOST:
            raise InvalidArgument(name, f"must be zero or more, and less than 2^63, not {number:.3g}")


def check_seconds(**given: float | None) -> None:
    """Refuse what cannot be a number of seconds. Raises InvalidArgument."""
    for name, seconds in given.items():
        if seconds is not None and not is_seconds(seconds):
            raise InvalidArgument(name, f"must be a number of seconds from 0 to {MOST_SECONDS:.0f}, not {seconds}")

"""The states of failed tests go to a remote at the end of their suite, in one push, for somebody's own desk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from snapstore.api.by_name import ByName
from snapstore.errors import SnapError

if TYPE_CHECKING:
    from snapstore.results.kept import KeptState
    from snapstore.results.suites import SuiteEnded
    from snapstore.store import Store

NOT_PUSHED = "the states of failed tests could not be pushed"


class KeptPush(ByName):
    """The part of `Snapstore` that pushes what the tests of a suite failed with."""

    def push_kept(self, result: SuiteEnded, kept: list[KeptState]) -> SuiteEnded:
        """Push the states of failed tests to the remote that is configured for them; return the result with that.

        Each has a name of its own for this run. What goes wrong is a warning, and fails no suite.
        """
        shared = [one for one in kept if one.remote and one.remote_name]
        if not shared:
            return result
        try:
            names = self._push_shared(shared)
        except SnapError as error:
            warning = f"{NOT_PUSHED} to '{shared[0].remote}': {error.message}"
            return replace(result, warnings=(*result.warnings, warning))
        return replace(result, pushed=names)

    def _push_shared(self, shared: list[KeptState]) -> tuple[str, ...]:
        store = self.books()
        refs = {name: snapshot for one in shared for name, snapshot in _refs(store, one)}
        names = tuple(dict.fromkeys(one.remote_name for one in shared if one.remote_name in refs))
        self.push([f"{snapshot}:{name}" for name, snapshot in refs.items()], remote=shared[0].remote, force=True)
        return tuple(filter(None, names))


def _refs(store: Store, kept: KeptState) -> Iterator[tuple[str, str]]:
    """Yield names on the remote with their snapshots: of a state, and of what its test began with, if they are here."""
    from snapstore.suite.run_names import began_name

    name = kept.remote_name or ""
    if not store.snapshots.exists(kept.snapshot):
        return
    yield name, kept.snapshot
    began = kept.began_with.snapshot if kept.began_with else ""
    if began and "," not in began and store.snapshots.exists(began):
        yield began_name(name), began

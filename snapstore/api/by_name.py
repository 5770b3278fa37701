"""Pulling by name: what a revision or a baseline names is pulled where it is not here, as the remote's policy says.

A name that is here never touches the network, unless the policy is `always`. `origin/NAME` is a revision, too: what the
name pointed to on that remote at the last contact, and `origin/NAME@{1}` what it pointed to before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapstore.api.transfers import Transfers
from snapstore.errors import NoRemote, UnknownOnRemote, UnknownRevision
from snapstore.history.names import RESERVED
from snapstore.history.refs import nearest
from snapstore.history.revision import position_of

if TYPE_CHECKING:
    from snapstore.remotes.settings import RemoteSettings
    from snapstore.remotes.state import RemoteState
    from snapstore.results.remotes import Pulled
    from snapstore.store import Store

OFFLINE = "SNAPSTORE_OFFLINE"


class OnRemote(NamedTuple):
    """A revision of a remote: a name there, and how many positions back."""

    settings: RemoteSettings
    name: str
    back: int


class ByName(Transfers):
    """The part of `Snapstore` that pulls what is asked for by name."""

    pull_policy: str | None = None
    """Overrides the policy of the remote: `missing`, `always` or `never`."""

    def policy_of(self, settings: RemoteSettings) -> str:
        """Return when a name is pulled from a remote."""
        from snapstore.remotes.settings import NEVER

        if self.locations.is_set(OFFLINE):
            return NEVER
        return self.pull_policy or settings.policy

    def store(self, timeout: float | None = None, *, create: bool = False) -> Store:
        """Return the store, which is created where there is none and names can be pulled. Raises NoStore."""
        return super().store(timeout, create=create or self._default() is not None)

    def refresh(self, revision: str) -> None:
        """Pull a tag before it is resolved, where the policy is `always`. Raises what `pull` raises."""
        settings = self._default()
        if settings is None:
            return
        from snapstore.remotes.settings import ALWAYS  # most projects have no remote

        if self.policy_of(settings) == ALWAYS and self._may_be_tag(revision):
            try:
                self._pull_one(settings, revision)
            except UnknownOnRemote:
                return

    def brought(self, store: Store, revision: str) -> str | None:
        """Bring what a revision names that the store does not know; return how it is resolved then, None if it is not.

        Raises UnknownOnRemote, and what `pull` raises.
        """
        if found := self._on_remote(revision):
            return self._bring_from_remote(store, found, revision)
        settings = self._default()
        if settings is None or not self._may_be_tag(revision):
            return None
        self._pull_one(settings, revision)
        return self.bring(store, revision) if self.locations.worker is not None else revision

    def provide(self, name: str | None) -> None:
        """Pull a tag that the project's store does not have and the default remote may have.

        One that is neither here nor there is no error: its user says what is missing. Raises what `pull` raises.
        """
        settings = self._default()
        if name is None or settings is None or self.books(create=True).refs.get(name) or not self._may_be_tag(name):
            return
        try:
            self._pull_one(settings, name)
        except UnknownOnRemote:
            return

    def _default(self) -> RemoteSettings | None:
        """Return the default remote where names can be pulled from it."""
        if not self.locations.configuration.remotes:
            return None
        from snapstore.remotes.settings import NEVER

        try:
            settings = self.locations.remote_settings()
        except NoRemote:
            return None
        return None if self.policy_of(settings) == NEVER else settings

    def _pull_one(self, settings: RemoteSettings, name: str) -> Pulled:
        done = self.pull((name,), remote=settings.name)
        if not done.up_to_date:
            self._say(f"pulled '{name}' from {settings.name} ({done.bytes:,} bytes, {done.requests} requests)")
        return done

    def _may_be_tag(self, revision: str) -> bool:
        """Tell whether a revision is a plain name, no position and no word with a meaning."""
        return revision not in (*RESERVED, "") and "@{" not in revision and ".." not in revision

    def _on_remote(self, revision: str) -> OnRemote | None:
        remote, slash, name = revision.partition("/")
        if not slash or remote not in self.locations.configuration.remotes:
            return None
        return OnRemote(self.locations.remote_settings(remote), *(position_of(name) or (name, 0)))

    def _bring_from_remote(self, store: Store, found: OnRemote, revision: str) -> str:
        from snapstore.actions.pull import bring_snapshot
        from snapstore.remotes.settings import NEVER

        books = self.books(create=True)
        with self._log(books, found.settings) as log:
            snapshot = _position(log.known(), found, revision)
            if not books.snapshots.exists(snapshot) and not books.forgotten.holds(snapshot):
                if self.policy_of(found.settings) == NEVER:
                    raise UnknownRevision(revision)
                log.read()
                bring_snapshot(books, log, snapshot, self.locations.project_origin, self.progress)
        if self.locations.worker is not None:
            return self.bring(store, snapshot) or snapshot
        return snapshot


def _position(state: RemoteState, found: OnRemote, revision: str) -> str:
    ref = state.refs.get(found.name)
    positions = ref.positions if ref else state.gone.get(found.name, ())
    if ref and found.back == 0:
        return ref.snapshot
    if found.back < len(positions) and (snapshot := positions[found.back].snapshot):
        return snapshot
    if ref is None and not positions:
        raise UnknownOnRemote(found.name, found.settings.name, nearest(found.name, list(state.refs)))
    raise UnknownRevision(revision)

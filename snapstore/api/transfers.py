"""The verbs that exchange snapshots with a remote, and pulling by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from snapstore.api.bound import Bound, names
from snapstore.errors import NothingNamed, RemoteReadOnly, SnapError

if TYPE_CHECKING:
    from snapstore.remotes.log import RemoteLog
    from snapstore.remotes.settings import RemoteSettings
    from snapstore.results.remotes import Fetched, FetchedAll, Pulled, Pushed, RemoteTags
    from snapstore.store import Store


class Transfers(Bound):
    """The part of `Snapstore` that pushes, fetches and pulls."""

    def push(
        self,
        revs: Sequence[str] = (),
        *,
        remote: str | None = None,
        everything: bool = False,
        delete: Sequence[str] = (),
        force: bool = False,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> Pushed:
        """Make names of a remote point to snapshots of the store. All of it counts, or nothing.

        Raises NoRemote, RemoteReadOnly, NotFastForward, RemotePinned, UnknownRevision, RemoteBusy and what `fetch`
        raises.
        """
        from snapstore.actions.push import PushOptions, push
        from snapstore.remotes.pushed_names import refs_to_push

        settings = self.locations.remote_settings(remote)
        if settings.read_only:
            raise RemoteReadOnly(settings.name)
        store = self.books(timeout)
        given = names(revs) or (() if everything or delete else settings.push)
        revisions = store.revisions(self.locations.project_origin)
        refs = refs_to_push(store, revisions, given, everything=everything, is_given=bool(revs))
        if not refs and not delete:
            raise NothingNamed("push", tuple(ref.name for ref in store.refs.all()))
        options = PushOptions(refs, self.locations.environ, names(delete), force, dry_run, self.seconds(timeout))
        with self._log(store, settings) as log:
            return push(store, log, options, self.progress)

    def fetch(self, remote: str | None = None, *, timeout: float | None = None) -> Fetched:
        """Read what is new in the log of a remote; nothing else changes.

        Raises NoRemote, NotARemote, OtherProject, RemoteTooNew, RemoteDamaged, RemoteRewound, RemoteUnsigned,
        RemoteUnreachable, RemoteRefused, ExtraMissing, CredentialsMissing.
        """
        from snapstore.actions.fetch import fetch

        settings = self.locations.remote_settings(remote)
        with self._log(self.books(timeout, create=True), settings) as log:
            return fetch(log)

    def fetch_all(self, *, timeout: float | None = None) -> FetchedAll:
        """Fetch from all remotes; what one of them raises is in the result."""
        from snapstore.results.remotes import FetchedAll

        done, failed = [], {}
        for name in self.locations.configuration.remotes:
            try:
                done.append(self.fetch(name, timeout=timeout))
            except SnapError as error:
                failed[name] = error.message
        return FetchedAll(tuple(done), failed)

    def pull(
        self,
        tags: Sequence[str] = (),
        *,
        remote: str | None = None,
        everything: bool = False,
        force: bool = False,
        timeout: float | None = None,
    ) -> Pulled:
        """Download what names of a remote point to, and make the same names of the store point there.

        Raises UnknownOnRemote, NotFastForward, NamePinned, and what `fetch` raises.
        """
        from snapstore.actions.pull import PullOptions, pull
        from snapstore.actions.unlike import unlike

        settings = self.locations.remote_settings(remote)
        store = self.books(timeout, create=True)
        with self._log(store, settings) as log:
            known = log.read().refs
            wanted = tuple(known) if everything else names(tags) or self._usual(settings, tuple(known))
            if not wanted and not everything:
                raise NothingNamed("pull", tuple(sorted(known)))
            for name in wanted:
                if store.refs.get(name) is None:
                    self.locations.configuration.check_tag(name)
            options = PullOptions(wanted, self.locations.project_origin, force)
            done = pull(store, log, options, self.progress)
        return replace(done, unlike=unlike(store, self.project, dict.fromkeys(one.to for one in done.refs if one.to)))

    def remote_tags(self, remote: str | None = None) -> RemoteTags:
        """List the tags of a remote, as they were at the last contact. Raises NoRemote, NotARemote."""
        from snapstore.actions.fetch import remote_tags

        settings = self.locations.remote_settings(remote)
        store = self.books()
        with self._log(store, settings) as log:
            return remote_tags(store, log)

    def _usual(self, settings: RemoteSettings, known: tuple[str, ...]) -> tuple[str, ...]:
        """Return the tags of a remote that are meant where none is named."""
        if settings.pull:
            return tuple(name for name in known if any(fnmatchcase(name, pattern) for pattern in settings.pull))
        return (self.baseline,) if self.baseline in known and self.baseline is not None else ()

    @contextmanager
    def _log(self, store: Store, settings: RemoteSettings) -> Iterator[RemoteLog]:
        """Give the log of a remote, not read yet. Raises what opening its transport raises."""
        from snapstore.remotes.cache import RemoteCache
        from snapstore.remotes.log import RemoteLog
        from snapstore.remotes.opening import open_transport
        from snapstore.remotes.signatures import Signatures

        with closing(open_transport(settings, self.locations.environ)) as transport:
            signatures = Signatures(settings, self.locations.environ)
            yield RemoteLog(settings, transport, RemoteCache(store.path, settings.name), signatures)

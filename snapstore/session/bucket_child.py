"""What a session does with object storage is done by a session of its own, in a child process.

The library for object storage has threads, and a session starts hooks and cleanup steps: a process with threads that
are not Python's must not fork. So it is never loaded here. Folders need no library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from snapstore.api.facade import Facade

if TYPE_CHECKING:
    from snapstore.api.by_name import OnRemote
    from snapstore.remotes.settings import RemoteSettings
    from snapstore.results.remotes import Fetched, Pulled, Pushed, RemoteAdded, RemoteTags
    from snapstore.store import Store

INSIDE = "SNAPSTORE_INSIDE_SESSION"  # set for the child, which does it itself


class BucketChild(Facade):
    """The verbs that contact a remote."""

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
        """Push. Raises what pushing raises."""
        options: dict[str, Any] = {
            "remote": remote,
            "everything": everything,
            "delete": delete,
            "force": force,
            "dry_run": dry_run,
            "timeout": timeout,
        }
        if self._is_elsewhere(self.locations.remote_settings(remote)):
            pushed: Pushed = self._child("push", revs, **options)
            return pushed
        return super().push(revs, **options)

    def fetch(self, remote: str | None = None, *, timeout: float | None = None) -> Fetched:
        """Fetch. Raises what fetching raises."""
        if self._is_elsewhere(self.locations.remote_settings(remote)):
            fetched: Fetched = self._child("fetch", remote, timeout=timeout)
            return fetched
        return super().fetch(remote, timeout=timeout)

    def pull(
        self,
        tags: Sequence[str] = (),
        *,
        remote: str | None = None,
        everything: bool = False,
        force: bool = False,
        timeout: float | None = None,
    ) -> Pulled:
        """Pull. Raises what pulling raises."""
        options: dict[str, Any] = {"remote": remote, "everything": everything, "force": force, "timeout": timeout}
        if self._is_elsewhere(self.locations.remote_settings(remote)):
            pulled: Pulled = self._child("pull", tags, **options)
            self.books()  # it has new packs
            return pulled
        return super().pull(tags, **options)

    def remote_tags(self, remote: str | None = None) -> RemoteTags:
        """List the tags of a remote. Raises what fetching raises."""
        if self._is_elsewhere(self.locations.remote_settings(remote)):
            tags: RemoteTags = self._child("remote_tags", remote)
            return tags
        return super().remote_tags(remote)

    def add_remote(self, name: str, url: str, **options: Any) -> RemoteAdded:
        """Add a remote. Raises what adding raises."""
        if "://" in url and not self.locations.variable(INSIDE):
            added: RemoteAdded = self._child("add_remote", name, url, **options)
            self.reread()
            return added
        return super().add_remote(name, url, **options)

    def _bring_from_remote(self, store: Store, found: OnRemote, revision: str) -> str:
        if not self._is_elsewhere(found.settings):
            return super()._bring_from_remote(store, found, revision)
        snapshot: str = self._child("show", revision).snapshot
        self.books()
        return (self.bring(store, snapshot) or snapshot) if self.locations.worker is not None else snapshot

    def _is_elsewhere(self, settings: RemoteSettings) -> bool:
        return not settings.is_folder and not self.locations.variable(INSIDE)

    def _child(self, verb: str, *arguments: Any, **options: Any) -> Any:
        """Have a verb done by a session of its own."""
        from snapstore.session.client import Session

        locations = self.locations
        with Session(
            locations.config_path,
            locations.db if locations.alone or locations.worker else None,
            locations.project_store,
            worker=locations.worker,
            cwd=locations.path("") or None,
            env={**locations.environ, INSIDE: "1"},
        ) as session:
            return getattr(session, verb)(*arguments, **options)

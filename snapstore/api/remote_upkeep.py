"""The verbs that free and check remotes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from snapstore.api.bound import check_counts, names
from snapstore.api.by_name import ByName
from snapstore.errors import InvalidArgument, RemoteReadOnly

if TYPE_CHECKING:
    from snapstore.actions.heal_from_remotes import OpenLog
    from snapstore.remotes.log import RemoteLog
    from snapstore.remotes.settings import RemoteSettings
    from snapstore.results.remotes import RemoteChecked, RemotePruned
    from snapstore.store import Store


class RemoteUpkeep(ByName):
    """The part of `Snapstore` that frees and checks remotes."""

    def prune_remote(
        self,
        remote: str | None = None,
        *,
        keep_last: int | None = None,
        keep_hourly: int | None = None,
        keep_daily: int | None = None,
        keep_weekly: int | None = None,
        keep_monthly: int | None = None,
        keep_yearly: int | None = None,
        keep_within: str | None = None,
        keep_tags: Sequence[str] = (),
        grace: str | None = None,
        at_once: bool = False,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> RemotePruned:
        """Remove the tags of a remote that no rule keeps, and delete what no tag needs; without rules, no tag goes.

        Raises NoRemote, RemoteReadOnly, WouldRemoveEverything, RemoteBusy, InvalidArgument and what `fetch` raises.
        """
        from snapstore.actions.prune_remote import PruneRemoteOptions, prune_remote
        from snapstore.history.retention import Retention, parse_duration

        check_counts(keep_last=keep_last, keep_hourly=keep_hourly, keep_daily=keep_daily)
        check_counts(keep_weekly=keep_weekly, keep_monthly=keep_monthly, keep_yearly=keep_yearly)
        try:
            within = None if keep_within is None else parse_duration(keep_within)
        except ValueError as error:
            raise InvalidArgument("keep_within", f"is invalid: {error}") from error
        counts = (keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly)
        settings = self.locations.remote_settings(remote)
        if settings.read_only and not dry_run:
            raise RemoteReadOnly(settings.name)
        configuration = self.locations.configuration
        options = PruneRemoteOptions(
            Retention(*counts, keep_within=within, keep_tags=names(keep_tags)),
            self.locations.environ,
            frozenset(filter(None, (self.baseline, configuration.suite.baseline, self.backup_name))),
            _grace(grace),
            at_once,
            dry_run,
            self.seconds(timeout),
        )
        store = self.books(timeout, create=True)
        with self._log(store, settings) as log:
            return prune_remote(store, log, options, self.progress)

    def fsck_remote(
        self, remote: str | None = None, *, quick: bool = False, heal: bool = False, timeout: float | None = None
    ) -> RemoteChecked:
        """Check a remote: its log, that all packs and indexes are there, and that every tag can be pulled.

        With `heal`, what the store has of damaged packs is uploaded again. Raises NoRemote, NotARemote, RemoteTooNew,
        RemoteUnreachable, RemoteRefused, DiskFull; to heal also RemoteReadOnly, RemoteBusy, StoreDamaged.
        """
        settings = self.locations.remote_settings(remote)
        if settings.read_only and heal:
            raise RemoteReadOnly(settings.name)
        store = self.books(timeout, create=True)
        with self._log(store, settings) as log:
            if not heal:
                from snapstore.actions.fsck_remote import fsck_remote

                return fsck_remote(store, log, full=not quick, progress=self.progress)
            from snapstore.actions.heal_remote import HealRemoteOptions, heal_remote

            options = HealRemoteOptions(self.locations.environ, not quick, self.seconds(timeout))
            return heal_remote(store, log, options, self.progress)

    def remote_logs(self) -> Sequence[OpenLog]:
        """Return what opens the logs of the remotes that may be asked without being named: not under `never`."""
        from snapstore.remotes.settings import NEVER

        remotes = map(self.locations.remote_settings, self.locations.configuration.remotes)
        return [partial(self._opened, one) for one in remotes if self.policy_of(one) != NEVER]

    def _opened(self, settings: RemoteSettings, store: Store) -> AbstractContextManager[RemoteLog]:
        return self._log(store, settings)


def _grace(text: str | None) -> float:
    """Return a grace in seconds. Raises InvalidArgument."""
    from snapstore.actions.prune_remote import DEFAULT_GRACE
    from snapstore.history.retention import parse_duration
    from snapstore.remotes.log import LEAST_GRACE

    if text is None:
        return DEFAULT_GRACE
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise InvalidArgument("grace", f"is invalid: {error}") from error
    if found < timedelta(seconds=LEAST_GRACE):
        raise InvalidArgument("grace", "must be at least 1d: a push or a pull that began before may need it")
    return found.total_seconds()

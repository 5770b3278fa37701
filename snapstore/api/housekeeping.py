"""The verbs about names, space, the store's soundness and the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from snapstore.api.bound import check_counts, names
from snapstore.api.branches import Branches
from snapstore.errors import ConfigurationError, InvalidArgument, NoDatabaseNamed, OutOfOrder, SnapError, StoreDamaged

if TYPE_CHECKING:
    from snapstore.actions.prune import PruneOptions
    from snapstore.history.retention import Retention
    from snapstore.project import Project
    from snapstore.results.checks import Checked
    from snapstore.results.findings import Examined, Finding
    from snapstore.results.names import Removal, Tag
    from snapstore.results.prunes import BroughtBack, GoneProject, Pruned, PrunedWorker
    from snapstore.results.reports import Report
    from snapstore.results.stores import Stores
    from snapstore.store import Store

_LOWEST_PRIORITY = 19  # nice(2)


class Housekeeping(Branches):
    """The part of `Snapstore` that names, removes, frees, checks and counts."""

    def pin(self, name: str) -> Tag:
        """Protect a tag. Raises UnknownRevision."""
        from snapstore.actions.names import pin

        return pin(self.store(), name, pinned=True)

    def unpin(self, name: str) -> Tag:
        """Stop protecting a tag. Raises UnknownRevision."""
        from snapstore.actions.names import pin

        return pin(self.store(), name, pinned=False)

    def rename(self, old: str, new: str) -> Tag:
        """Rename a tag. Raises UnknownRevision, BadName, NameExists."""
        from snapstore.actions.names import rename

        self.locations.configuration.check_tag(new)
        return rename(self.store(), old, new)

    def rm(self, *revs: str, force: bool = False) -> Removal:
        """Remove tags and forget snapshots. Raises UnknownRevision, NamePinned, SnapshotInUse."""
        from snapstore.actions.remove import remove

        return remove(self.store(), self.project, revs, force=force)

    def prune(
        self,
        *,
        keep_last: int | None = None,
        keep_hourly: int | None = None,
        keep_daily: int | None = None,
        keep_weekly: int | None = None,
        keep_monthly: int | None = None,
        keep_yearly: int | None = None,
        keep_within: str | None = None,
        keep_tags: Sequence[str] = (),
        tags: bool = False,
        grace: str | None = None,
        all_projects: bool = False,
        gone: str | None = None,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> Pruned:
        """Forget and free. Raises EmptyPolicy, WouldRemoveEverything, StoreLocked, StoreDamaged, DiskFull."""
        from snapstore.history.retention import Retention

        check_counts(keep_last=keep_last, keep_hourly=keep_hourly, keep_daily=keep_daily)
        check_counts(keep_weekly=keep_weekly, keep_monthly=keep_monthly, keep_yearly=keep_yearly)
        within = None if keep_within is None else _duration("keep_within", keep_within)
        counts = (keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly)
        given = Retention(*counts, keep_within=within, keep_tags=names(keep_tags), tags=tags)
        chosen = None if grace is None else _duration("grace", grace)
        age = None if gone is None else _duration("gone", gone)
        return self._prune(given, chosen, dry_run=dry_run, all_projects=all_projects, gone=age, timeout=timeout)

    def prune_in_background(self, lock: int) -> Pruned:
        """Prune as configured, at the lowest priority, under the prune lock that this process inherited.

        It is what upkeep.py starts. Raises what `prune` raises.
        """
        from snapstore.history.retention import Retention

        with suppress(OSError):
            os.nice(_LOWEST_PRIORITY)
        return self._prune(Retention(), None, lock=lock)

    def _prune(
        self,
        rules: Retention,
        grace: timedelta | None,
        *,
        dry_run: bool = False,
        all_projects: bool = False,
        lock: int | None = None,
        gone: timedelta | None = None,
        timeout: float | None = None,
    ) -> Pruned:
        from snapstore.actions.prune import DEFAULT_GRACE, PruneOptions, prune

        spans = (grace, self.locations.configuration.prune.grace)
        span = next((one for one in spans if one is not None), DEFAULT_GRACE)
        # An age alone is a rule of its own, for which no database has to be named.
        alone = gone is not None and rules.is_empty
        policy = rules if alone else self._retention(rules)
        store = self.store(timeout)
        self.note_clock(store)
        dropped = {} if policy.is_empty else {**self.deleted_branches(store), **self._too_many_failed(store)}
        most = self.locations.configuration.suite.keep_states
        options = PruneOptions(
            policy, span, dry_run, all_projects, lock, self.seconds(timeout), gone, dropped, keep_states=most
        )
        pruned = prune(store, self._project_or_none() if alone else self.project, options, self.progress)
        if pruned.gone and not dry_run:
            self._forget_suites(pruned.gone)
        if self.locations.worker is not None:
            return pruned
        return self._with_workers(pruned, options, span if gone is None else gone)

    def _too_many_failed(self, store: Store) -> dict[str, str]:
        """Return the names of states of failed tests that are too many, with their snapshots."""
        from snapstore.actions.kept_states import KeptStates

        most = self.locations.configuration.suite.keep_states
        beyond = KeptStates(store, self.project.origin, most).beyond()
        return {ref.name: ref.snapshot for one in beyond for ref in store.refs.naming(one.snapshot)}

    def _with_workers(self, pruned: Pruned, options: PruneOptions, age: timedelta) -> Pruned:
        """Remove the stores of workers whose databases have been gone for so long, and prune the others by the rules.

        A dry run changes nothing.
        """
        from snapstore.actions.worker_stores import gone_workers, prune_workers, remove_gone_workers
        from snapstore.suite.ledger import Ledger
        from snapstore.suite.parts import NO_DATABASES

        find = gone_workers if pruned.dry_run else remove_gone_workers
        workers = tuple(find(self.locations.store_path, age, self.seconds(None)))
        for one in () if pruned.dry_run else workers:
            Ledger(self.store(), self.locations.project_origin, one.worker, NO_DATABASES).end_strays()
        others: tuple[PrunedWorker, ...] = ()
        if not options.policy.is_empty:
            gone, store = [one.worker for one in workers], self.store()
            others = tuple(prune_workers(store, self.locations.project_origin, options, self.progress, gone))
        freed = sum(one.bytes for one in workers) + sum(one.freed_bytes for one in others)
        return replace(pruned, workers=workers, worker_stores=others, freed_bytes=pruned.freed_bytes + freed)

    def _forget_suites(self, gone: Sequence[GoneProject]) -> None:
        """Remove the record of the suites of projects that are gone."""
        from snapstore.history.snapshot import origin_text
        from snapstore.suite.ledger import Ledger

        for one in gone:
            Ledger(self.store(), origin_text(dict(one.databases))).bound(0)

    def _retention(self, given: Retention) -> Retention:
        """Return the rules that were given, else those of the configuration.

        The tags of the backup, and of the baselines that the configuration names, always stay.
        """
        configuration = self.locations.configuration
        configured = configuration.prune.policy
        policy = configured._replace(tags=given.tags or configured.tags) if given.is_empty else given
        if policy.tags and not policy.is_empty:
            needed = self.backup_name, self.baseline, configuration.suite.baseline
            return policy._replace(keep_tags=(*policy.keep_tags, *filter(None, needed)))
        return policy

    def undo_prune(self) -> BroughtBack:
        """Bring back what the last prune or `rm` forgot. Raises NoStore."""
        from snapstore.actions.bring_back import bring_back_last

        return bring_back_last(self.store(), self.project)

    def stores(self, *, remove: Sequence[str] = (), force: bool = False, timeout: float | None = None) -> Stores:
        """Remove stores, and list the others. Raises StoreInUse, NoStore, StoreLocked, FileError."""
        from snapstore.actions.stores import remove_store, stores_in, summarize
        from snapstore.results.stores import Stores

        seconds = self.seconds(timeout)
        if remove:
            self.close_store()
        removed = tuple(remove_store(self.locations.path(path), seconds, force=force) for path in names(remove))
        paths = [*stores_in(self.locations.stores_folder), *self._store_in_force()]
        return Stores(tuple(summarize(path, seconds) for path in dict.fromkeys(paths)), removed)

    def _store_in_force(self) -> list[str]:
        """Return the path of the store that other verbs would use, if there is one."""
        try:
            path = self.locations.store_path
        except (NoDatabaseNamed, ConfigurationError):
            return []
        return [path] if os.path.isdir(path) else []

    def fsck(
        self, *, quick: bool = False, rebuild: bool = False, heal: bool = False, timeout: float | None = None
    ) -> Checked:
        """Check the store, also one that cannot be opened; `ok` is false too where a rebuild lost something.

        To rebuild or heal, no other process may have the store open. Raises NoStore, NotAStore, StoreTooNew,
        StoreLocked, FileError, DiskFull.
        """
        from snapstore.actions.fsck import fsck, remove_leftovers
        from snapstore.actions.worker_stores import check_workers

        if quick and heal:
            raise InvalidArgument("quick", "cannot be combined with healing, which needs a full check")
        path, seconds = self.locations.store_path, self.seconds(timeout)
        rebuilt = healed = None
        swept: tuple[str, ...] = ()
        project = self._project_or_none()
        with suppress(StoreDamaged):  # the check reports it
            places = (project.databases.values(), project.trees.values()) if project else ((), ())
            swept = remove_leftovers(path, *places)
        if rebuild or heal:
            if self._suite:
                raise OutOfOrder("a suite is running")
            self.close_store()
        if rebuild:
            from snapstore.actions.rebuild import rebuild as rebuild_store

            rebuilt = rebuild_store(path, seconds, self.progress)
        if heal:
            from snapstore.actions.heal import heal as heal_store

            healed = heal_store(path, project, seconds, self.progress, self.remote_logs())
        found = fsck(path, full=not quick, timeout=seconds, progress=self.progress)
        workers = check_workers(path, full=not quick, timeout=seconds, progress=self.progress)
        ok = found.ok and not (rebuilt and rebuilt.lost) and all(one.ok for one in workers.values())
        return replace(found, ok=ok, leftovers=swept, rebuilt=rebuilt, healed=healed, workers=workers)

    def doctor(self, *, remotes: bool = False) -> Examined:
        """Examine the setup; a problem is a finding and not an error. Remotes are asked only with `remotes`."""
        from snapstore.api.doctor import findings
        from snapstore.results.findings import FAILURE, Examined

        found = (*findings(self.locations, remotes=remotes), *self._git_findings())
        return Examined(not any(one.level == FAILURE for one in found), found)

    def _git_findings(self) -> Iterator[Finding]:
        """Yield what is to know about the hook of Git, where there is a repository with one."""
        from snapstore.results.findings import OK, WARNING, Finding

        try:
            found = self.git_status()
        except SnapError:  # no repository, or what other findings tell already
            return
        if found.installed:
            yield Finding("git", OK, f"the hook '{found.hook}' is installed")
        yield from (Finding("git", WARNING, text) for text in found.warnings)

    def report(self, *, since: str | None = None) -> Report:
        """Return the figures of the recorded suites. Raises NoStore, InvalidArgument."""
        from snapstore.suite.report import measure
        from snapstore.suite.since import moment
        from snapstore.suite.unfinished import standings

        try:
            begin = moment(since) if since else ""
        except ValueError as error:
            raise InvalidArgument("since", str(error)) from error
        ledger = self.ledger()
        books = self.books()
        named = {ref.name: ref.snapshot for ref in books.refs.all()}
        return measure(ledger, begin, standings(ledger, books, self.locations.whole_project), named)

    def _project_or_none(self) -> Project | None:
        """Return the project whose live databases may help to heal, None where none is named."""
        try:
            return self.project
        except NoDatabaseNamed:
            return None


def _duration(name: str, text: str) -> timedelta:
    from snapstore.history.retention import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidArgument(name, f"is invalid: {error}") from error

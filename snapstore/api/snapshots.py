"""The verbs that take snapshots and bring them back.

A verb imports its action and the classes of its results when it is called, so that a command pays for one verb and not
for all. This holds for all parts of the façade; verbs.py explains the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from snapstore.api.bound import default, names
from snapstore.api.told import told
from snapstore.api.upkeep import Upkeep
from snapstore.api.watched import watched
from snapstore.errors import InvalidArgument, NoSnapshot, NothingToRestore, UnknownRevision
from snapstore.progress import SILENT, Progress
from snapstore.project import DEFAULT

if TYPE_CHECKING:
    from snapstore.api.verbs import PathLike
    from snapstore.results.answers import Exported
    from snapstore.results.applies import Applied
    from snapstore.results.cleans import Cleaned
    from snapstore.results.names import Deleted
    from snapstore.results.restores import Restored
    from snapstore.results.snapshots import Taken
    from snapstore.store import Store


class Snapshots(Upkeep):
    """The part of `Snapstore` that takes and restores; `examines` looks for damage in what is taken."""

    examines = True

    @watched
    def tag(
        self,
        name: str,
        rev: str | None = None,
        *,
        message: str | None = None,
        new: bool = False,
        pin: bool = False,
        force: bool = False,
        timeout: float | None = None,
    ) -> Taken:
        """Take a snapshot and name it, or name `rev`, which may be forgotten: that brings it back.

        Raises BadName, NameExists, NamePinned, WrongDatabase, DatabaseLocked, DatabaseUnusable, DiskFull.
        """
        from snapstore.actions.take import TakeOptions, take

        self.locations.configuration.check_tag(name)
        text = self._message(name, message or "")
        options = TakeOptions(name, text, "tag", new, pin, force, self.seconds(timeout), self.examines)
        project = self.project  # before a store is created: a missing configuration leaves none behind
        if rev is None:
            with self.new_store(timeout) as store:
                self.note_clock(store)
                taken = take(store, project, options, self.progress)
            self.start_prune_if_due()
            return taken
        from snapstore.actions.names import name_snapshot

        store = self.store(timeout)
        try:
            id_ = store.revisions(project.origin).with_forgotten().resolve(rev)
        except UnknownRevision:
            id_ = self.resolve(store, rev)  # it may be on a remote
        return name_snapshot(store, project, id_, options)

    @watched
    def backup(self, *, message: str | None = None, force: bool = False, timeout: float | None = None) -> Taken:
        """Take the backup. Raises NamePinned, DatabaseLocked, DatabaseUnusable, DiskFull."""
        if self.is_switched_off:
            from snapstore.api.skipped import skipped_backup

            return skipped_backup(self.backup_name)
        from snapstore.actions.take import TakeOptions, take

        project = self.project
        options = TakeOptions(
            self.backup_name, message or "", "backup", force=force, timeout=self.seconds(timeout), examine=self.examines
        )
        with self.new_store(timeout) as store:
            self.note_clock(store)
            taken = take(store, project, options, self.progress)
        self.start_prune_if_due()
        return taken

    def delete_backup(self, *, force: bool = False) -> Deleted:
        """Remove the backup's name. Raises NoSnapshot, NamePinned."""
        if self.is_switched_off:
            from snapstore.api.skipped import skipped_deletion

            return skipped_deletion(self.backup_name)
        from snapstore.actions.remove import remove
        from snapstore.results.names import Deleted

        store = self.store()
        if store.refs.get(self.backup_name) is None:
            raise NoSnapshot(f"backup '{self.backup_name}'")
        removed = remove(store, self.project, [self.backup_name], force=force).removed
        return Deleted(self.backup_name, removed[0].snapshot, removed)

    @watched
    def restore(
        self,
        rev: str | None = None,
        *,
        to: PathLike | None = None,
        only_db: str | None = None,
        safety: bool = True,
        force: bool = False,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> Restored:
        """Bring back a snapshot. Without `rev`, nothing is done where the environment switches backups off.

        Raises NothingToRestore, NoBaseline, NoSnapshot, WrongDatabase, DatabaseLocked, DatabaseReadOnly, DatabaseInUse,
        DatabaseUnusable, StoreDamaged, DiskFull, and with `to` what `export` raises; the live databases are then as
        they were.
        """
        if rev is None and self.is_switched_off:
            from snapstore.api.skipped import skipped_restore

            return skipped_restore()
        if to is not None:
            if dry_run:
                raise InvalidArgument("to", "cannot be combined with a dry run")
            return self._copy(rev if rev is not None else self._restorable(self.store()), to, only_db, force=force)
        from snapstore.actions.restore import RestoreOptions, restore

        store = self.store(timeout)
        rev = self._restorable(store) if rev is None else rev
        only = None if only_db is None else (only_db,)
        seconds = self.seconds(timeout)
        options = RestoreOptions(self.resolve(store, rev), only, dry_run, safety, force, force, seconds)
        notes = self._notes_on(store, options.snapshot)
        if dry_run:
            done = restore(store, self.project, options, self.progress)
            return replace(done, rev=rev, warnings=(*done.warnings, *notes))
        done = told(
            self.hooks,
            seconds,
            lambda most: restore(store, self.project, replace(options, dry_run=True, timeout=most)),
            lambda: restore(store, self.project, options, self.progress, self.later),
        )
        return replace(done, rev=rev, warnings=(*done.warnings, *notes))

    @watched
    def undo(self, *, timeout: float | None = None) -> Restored:
        """Undo the last restore, clean or undo. Raises NothingToUndo, and what `restore` raises."""
        from snapstore.actions.undo import undo

        store, seconds = self.store(timeout), self.seconds(timeout)
        return told(
            self.hooks,
            seconds,
            lambda most: undo(store, self.project, most, dry_run=True),
            lambda: undo(store, self.project, seconds, self.progress),
        )

    @watched
    def reset(self, *, timeout: float | None = None) -> Restored:
        """Bring back the first intact one of the backup and the newest snapshots. Raises what `restore` raises."""
        from snapstore.actions.reset import reset

        store, seconds = self.store(timeout), self.seconds(timeout)
        return told(
            self.hooks,
            seconds,
            lambda most: reset(store, self.project, self.backup_name, most, dry_run=True),
            lambda: reset(store, self.project, self.backup_name, seconds, self.progress),
        )

    @watched
    def clean(
        self,
        rev: str | None = None,
        *,
        keep: Sequence[str] = (),
        force: bool = False,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> Cleaned:
        """Write the rows that differ from a snapshot.

        Raises CleanImpossible, WrongDatabase, DatabaseLocked, DatabaseReadOnly, DatabaseUnusable, StoreDamaged,
        DiskFull; the live databases are then as they were.
        """
        from snapstore.actions.clean import CleanOptions, clean
        from snapstore.compare.state import against

        store, seconds = self.store(timeout), self.seconds(timeout)
        state = self.snapshot(store, rev)
        snapshots = state.snapshots or {}
        policy = self.policy._replace(keep=(*self.policy.keep, *names(keep)))

        def cleaned(seconds: float, progress: Progress = SILENT, *, dry_run: bool) -> Cleaned:
            results = []
            for id_ in dict.fromkeys(snapshots.values()):
                only = tuple(name for name, of in snapshots.items() if of == id_)
                options = CleanOptions(id_, only, policy, dry_run, force, seconds)
                results.append(clean(store, self.project, options, progress))
            return replace(_together(results), compared_with=against(store, state))

        if dry_run:
            return cleaned(seconds, self.progress, dry_run=True)
        return told(
            self.hooks,
            seconds,
            lambda most: cleaned(most, dry_run=True),
            lambda: cleaned(seconds, self.progress, dry_run=False),
        )

    @watched
    def apply(
        self,
        file: PathLike,
        *,
        only_db: str | None = None,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> Applied:
        """Apply a patch.

        Raises PatchRefused, ConfigurationError, FileError, DatabaseLocked, DatabaseReadOnly, DatabaseUnusable,
        StoreDamaged, DiskFull; the live database is then as it was.
        """
        from snapstore.actions.apply import ApplyOptions, PatchFile, apply, try_out

        project = self.project
        patch = PatchFile(self.locations.path(file))  # before a store is created: what is no patch leaves none behind
        seconds = self.seconds(timeout)
        options = ApplyOptions(patch, only_db, seconds)
        if dry_run:
            return try_out(project, options)
        with self.new_store(timeout) as store:
            return told(
                self.hooks,
                seconds,
                lambda most: try_out(project, replace(options, timeout=most)),
                lambda: apply(store, project, options, self.progress),
            )

    def export(
        self, rev: str, file: PathLike, *, only_db: str | None = None, force: bool = False, with_files: bool = False
    ) -> Exported:
        """Write a snapshot to a file.

        Raises WouldOverwrite, LiveDatabaseTarget, InsideStore, ConfigurationError, DiskFull, FileError.
        """
        from snapstore.actions.export import ExportOptions, export

        store = self.store()
        options = ExportOptions(self.resolve(store, rev), self.locations.path(file), only_db, force, with_files)
        return export(store, self.project, options, self.progress)

    def import_(
        self,
        file: PathLike,
        *,
        name: str | None = None,
        only_db: str | None = None,
        message: str | None = None,
        force: bool = False,
        with_files: bool = False,
        timeout: float | None = None,
    ) -> Taken:
        """Take a file into the store.

        Raises DatabaseUnusable, DatabaseLocked, BadName, NamePinned, ConfigurationError, DiskFull.
        """
        from snapstore.actions.importing import ImportOptions, import_file

        project = self.project
        if name is not None:
            self.locations.configuration.check_tag(name)
        seconds = self.seconds(timeout)
        path, database = self.locations.path(file), default(only_db, DEFAULT)
        options = ImportOptions(path, name, database, message or "", force, with_files, seconds)
        with self.new_store(timeout) as store:
            return import_file(store, project, options, self.progress)

    def _message(self, name: str, message: str) -> str:
        """Return the message of a tag; that of a baseline which is made says what of. Raises ConfigurationError."""
        recipe = self.locations.configuration.suite.recipe
        if recipe is None or recipe.name != name:
            return message
        from snapstore.suite.baseline import message_of

        return message_of(recipe, message)

    def _notes_on(self, store: Store, snapshot: str) -> list[str]:
        """Return how the schema of a snapshot that was pulled differs from the live one, in words."""
        if not self.locations.configuration.remotes:
            return []
        from snapstore.actions.unlike import unlike_when_restored
        from snapstore.results.text import unlike_text

        return [unlike_text(one) for one in unlike_when_restored(store, self.project, snapshot)]

    def _restorable(self, store: Store) -> str:
        """Return what is restored where no revision is given. Raises NothingToRestore, NoBaseline."""
        from snapstore.suite.under_way import is_under_way

        if is_under_way(store, self.ledger(), self.backup_name):
            return self.backup_name
        if self.baseline is not None:
            return self.baseline_state(store, self.baseline).label
        raise NothingToRestore(tuple(ref.name for ref in store.refs.all()))

    def _copy(self, rev: str, path: PathLike, only_db: str | None, *, force: bool) -> Restored:
        """Write a snapshot to a file, and describe that as a restore which leaves the live databases alone."""
        from snapstore.results.restores import NONE, Restored, RestoredDatabase

        copied = self.export(rev, path, only_db=only_db, force=force)
        databases = {copied.database: RestoredDatabase(NONE, 0, copied.pages, copied.bytes)}
        return Restored(copied.snapshot, False, None, databases, copied.seconds, to=copied.path, rev=rev)


def _together(results: Sequence[Cleaned]) -> Cleaned:
    """Return the cleans of databases that stand on different snapshots as one; an undo takes back the last."""
    return replace(
        results[0],
        changed=any(one.changed for one in results),
        safety=next((one.safety for one in reversed(results) if one.safety), None),
        databases={name: one for done in results for name, one in done.databases.items()},
        files={name: one for done in results for name, one in done.files.items()},
        left_alone=tuple(dict.fromkeys(text for done in results for text in done.left_alone)),
        seconds=sum(one.seconds for one in results),
    )

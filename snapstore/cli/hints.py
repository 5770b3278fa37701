"""What a user may do about an error. The errors themselves (errors.py) only say what is so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snapstore import errors, refusals
from snapstore.errors import SnapError
from snapstore.ids import short


def hint_for(error: SnapError) -> str | None:
    """Return one line of help, or None where nothing useful can be said."""
    for kind in type(error).__mro__:
        if kind in _HINTS:
            return _HINTS[kind](error)
    return None


def _nearest(error: errors.UnknownRevision) -> str:
    if error.nearest:
        return f"did you mean {' or '.join(repr(name) for name in error.nearest)}?"
    return "'snap tags' lists the names, 'snap log --all' the snapshots"


def _forgotten(error: errors.SnapshotForgotten) -> str:
    return f"'snap tag NAME {short(error.snapshot)}' brings it back"


def _configuration(error: errors.ConfigurationError) -> str | None:
    return f"did you mean '{error.nearest}'?" if error.nearest else None


def _rule(error: errors.UnknownRule) -> str:
    return f"did you mean '{error.nearest}'?" if error.nearest else "'snap show HEAD' lists the tables"


def _name_exists(error: refusals.NameExists) -> str:
    if error.renaming:
        return "choose another name, or 'snap rm' the old one first"
    return "leave out --new to move the name"


def _damaged(error: errors.StoreDamaged) -> str:
    if "catalog.db" in error.detail or "format" in error.detail:
        return "'snap fsck --rebuild' makes the catalog anew from packs and reflog"
    return "other snapshots may be intact: 'snap fsck' says which, 'snap reset' finds the newest of this database"


def _fixed(text: str) -> Callable[[Any], str]:
    return lambda _: text


_HINTS: dict[type[SnapError], Callable[[Any], str | None]] = {
    errors.NoStore: _fixed("'snap tag NAME' makes the first snapshot, and the store with it"),
    errors.NoSnapshot: _fixed("'snap tag NAME' or 'snap backup' makes one; 'snap log --all' lists what there is"),
    errors.DatabaseLocked: _fixed("end the transaction that holds it, or wait longer with --timeout SECONDS"),
    errors.StoreLocked: _fixed("another snap command is writing to the store; try again"),
    errors.UnknownRevision: _nearest,
    errors.SnapshotForgotten: _forgotten,
    errors.AmbiguousRevision: _fixed("give more digits of the id"),
    errors.BadName: _fixed("a name such as 'baseline' or 'run-41' will do"),
    errors.ConfigurationError: _configuration,
    errors.UnknownRule: _rule,
    errors.NoDatabaseNamed: _fixed("'snap init' writes a configuration; or name the database with --db PATH"),
    refusals.NameExists: _name_exists,
    refusals.NamePinned: _fixed("'snap unpin NAME' first, or --force"),
    refusals.SnapshotInUse: _fixed("remove the names instead, or --force to remove them all"),
    refusals.WrongDatabase: _fixed("check --db and --store; --force does it all the same"),
    refusals.WouldOverwrite: _fixed(
        "choose another path, or --force to overwrite a database (never its -wal or -journal)"
    ),
    refusals.DatabaseInUse: _fixed("stop the application first, or --force and start it again afterwards"),
    refusals.DatabaseReadOnly: _fixed("'snap restore REV --to PATH' writes a copy elsewhere"),
    refusals.StoreTooNew: _fixed("upgrade snapstore: pip install -U snapstore"),
    refusals.NotAStore: _fixed("name an empty or a new folder with --store, SNAPSTORE_STORE or 'store:'"),
    refusals.RunInProgress: _fixed("wait until it ends, or end it; the state is put back either way"),
    refusals.NeverRight: _fixed("something still writes to them: end it, then run again"),
    refusals.CleanImpossible: _fixed("'snap restore REV' brings the whole state back"),
    refusals.PatchImpossible: _fixed("'snap export REV FILE' writes the whole state"),
    refusals.EmptyPolicy: _fixed("say it with --keep-last N, --keep-daily N ... or under 'prune:' in snapstore.yaml"),
    refusals.WouldRemoveEverything: _fixed("keep at least one: --keep-last 1; 'snap rm' forgets single snapshots"),
    refusals.NothingToUndo: _fixed("'snap reflog' shows where the database was"),
    errors.DatabaseMissing: _fixed("check the path; 'snap restore REV' writes it anew from a snapshot"),
    errors.NotADatabase: _fixed(
        "check the path; 'snap restore REV --force' puts a snapshot in its place and keeps the file"
    ),
    errors.DatabaseCorrupt: _fixed(
        "'snap restore REV --force' or 'snap reset' puts a snapshot in its place and keeps the file"
    ),
    errors.DatabaseUnreadable: _fixed("'snap doctor' checks permissions and what lies beside the database"),
    errors.DiskFull: _fixed("nothing was changed; free some space and try again"),
    errors.StoreDamaged: _damaged,
    errors.SnapshotFreed: _fixed("'snap log --all' lists the snapshots that are left"),
    errors.RestoreMismatch: _fixed("'snap undo' brings back the state before; check the disk"),
}

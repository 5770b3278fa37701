"""What the guards refuse: exit code 14. The request was understood, and nothing was changed."""

from __future__ import annotations

from shlex import quote

from snapstore.errors.base import SnapError


class Refused(SnapError):
    """A guard refused the request; nothing was changed."""

    code = "refused"
    exit_code = 14


class NameExists(Refused):
    """The name for a tag is taken; `renaming` if it is the new name of a tag."""

    code = "name-exists"

    def __init__(self, name: str, renaming: bool = False) -> None:
        super().__init__(f"tag '{name}' already exists")
        self.name = name
        self.renaming = renaming
        if renaming:
            self.hint = f"choose another name, or remove the old one with: snap rm {quote(name)}"
        else:
            self.hint = "leave out --new to move the tag"


class NamePinned(Refused):
    """A pinned tag cannot be moved or removed."""

    code = "pinned"

    def __init__(self, name: str) -> None:
        super().__init__(f"tag '{name}' is pinned")
        self.name = name
        self.hint = f"use --force, or first: snap unpin {quote(name)}"


class SnapshotInUse(Refused):
    """A snapshot cannot be removed while names still refer to it."""

    code = "in-use"
    hint = "remove the names instead, or use --force to remove them all"

    def __init__(self, snapshot: str, names: tuple[str, ...]) -> None:
        super().__init__(f"snapshot '{snapshot}' is still named by {', '.join(names)}")
        self.snapshot = snapshot
        self.names = names


class WrongDatabase(Refused):
    """The snapshot was taken from another database than the one it should be restored to or named for."""

    code = "wrong-database"
    hint = "check --db and --store, or use --force to go ahead"

    def __init__(self, path: str, snapshot: str, origin: str) -> None:
        super().__init__(f"snapshot '{snapshot}' was taken from another database: '{origin}', not '{path}'")
        self.path = path
        self.snapshot = snapshot
        self.origin = origin


class WouldOverwrite(Refused):
    """A file that would be overwritten exists."""

    code = "would-overwrite"
    hint = "choose another path, or use --force to overwrite a database (never its -wal or -journal)"

    def __init__(self, path: str, hint: str | None = None) -> None:
        super().__init__(f"'{path}' already exists")
        self.path = path
        self.hint = hint or WouldOverwrite.hint


class DatabaseInUse(Refused):
    """The file has to be replaced as a whole, and another process has it open."""

    code = "database-in-use"
    hint = "stop the application first, or use --force and restart it afterwards"

    def __init__(self, path: str, reason: str, holders: tuple[str, ...] = ()) -> None:
        by = ", ".join(holders) or "another process"
        super().__init__(f"cannot replace '{path}' ({reason}): it is open in {by}")
        self.path = path
        self.reason = reason
        self.holders = holders


class MayBeInUse(Refused):
    """The file has to be replaced as a whole, and somebody may go on using the old one: `doubt` says why."""

    code = "may-be-in-use"
    hint = "make sure that nothing uses the file, then 'snap restore REV --force'"

    def __init__(self, path: str, reason: str, doubt: str) -> None:
        super().__init__(f"cannot replace '{path}' ({reason}): {doubt}")
        self.path = path
        self.reason = reason
        self.doubt = doubt


class DatabaseReadOnly(Refused):
    """The live database cannot be written."""

    code = "read-only"
    hint = "'snap restore REV --to PATH' writes a copy elsewhere"

    def __init__(self, path: str) -> None:
        super().__init__(f"database '{path}' is read-only")
        self.path = path


class SqliteTooOld(Refused):
    """The SQLite library in use can corrupt a database in WAL mode while other processes write to it."""

    code = "sqlite-too-old"
    hint = "'pip uninstall sqlean.py', then 'pip install --force-reinstall arize-phoenix-sqlean'"

    def __init__(self, path: str, found: str, fixed: str) -> None:
        super().__init__(
            f"SQLite {found} can corrupt '{path}', which is in WAL mode (the WAL-reset bug, fixed in {fixed})"
        )
        self.path = path
        self.found = found
        self.fixed = fixed


class OtherNameInUse(Refused):
    """A process uses the database under another name, or with a log or wal-index that was deleted.

    `other` is that name, None where it cannot be seen; no `holders` where it cannot be seen who it is. `deleted` is
    `-wal` or `-shm`, None where neither was deleted.
    """

    code = "other-name"
    hint = "use one name for the file: in a container mount its folder and not the file; remove hard links"

    def __init__(self, path: str, other: str | None, holders: tuple[str, ...] = (), deleted: str | None = None) -> None:
        who = ", ".join(holders) or "a process that cannot be seen from here"
        if deleted:
            how = f"with a log that is not at its place any more: {who} has '{other}{deleted}' open, which was deleted"
        else:
            how = f"under another name, so its log is elsewhere: {who}" + (
                f" has it open as '{other}'" if other else ""
            )
        super().__init__(f"database '{path}' is in use {how}")
        self.path = path
        self.other = other
        self.holders = holders
        self.deleted = deleted
        if deleted:
            self.hint = "restart that process; never remove the -wal or -shm file of a database that is in use"


class SeveralNames(Refused):
    """The file has several hard links; `left` is a log or journal beside another of its names."""

    code = "several-names"
    hint = "keep one name: 'find DIR -samefile FILE' lists the others; or copy the file and use the copy"

    def __init__(self, path: str, links: int, left: str | None = None) -> None:
        if left:
            why = f"'{left}' holds changes that cannot be seen under this one"
        else:
            why = "it is in WAL mode, and a log under another one cannot be seen from here"
        super().__init__(f"database '{path}' has {links} names (hard links): {why}")
        self.path = path
        self.links = links
        self.left = left


class StoreTooNew(Refused):
    """A newer snapstore wrote the store."""

    code = "store-too-new"
    hint = "upgrade snapstore: pip install -U snapstore"

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(f"store '{path}' has format {found}, but this snapstore reads formats up to {known}")
        self.path = path
        self.found = found
        self.known = known


class StoreInUse(Refused):
    """A store is not removed while one of its databases is there, or while nobody can tell."""

    code = "store-in-use"
    hint = "'snap stores' lists what is in it; --force removes it all the same"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"store '{path}' is not removed: {why}")
        self.path = path
        self.why = why


class TooLarge(Refused):
    """An object would be longer than a store reads back; `what` it lists."""

    code = "too-large"
    hint = "docs/format.md has the limits"

    def __init__(self, what: str, size: int, most: int) -> None:
        super().__init__(f"the list of {what} has {size:,} bytes; a store takes {most:,} at most")
        self.what = what
        self.size = size
        self.most = most


class NotAStore(Refused):
    """The folder holds other files, and a store is not created among them."""

    code = "not-a-store"
    hint = "choose an empty or a new folder with --store, SNAPSTORE_STORE or 'store:'"

    def __init__(self, path: str) -> None:
        super().__init__(f"'{path}' is neither a store nor an empty folder")
        self.path = path


class StoreTooOpen(Refused):
    """A database would be readable, out of the store, by somebody who may not read it; `reader` says by whom."""

    code = "store-too-open"

    def __init__(self, store: str, path: str, reader: str) -> None:
        super().__init__(f"store '{store}' can be read by {reader}, who may not read '{path}'")
        self.store = store
        self.path = path
        self.reader = reader
        if reader == "its group":
            self.hint = f"chmod g+r {quote(path)}, or use a store of its own: --store DIR"
        else:
            self.hint = "use a store of your own: --store DIR"


class AccessLost(Refused):
    """A new file in a database's place could not have its owner, group or access list; `lost` says what."""

    code = "access-lost"
    hint = "run it as the owner of the database or as root, or use --force"

    def __init__(self, path: str, lost: tuple[str, ...]) -> None:
        super().__init__(f"cannot replace '{path}': the new file could not have its {' and '.join(lost)}")
        self.path = path
        self.lost = lost


class InsideStore(Refused):
    """A file cannot be written into the store's own folder."""

    code = "inside-store"
    hint = "choose a path outside the store"

    def __init__(self, path: str) -> None:
        super().__init__(f"'{path}' is inside the store")
        self.path = path


class LiveDatabaseTarget(Refused):
    """A copy cannot be written over a live database or its log: its open connections would not notice."""

    code = "live-database"
    hint = "choose another path"

    def __init__(self, path: str) -> None:
        super().__init__(f"cannot write a copy to '{path}': it belongs to a live database")
        self.path = path


class RunInProgress(Refused):
    """Another suite is running on the same databases; `other` names its process and command, where it is known."""

    code = "run-in-progress"
    hint = "wait until it ends, or stop it; the state is restored either way"

    def __init__(self, other: str) -> None:
        super().__init__("another suite is running on these databases" + (f": {other}" if other else ""))
        self.other = other


class OutOfOrder(Refused):
    """A suite or a test was begun or ended out of turn."""

    code = "out-of-order"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class NeverRight(Refused):
    """The databases were restored before a suite, and a check right after it still found differences: `left`."""

    code = "never-right"
    hint = "something still writes to the databases: stop it, then run again"

    def __init__(self, state: str, verdict: str, left: str = "") -> None:
        what = f" ({left})" if left else ""
        super().__init__(f"restored to {state}, but verification still reports '{verdict}'{what}")
        self.left = left
        self.state = state
        self.verdict = verdict


class BaselineNotMade(Refused):
    """The command that makes the baseline failed, or took too long; `detail` is the end of its output."""

    code = "baseline-not-made"
    hint = "the state before was restored; run the command by itself to see what is wrong"

    def __init__(self, name: str, make: str, status: str, detail: str) -> None:
        last = detail.strip().splitlines()[-1:]
        super().__init__(f"cannot make the baseline '{name}': '{make}' {status}{f': {last[0]}' if last else ''}")
        self.name = name
        self.make = make
        self.status = status
        self.detail = detail


class CleanImpossible(Refused):
    """The rows cannot be restored one by one."""

    code = "clean-impossible"
    hint = "'snap restore REV' restores the whole state"

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot clean row by row: {reason}")
        self.reason = reason


class PatchImpossible(Refused):
    """No SQL statements lead from one state to the other."""

    code = "patch-impossible"
    hint = "'snap export REV FILE' writes the whole state"

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot write a patch in SQL: {reason}")
        self.reason = reason


class PatchRefused(Refused):
    """A patch is not one that snapstore wrote, or does not fit the database; nothing was changed."""

    code = "patch-refused"
    hint = "'snap diff A B --format sql' writes patches that lead from A to B"

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(f"cannot apply the patch: {reason}" + (f" (line {line})" if line else ""))
        self.reason = reason
        self.line = line


class EmptyPolicy(Refused):
    """Neither the options nor the configuration of a prune say what to keep."""

    code = "empty-policy"
    hint = "say what to keep with --keep-last N, --keep-daily N ... or under 'prune:' in snapstore.yaml"

    def __init__(self) -> None:
        super().__init__("cannot prune: no rule says what to keep")


class WouldRemoveEverything(Refused):
    """A prune would remove all snapshots of a project."""

    code = "would-remove-everything"
    hint = "keep at least one with --keep-last 1; 'snap rm' removes single snapshots"

    def __init__(self, count: int) -> None:
        everything = "the only snapshot" if count == 1 else f"all {count} snapshots"
        super().__init__(f"cannot prune: the rules would remove {everything}")
        self.count = count


class NotConfirmed(Refused):
    """The user answered no."""

    code = "not-confirmed"

    def __init__(self) -> None:
        super().__init__("not confirmed; nothing was changed")


class NothingToUndo(Refused):
    """There is no earlier state to go back to."""

    code = "nothing-to-undo"
    hint = "'snap reflog' shows where the database was"

    def __init__(self, reason: str) -> None:
        super().__init__(f"nothing to undo: {reason}")
        self.reason = reason

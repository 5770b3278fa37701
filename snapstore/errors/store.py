"""The store: nothing in it yet (exit code 10), locked (11), damaged (20)."""

from __future__ import annotations

from snapstore.errors.base import SnapError

_MOST_NAMES = 10


class NoStore(SnapError):
    """There is no store at this path."""

    code = "no-store"
    exit_code = 10
    hint = "'snap tag baseline' takes the first snapshot and creates the store"

    def __init__(self, path: str) -> None:
        super().__init__(f"no store at '{path}'")
        self.path = path


class NoSnapshot(SnapError):
    """The store has no such snapshot, backup or database; `wanted` says what was looked for."""

    code = "no-snapshot"
    exit_code = 10
    hint = "'snap tag baseline' or 'snap backup' takes a snapshot; 'snap log --all' lists those there are"

    def __init__(self, wanted: str) -> None:
        super().__init__(f"no {wanted} found")
        self.wanted = wanted


class NoBaseline(NoSnapshot):
    """The configuration names a baseline that was never taken, or that was removed."""

    code = "no-baseline"

    def __init__(self, name: str) -> None:
        SnapError.__init__(self, f"there is no baseline '{name}' yet")
        self.name = name
        self.hint = f"'snap tag {name}' makes the present state the baseline; or name another revision"


class NothingToRestore(NoSnapshot):
    """No suite is under way and no baseline is configured; `names` are the tags that could be restored."""

    def __init__(self, names: tuple[str, ...]) -> None:
        SnapError.__init__(self, "nothing says what to restore: no suite is under way, and no baseline is configured")
        self.names = names
        shown = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
        self.hint = f"name a revision; the tags are {shown}" if names else "'snap log' lists the snapshots; name one"


class StoreLocked(SnapError):
    """Another process kept the store locked until the deadline."""

    code = "store-locked"
    exit_code = 11
    hint = "another snap command is writing to the store; try again"

    def __init__(self, path: str) -> None:
        super().__init__(f"timed out waiting for a lock on store '{path}'")
        self.path = path


class StoreDamaged(SnapError):
    """The store is damaged; `detail` names the object, pack or table."""

    code = "store-damaged"
    exit_code = 20

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"store '{path}' is damaged: {detail}")
        self.path = path
        self.detail = detail
        if detail.endswith(("not a regular file", "not a folder")):
            self.hint = "something else was put in its place: look at it, and move it away"
        elif "catalog.db" in detail or "format" in detail:
            self.hint = "'snap fsck --rebuild' rebuilds the catalog from the packs and the reflog"
        else:
            self.hint = (
                "other snapshots may be intact: 'snap fsck' checks them all,"
                " 'snap reset' restores the newest intact one of this database"
            )


class SnapshotFreed(StoreDamaged):
    """A prune freed a snapshot that was about to be read; the store is not damaged."""

    code = "unknown-revision"
    exit_code = 12
    hint = "'snap log --all' lists the remaining snapshots"

    def __init__(self, path: str, detail: str, snapshot: str) -> None:
        SnapError.__init__(self, f"unknown revision '{snapshot}': a prune has just removed it")
        self.path = path
        self.detail = detail
        self.snapshot = snapshot

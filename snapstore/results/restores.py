"""What a restore, an undo or a reset did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapstore.results.files import RestoredFiles
from snapstore.results.hooks import HookRun

IN_PLACE, REPLACED, NONE = "in-place", "replaced", "none"
"""How a database came back: in its own file, as a new file, or not at all since it was right already."""


@dataclass(frozen=True)
class RestoredDatabase:
    """How one database came back: `in-place`, `replaced` or `none`; `pages` and `bytes` are its size now.

    `kept` is where a damaged file was put; `still_open` are the processes that have the replaced file open and use it
    until they are restarted. `not_kept` names what the new file could not get of the old one's: `owner`, `group`,
    `access list`, or an extended attribute.
    """

    method: str
    pages_written: int
    pages: int
    bytes: int
    kept: str | None = None
    still_open: tuple[str, ...] = ()
    not_kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Undone:
    """The command that an undo took back: `restore`, `reset`, `clean`, `apply` or `undo`, and when it ran."""

    action: str
    at: str


@dataclass(frozen=True)
class Restored:
    """A snapshot that was brought back, or with `to` copied to that path.

    `safety` is the snapshot of the state before, None where nothing changed or none was wanted. `names` are the tags of
    the snapshot, `rev` is how it was called: the backup or the baseline where nothing was given. Where the environment
    switched backups off, `skipped` is true, `reason` says why and `snapshot` is empty. `warnings` say that another file
    took the place of a database since the last call, that a hook failed, or that a snapshot which was pulled has
    another schema than the live database; `hooks` are all that ran. `undone` is what
    an undo took back. `files` has the folders and files beside the databases, `left_alone` says which of them were not
    restored because only one side has them.
    """

    snapshot: str
    changed: bool
    safety: str | None
    databases: Mapping[str, RestoredDatabase]
    seconds: float
    dry_run: bool = False
    names: tuple[str, ...] = ()
    to: str | None = None
    skipped: bool = False
    reason: str | None = None
    rev: str | None = None
    warnings: tuple[str, ...] = ()
    hooks: tuple[HookRun, ...] = ()
    undone: Undone | None = None
    files: Mapping[str, RestoredFiles] = field(default_factory=dict)
    left_alone: tuple[str, ...] = ()

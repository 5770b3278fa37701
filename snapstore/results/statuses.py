"""The live databases against the baseline, or against the snapshot they stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from snapstore.results.against import Against
from snapstore.results.files import VerifiedFiles
from snapstore.results.rows import Counts


class DatabaseStatus(NamedTuple):
    """One live database against the snapshot `compared_with`; pages that are new or gone count as changed.

    `head` is the snapshot that it stands on, None where there is none, and `names` are the tags of that. `verdict` is
    that of `verify`, `tables` the rows it rests on, `schema` the names of what differs there. `head_pages` are the
    pages of the snapshot. `derived` names the virtual table of each table that only its module writes to.
    """

    path: str
    head: str | None
    names: tuple[str, ...]
    verdict: str
    tables: Mapping[str, Counts]
    schema: tuple[str, ...]
    pages_changed: int
    pages: int
    head_pages: int
    derived: Mapping[str, str] = MappingProxyType({})
    compared_with: Against | None = None


class Settled(NamedTuple):
    """A restore that had been cut off, and is now on record as far as it came."""

    action: str
    before: str
    target: str
    databases: tuple[str, ...]


class UnfinishedSuite(NamedTuple):
    """A suite that has not ended: its process `runs`, or it died, and the next suite repairs what it left.

    One that is `paused` goes on with the next process of its run; if there is none, it died. `backup` is the snapshot
    it began with, None where it took none.
    """

    name: str
    started: str
    pid: int
    backup: str | None
    runs: bool
    paused: bool = False


@dataclass(frozen=True)
class Status:
    """All databases: the worst verdict, and whether the state is right under the project's policy.

    `warnings` say that another file took the place of a database since the last call. `suite` is one that has not
    ended. `files` has the folders and files beside the databases.
    """

    state_ok: bool
    verdict: str
    databases: Mapping[str, DatabaseStatus]
    settled: Settled | None
    seconds: float
    warnings: tuple[str, ...] = ()
    suite: UnfinishedSuite | None = None
    files: Mapping[str, VerifiedFiles] = field(default_factory=dict)

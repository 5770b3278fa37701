"""What a session, or a store opened in this process, says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrackedDatabase:
    """How the changes of one database are tracked: by `log`, `stamp` or `hashing`, or not at all: `off`.

    `hashed` counts the views of which nothing was known, `answered` the others; `wal_bytes` is the length of its log.
    """

    path: str
    tracking: str
    wal_bytes: int = 0
    hashed: int = 0
    answered: int = 0
    rests: int = 0
    checks: int = 0


@dataclass(frozen=True)
class Info:
    """Version, process and places; `memory` is the most it ever had, in bytes, `suite` whether a suite runs.

    `configuration` is the path of the configuration in force, None without one, `baseline` the name that it gives;
    `makes_baseline` tells whether it says how the baseline is made. `worker` is the worker whose copy the database is.
    """

    version: str
    pid: int
    store: str
    backup_name: str
    suite: bool
    memory: int
    databases: Mapping[str, TrackedDatabase]
    methods: tuple[str, ...]
    configuration: str | None = None
    baseline: str | None = None
    makes_baseline: bool = False
    worker: str | None = None


@dataclass(frozen=True)
class Released:
    """The databases whose connections were closed."""

    released: tuple[str, ...]


@dataclass(frozen=True)
class ShutDown:
    """The end of a session; a suite that was left open is repaired by the next one."""

    suite_left_open: bool

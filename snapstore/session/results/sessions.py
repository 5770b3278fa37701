"""What a session says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackedDatabase:
    """How a session follows the changes of one database."""

    path: str
    tracking: str
    wal_bytes: int
    hashed: int
    answered: int
    rests: int
    checks: int


@dataclass(frozen=True)
class Info:
    """What a session is; `memory` in bytes, the most it ever had."""

    version: str
    pid: int
    store: str
    backup_name: str
    suite: bool
    memory: int
    databases: dict[str, TrackedDatabase]
    methods: list[str]

"""What a prune kept, forgot and freed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KeptSnapshot:
    """A snapshot that stays, and why."""

    snapshot: str
    reasons: tuple[str, ...]
    created: str
    names: tuple[str, ...]
    message: str = ""


@dataclass(frozen=True)
class ForgottenSnapshot:
    """A snapshot that goes, and the tags that go with it."""

    snapshot: str
    created: str
    names: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class GoneProject:
    """A project none of whose databases exists: their paths by name, and how many snapshots of it were forgotten."""

    databases: Mapping[str, str]
    last_used: str
    snapshots: int


@dataclass(frozen=True)
class GoneWorker:
    """A worker none of whose databases exists, and the store that was removed with all that it held."""

    worker: str
    path: str
    bytes: int


@dataclass(frozen=True)
class PrunedWorker:
    """What the same prune did in the store of a worker that is still there.

    `kept` is the number of snapshots that stay, `removed` are forgotten. `problem` tells why the store was left alone.
    """

    worker: str
    kept: int = 0
    removed: tuple[str, ...] = ()
    freed_bytes: int = 0
    held_bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class Pruned:
    """What was done, or with `dry_run` would be done.

    `removed` are forgotten, which `forgotten` describes, `untagged` are the tags that went with them, `expired` can no
    longer be brought back.
    Forgotten snapshots alone need `held_bytes`, until `held_until`. `damaged_packs` were left as they are. `gone` are
    projects of which everything was forgotten: their databases do not exist any more. `workers` are those of whom the
    same is true, and whose stores are no longer there. `worker_stores` are those of the others, pruned by the same
    rules. `freed_bytes` counts what was freed in all stores.
    """

    kept: tuple[KeptSnapshot, ...]
    removed: tuple[str, ...]
    untagged: tuple[str, ...]
    expired: tuple[str, ...]
    freed_bytes: int
    held_bytes: int
    held_until: str | None
    damaged_packs: tuple[str, ...]
    dry_run: bool
    seconds: float
    gone: tuple[GoneProject, ...] = ()
    forgotten: tuple[ForgottenSnapshot, ...] = ()
    workers: tuple[GoneWorker, ...] = ()
    worker_stores: tuple[PrunedWorker, ...] = ()


@dataclass(frozen=True)
class BroughtBack:
    """The snapshots that are listed again; `workers` has those in the stores of workers, by the worker's name."""

    brought_back: tuple[str, ...]
    workers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

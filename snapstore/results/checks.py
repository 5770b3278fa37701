"""What a check of the store found, and what mending it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it should be.

    `what` is pack, object, name, reflog, catalog or format; `snapshots` are the ids of those that it spoils.
    """

    what: str
    detail: str
    pack: str | None = None
    object: str | None = None
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class AffectedSnapshot:
    """A snapshot that cannot be restored as a whole; both lists are empty where not even its databases are known."""

    snapshot: str
    names: tuple[str, ...]
    created: str
    damaged: tuple[str, ...]
    intact: tuple[str, ...]


@dataclass(frozen=True)
class Rebuilt:
    """What the new catalog holds; `kept` is where the old one is, `lost` says what could not be recovered."""

    snapshots: int
    names: int
    entries: int
    objects: int
    packs: int
    carried: Mapping[str, int]
    kept: str | None
    lost: tuple[str, ...]


@dataclass(frozen=True)
class HealedObject:
    """An object that was stored again, and where it was found."""

    object: str
    source: str


@dataclass(frozen=True)
class Healed:
    """What was healed; `moved` are readable objects of damaged packs, `set_aside` the packs emptied so.

    `reflog` says that the reflog file was written again.
    """

    objects: tuple[HealedObject, ...]
    moved: int
    set_aside: tuple[str, ...]
    reflog: bool


@dataclass(frozen=True)
class CheckedWorker:
    """What was found in the store of a worker."""

    ok: bool
    damaged: tuple[Damage, ...]


@dataclass(frozen=True)
class Checked:
    """What was found; `unused_packs` were left by commands that were cut off, and do no harm.

    `full` says that every object was read, `removed` names folders of an earlier release that were removed, and
    `leftovers` temporary files of killed processes that were removed. `rebuilt` and `healed` tell what was done before.
    `workers` are the checks of the stores of workers inside the store; `ok` holds for all of them.
    """

    ok: bool
    damaged: tuple[Damage, ...]
    affected_snapshots: tuple[AffectedSnapshot, ...]
    snapshots: int
    objects: int
    packs: int
    unused_packs: int
    full: bool
    seconds: float
    removed: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    rebuilt: Rebuilt | None = None
    healed: Healed | None = None
    workers: Mapping[str, CheckedWorker] = field(default_factory=dict)

"""Remotes: what is configured and known of them, and what a push, a fetch, a pull or a clone did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from snapstore.results.checks import Damage


@dataclass(frozen=True)
class Remote:
    """A configured remote. `project` and `entry`, the number of its newest entry seen, are None before any contact."""

    name: str
    url: str
    is_default: bool
    read_only: bool
    project: str | None = None
    entry: int | None = None
    tags: int | None = None
    fetched: str | None = None


@dataclass(frozen=True)
class Remotes:
    """The configured remotes by name."""

    remotes: tuple[Remote, ...]


@dataclass(frozen=True)
class RemoteAdded:
    """A remote that was added to the configuration `file`; `created` if nothing was there before.

    `is_safe` says that the server refuses to overwrite; None where it could not be tried, for want of rights to write.
    """

    name: str
    url: str
    project: str
    file: str
    created: bool
    is_safe: bool | None
    tags: int


@dataclass(frozen=True)
class RemoteRemoved:
    """A remote that was taken out of the configuration; nothing was deleted there."""

    name: str
    file: str


class RefMove(NamedTuple):
    """How a name moved: snapshots in hex, None where there was or is none. `rejected` says why it did not, if so."""

    name: str
    from_: str | None
    to: str | None
    local: str | None = None
    rejected: str | None = None


@dataclass(frozen=True)
class Pushed:
    """A push: the names that moved on the remote, and what was uploaded; `bytes` are those of packs and indexes.

    With `up_to_date` there was nothing to do. `entry` is the number of the new entry in the log, None without one.
    """

    remote: str
    url: str
    refs: tuple[RefMove, ...]
    packs: int
    objects: int
    bytes: int
    requests: int
    up_to_date: bool
    seconds: float
    entry: int | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Fetched:
    """A fetch: the names that moved on the remote since the last contact. `requests` and `bytes` were needed for it."""

    remote: str
    url: str
    project: str
    refs: tuple[RefMove, ...]
    entry: int
    requests: int
    bytes: int
    up_to_date: bool
    seconds: float


@dataclass(frozen=True)
class FetchedAll:
    """Fetches from all configured remotes; `failed` has the messages of those that did not work, by name."""

    fetched: tuple[Fetched, ...]
    failed: Mapping[str, str]


class Unlike(NamedTuple):
    """How the schema of a snapshot differs from that of the live database: tables by name, and `user_version`."""

    database: str
    only_there: tuple[str, ...]
    only_here: tuple[str, ...]
    user_version_there: int
    user_version_here: int


@dataclass(frozen=True)
class Pulled:
    """A pull: the local names that moved, and what was downloaded for them.

    `unlike` has the databases whose schema is another one than that of the live database.
    """

    remote: str
    url: str
    refs: tuple[RefMove, ...]
    packs: int
    objects: int
    bytes: int
    requests: int
    up_to_date: bool
    seconds: float
    unlike: tuple[Unlike, ...] = ()


@dataclass(frozen=True)
class Cloned:
    """A clone: the configuration that was written, the store, what was pulled, and the tag that was restored."""

    url: str
    remote: str
    project: str
    config: str
    store: str
    pulled: Pulled
    restored: str | None


class RemoteTag(NamedTuple):
    """A tag of a remote, as known from the last contact; `entry` moved it last, by `by` at `at`.

    `here` says whether the snapshot is in the store.
    """

    name: str
    snapshot: str
    message: str
    pinned: bool
    at: str
    by: str
    entry: int
    here: bool


@dataclass(frozen=True)
class RemoteTags:
    """The tags of a remote."""

    remote: str
    url: str
    tags: tuple[RemoteTag, ...]


class KeptTag(NamedTuple):
    """A tag of a remote that stays, and why; its snapshot in hex."""

    name: str
    snapshot: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RemotePruned:
    """What a prune of a remote did, or with `dry_run` would do.

    `kept` are the tags that stay, where there are rules, and `removed` those that went. `condemned` packs are needed no
    longer, of which `orphans` never were; what was needed of them went into `packs` new ones, of `bytes`. Deleted were
    `deleted` packs and indexes of `deleted_bytes`, and `entries` of the log. `held` others, of `held_bytes`, wait for
    their grace to end.
    """

    remote: str
    url: str
    kept: tuple[KeptTag, ...]
    removed: tuple[RefMove, ...]
    condemned: int
    orphans: int
    packs: int
    bytes: int
    deleted: int
    deleted_bytes: int
    held: int
    held_bytes: int
    entries: int
    entry: int
    requests: int
    sent: int
    received: int
    dry_run: bool
    seconds: float


class AffectedTags(NamedTuple):
    """A snapshot of a remote that cannot be pulled as a whole, and the tags that point to it."""

    snapshot: str
    names: tuple[str, ...]


LOG_FLAW = "log"
"""What a damage is of where it concerns the log itself."""


@dataclass(frozen=True)
class RemoteHealed:
    """What was done about damage: `given_up` are packs, by name, that are listed no longer.

    `objects` of the store were uploaded again, in `sent` bytes, by the entry of the log; None where nothing was done.
    """

    given_up: tuple[str, ...]
    objects: int
    sent: int
    entry: int | None


@dataclass(frozen=True)
class RemoteChecked:
    """What a check of a remote found; `full` says that every pack was read. `healed` tells what was done before.

    `entries` of the log were checked, and what the newest one leads to: its `tags`, and `packs` with `objects` and
    `bytes`. `orphans` are packs and indexes that no entry names: of pushes that did not end, or are under way.
    `condemned` ones are to be deleted. Both do no harm.
    """

    remote: str
    url: str
    ok: bool
    damaged: tuple[Damage, ...]
    affected: tuple[AffectedTags, ...]
    entries: int
    tags: int
    packs: int
    objects: int
    bytes: int
    orphans: int
    orphan_bytes: int
    condemned: int
    condemned_bytes: int
    full: bool
    requests: int
    received: int
    seconds: float
    healed: RemoteHealed | None = None

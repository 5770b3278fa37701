"""Remotes: what is configured and known of them, and what a push, a fetch, a pull or a clone did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


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

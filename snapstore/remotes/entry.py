"""An entry of a remote's log: what one push, or one prune, changed; and the checkpoint, the state after an entry.

Each is a line of ASCII JSON with sorted keys and a line feed; an SSH signature of that line may follow it. An entry has
the BLAKE2b-256 of the one before it, so the newest stands for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from snapstore.errors import BadName
from snapstore.files import storable
from snapstore.history.names import check_name
from snapstore.ids import is_hex_id
from snapstore.remotes.digest import digest
from snapstore.remotes.keys import is_digest

FORMAT = 1
MOST_BYTES = 1 << 25  # of an entry or a checkpoint
FIRST = ""  # `prev` of entry 1
_MOST = 1 << 62

T = TypeVar("T")


class RemotePack(NamedTuple):
    """A pack on a remote: its name (BLAKE2b-256 in hex), how long it is, how many objects, and which index it is in."""

    name: str
    bytes: int
    objects: int
    idx: str


class Move(NamedTuple):
    """How a name moved; `from_` is where the writer saw it, both are snapshots in hex, None where there is none."""

    from_: str | None
    to: str | None
    message: str = ""
    pinned: bool = False


class LogEntry(NamedTuple):
    """Entry `n`; `prev` is the digest of the one before.

    What a prune takes out goes by names of packs and indexes: nobody may use `condemned` ones from here on, `dropped`
    ones are being deleted, and `forgotten` ones are gone (collection.py).

    `at` is a time for people, by the writer's clock; `by` is who wrote it, `tool` with what. `project` is that of the
    remote: what was signed for one remote is no entry of another project's.
    """

    n: int
    prev: str
    nonce: str
    at: str
    by: str
    tool: str
    refs: Mapping[str, Move]
    packs: tuple[RemotePack, ...] = ()
    condemned: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    project: str = ""

    def encode(self) -> bytes:
        """Return the line of the entry."""
        refs = {name: {"from": one.from_, **_without(one._asdict(), "from_")} for name, one in self.refs.items()}
        packs = [one._asdict() for one in self.packs]
        return line({**self._asdict(), "format": FORMAT, "refs": refs, "packs": packs})

    @classmethod
    def decode(cls, data: bytes) -> LogEntry:
        """Read the bytes of an entry, whatever follows its line. Raises ValueError."""
        record = parse(data)
        return cls(
            checked(record, "n", is_count),
            checked(record, "prev", lambda value: value == FIRST or is_digest(value)),
            **{name: checked(record, name, is_text) for name in ("nonce", "at", "by", "tool")},
            refs={ref_name(name): _move(one) for name, one in checked(record, "refs", is_mapping).items()},
            packs=tuple(map(pack_of, checked(record, "packs", is_list))),
            condemned=digests(record, "condemned"),
            dropped=digests(record, "dropped"),
            forgotten=digests(record, "forgotten"),
            project=checked(record, "project", is_text),
        )


def line(record: Mapping[str, object]) -> bytes:
    """Return a line of ASCII JSON with sorted keys."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


def parse(data: bytes) -> dict[str, Any]:
    """Read the line at the beginning of an entry or a checkpoint. Raises ValueError."""
    text, feed, _ = data.partition(b"\n")
    if not feed:
        raise ValueError("is cut short")
    try:
        record = json.loads(text)
    except RecursionError as error:
        raise ValueError("is nested too deep") from error
    if not isinstance(record, dict):
        raise ValueError("is not a record")
    if record.get("format") != FORMAT:
        raise ValueError(f"has format {record.get('format')!r}")
    return record


def hash_of(data: bytes) -> str:
    """Return what the next entry has as `prev`."""
    return digest(data)


def checked(record: Mapping[str, Any], name: str, is_right: Callable[[Any], object]) -> Any:
    """Return a value of a record. Raises ValueError."""
    if name not in record or not is_right(record[name]):
        raise ValueError(f"has an invalid '{name}'")
    return record[name]


def digests(record: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of digests in a record. Raises ValueError."""
    return tuple(checked(record, name, lambda value: is_list(value) and all(map(is_digest, value))))


def pack_of(record: Any) -> RemotePack:
    """Return a pack of a record. Raises ValueError."""
    if not is_mapping(record):
        raise ValueError("has an invalid pack")
    return RemotePack(
        checked(record, "name", is_digest),
        checked(record, "bytes", is_count),
        checked(record, "objects", is_count),
        checked(record, "idx", is_digest),
    )


def ref_name(name: str) -> str:
    """Return the name of a tag. Raises ValueError for one that would not be allowed here."""
    try:
        check_name(name, is_new=True)
    except BadName as error:
        raise ValueError(f"has the name of a tag that is not allowed: {error}") from error
    return name


def is_id_or_none(value: object) -> bool:
    """Tell whether a value is a snapshot in hex, or None."""
    return value is None or is_hex_id(value)


def is_count(value: object) -> bool:
    """Tell whether a value is a number from 0."""
    return type(value) is int and 0 <= value < _MOST


def is_text(value: object) -> bool:
    """Tell whether a value is text that can be stored: JSON can hold half of a surrogate pair."""
    return isinstance(value, str) and storable(value) == value


def is_flag(value: object) -> bool:
    """Tell whether a value is true or false."""
    return isinstance(value, bool)


def is_list(value: object) -> bool:
    """Tell whether a value is a list."""
    return isinstance(value, list)


def is_mapping(value: object) -> bool:
    """Tell whether a value is a mapping."""
    return isinstance(value, dict)


def _move(record: Any) -> Move:
    if not is_mapping(record):
        raise ValueError("has an invalid move of a tag")
    return Move(
        checked(record, "from", is_id_or_none),
        checked(record, "to", is_id_or_none),
        checked(record, "message", is_text),
        checked(record, "pinned", is_flag),
    )


def _without(record: dict[str, T], name: str) -> dict[str, T]:
    del record[name]
    return record

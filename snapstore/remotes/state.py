"""The state of a remote after an entry of its log: where its tags point, and which packs it has.

A checkpoint on the remote and the file `state` in a store hold one: what the entries up to it lead to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from snapstore.ids import is_hex_id
from snapstore.remotes.entry import (
    FIRST,
    FORMAT,
    LogEntry,
    Move,
    RemotePack,
    checked,
    hash_of,
    is_count,
    is_flag,
    is_id_or_none,
    is_list,
    is_mapping,
    is_text,
    line,
    pack_of,
    parse,
    ref_name,
)
from snapstore.remotes.keys import is_digest

MOST_POSITIONS = 50  # of a name that are remembered, `NAME@{n}`
MOST_GONE = 1000  # names that were removed, of which that is remembered


class Position(NamedTuple):
    """Where a name pointed from entry `n` on: a snapshot in hex, None where it was removed; `by` moved it at `at`."""

    n: int
    snapshot: str | None
    at: str
    by: str
    message: str = ""


class RemoteRef(NamedTuple):
    """A tag of a remote, and where it pointed, the newest first."""

    snapshot: str
    message: str
    pinned: bool
    positions: tuple[Position, ...]


@dataclass
class RemoteState:
    """The state after entry `n`, whose digest is `digest` and time `at`; `gone` are the tags that were removed.

    `packs` are those that are needed, in the order in which the log has them. `condemned` packs and indexes, and
    `dropped` ones, have the entry that condemned or dropped them. Entry `n` has `size` bytes and was written at
    `modified`, by the remote's clock; 0 if unknown.
    """

    n: int = 0
    digest: str = FIRST
    refs: dict[str, RemoteRef] = field(default_factory=dict)
    gone: dict[str, tuple[Position, ...]] = field(default_factory=dict)
    packs: dict[str, RemotePack] = field(default_factory=dict)
    condemned: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    modified: float = 0.0
    size: int = 0
    at: str = ""
    project: str = ""

    def apply(self, entry: LogEntry, data: bytes, modified: float = 0.0) -> None:
        """Follow the next entry, of which `data` are the bytes. Raises ValueError for one that is not next."""
        if entry.n != self.n + 1:
            raise ValueError(f"is entry {entry.n} in the place of entry {self.n + 1}")
        if entry.prev != self.digest:
            raise ValueError(f"does not follow entry {self.n}: its 'prev' is of another one")
        if entry.project != self.project:
            raise ValueError(f"is of project {entry.project!r}, not of {self.project!r}")
        self._apply_packs(entry)
        for name, move in entry.refs.items():
            self._apply_move(name, move, Position(entry.n, move.to, entry.at, entry.by, move.message))
        self.n, self.digest, self.at = entry.n, hash_of(data), entry.at
        self.size, self.modified = len(data), modified

    def _apply_packs(self, entry: LogEntry) -> None:
        for pack in entry.packs:
            self.packs.setdefault(pack.name, pack)
        for name in entry.condemned:
            self.packs.pop(name, None)
            self.condemned.setdefault(name, entry.n)
        for name in entry.dropped:
            self.condemned.pop(name, None)
            self.dropped[name] = entry.n
        for name in entry.forgotten:
            self.dropped.pop(name, None)

    def _apply_move(self, name: str, move: Move, here: Position) -> None:
        present = self.refs.pop(name, None)
        before = present.positions if present else self.gone.pop(name, ())
        # A pin is a move to where the name is already.
        positions = before if present and present.snapshot == move.to else (here, *before)[:MOST_POSITIONS]
        if move.to is None:
            self.gone[name] = positions
            if len(self.gone) > MOST_GONE:
                del self.gone[min(self.gone, key=lambda one: (_last_move(self.gone[one]), one))]
        else:
            self.refs[name] = RemoteRef(move.to, move.message, move.pinned, positions)

    def doomed(self) -> set[str]:
        """Return the names of packs and indexes that nobody may use any more."""
        return self.condemned.keys() | self.dropped.keys()

    def indexes(self) -> list[str]:
        """Return the names of the indexes of the packs that are needed, in the order of the log."""
        return list(dict.fromkeys(pack.idx for pack in self.packs.values()))

    def encode(self) -> bytes:
        """Return the line of a checkpoint."""
        return line(
            {
                "format": FORMAT,
                "n": self.n,
                "digest": self.digest,
                "at": self.at,
                "project": self.project,
                "refs": {
                    name: {**one._asdict(), "positions": _positions(one.positions)} for name, one in self.refs.items()
                },
                "gone": {name: _positions(one) for name, one in self.gone.items()},
                "packs": [one._asdict() for one in self.packs.values()],
                "condemned": self.condemned,
                "dropped": self.dropped,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> RemoteState:
        """Read a checkpoint. Raises ValueError."""
        record = parse(data)
        packs = map(pack_of, checked(record, "packs", is_list))
        return cls(
            checked(record, "n", is_count),
            checked(record, "digest", lambda value: is_digest(value) or value == FIRST),
            {ref_name(name): _ref(one) for name, one in checked(record, "refs", is_mapping).items()},
            {ref_name(name): _read_positions(one) for name, one in checked(record, "gone", is_mapping).items()},
            {pack.name: pack for pack in packs},
            checked(record, "condemned", _is_numbers),
            checked(record, "dropped", _is_numbers),
            at=checked(record, "at", is_text),
            project=checked(record, "project", is_text),
        )


def _last_move(positions: tuple[Position, ...]) -> int:
    return positions[0].n if positions else 0


def _is_numbers(value: Any) -> bool:
    return is_mapping(value) and all(is_digest(name) and is_count(n) for name, n in value.items())


def _positions(positions: tuple[Position, ...]) -> list[list[object]]:
    return [list(one) for one in positions]


def _ref(record: Any) -> RemoteRef:
    if not is_mapping(record):
        raise ValueError("has an invalid tag")
    return RemoteRef(
        checked(record, "snapshot", is_hex_id),
        checked(record, "message", is_text),
        checked(record, "pinned", is_flag),
        _read_positions(record.get("positions")),
    )


def _read_positions(found: Any) -> tuple[Position, ...]:
    if not is_list(found):
        raise ValueError("has invalid positions of a tag")
    return tuple(map(_position, found))


def _position(found: Any) -> Position:
    if not is_list(found) or len(found) != len(Position._fields):
        raise ValueError("has an invalid position of a tag")
    named: Mapping[str, Any] = dict(zip(Position._fields, found, strict=True))
    return Position(
        checked(named, "n", is_count),
        checked(named, "snapshot", is_id_or_none),
        *(checked(named, name, is_text) for name in ("at", "by", "message")),
    )

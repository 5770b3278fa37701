"""What a remote holds, of the objects alone that one push or pull asks about.

A remote may have millions of objects. The tables of contents.py get those that were looked up, with the bases below
them; the indexes are searched for all of them at once. Of an index only the ids stay in memory, and of the indexes that
were used last all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from snapstore.errors import RemoteDamaged
from snapstore.ids import ID_BYTES
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import Entry
from snapstore.remotes.contents import Contents, RemoteObject
from snapstore.remotes.index import Columns, PackHead
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.state import RemoteState

_KEPT_BYTES = 24 << 20  # of indexes


class _Index(NamedTuple):
    """An index: its name, the ids of its entries one after the other, and its packs that are needed."""

    name: str
    ids: bytes
    packs: list[PackHead]


class Extract(Contents):
    """The objects that were looked up, used in a `with` block."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._log: RemoteLog | None = None
        self._live: list[str] = []
        self._indexes: dict[str, _Index] = {}
        self._of_pack: dict[str, _Index] = {}
        self._kept: dict[str, Columns] = {}
        self._kept_bytes = 0
        self._looked_up: set[bytes] = set()
        self._absent: set[bytes] = set()
        self._whole: set[str] = set()
        self._has_gaps = False

    def load(self, log: RemoteLog, state: RemoteState | None = None) -> None:
        """Read the ids in the indexes of a state of a remote, by default that of its log; those that are new.

        Raises RemoteDamaged and what requests raise.
        """
        state = state or log.state
        self._log = log
        live = list(state.packs)
        names = state.indexes()
        added = live[len(self._live) :]
        is_longer = live[: len(self._live)] == self._live and not self._has_gaps
        if not is_longer or any(state.packs[one].idx in self._indexes for one in added):
            self._reset()
            added = live
        self._live = live
        packs = ((name, state.packs[name].bytes, state.packs[name].objects) for name in added)
        self._catalog.run_many("INSERT INTO remote_pack(name, bytes, objects) VALUES (?, ?, ?)", packs)
        before, self._absent = self._absent, set()
        new = [name for name in names if name not in self._indexes]
        for name, columns in zip(new, log.columns(new), strict=True):
            self._take(name, columns, state.packs.keys())
        self._look_up(before, new)

    def add(self, ids: Iterable[bytes]) -> None:
        """Look up objects, with the bases below them. Raises RemoteDamaged and what requests raise."""
        if new := set(ids) - self._looked_up:
            self._look_up(new, list(self._indexes))

    def depth(self, id_: bytes) -> int | None:
        """Return how many bases are below an object, None where the remote does not have it."""
        self.add([id_])
        return super().depth(id_)

    def find(self, ids: Iterable[bytes]) -> dict[bytes, RemoteObject]:
        """Return those of some objects that the remote has."""
        wanted = list(ids)
        self.add(wanted)
        return super().find(wanted)

    def of_pack(self, pack: str) -> Iterator[RemoteObject]:
        """Yield the objects that are defined in a pack, in its order."""
        index = self._of_pack.get(pack)
        if index and index.name not in self._whole:
            self._whole.add(index.name)
            self.add(id_ for head in index.packs for id_ in _ids(index, head))
        return super().of_pack(pack)

    def _reset(self) -> None:
        for table in ("remote_copy", "remote_object", "remote_pack"):
            self._catalog.rows(f"DELETE FROM {table}")
        for kept in (self._indexes, self._of_pack, self._looked_up, self._absent, self._whole):
            kept.clear()
        self._has_gaps = False

    def _take(self, name: str, columns: Columns, live: Collection[str]) -> None:
        index = _Index(name, columns.ids, [head for head in columns.packs if head.name in live])
        self._indexes[name] = index
        self._of_pack |= {head.name: index for head in index.packs}
        self._keep(name, columns)

    def _look_up(self, wanted: set[bytes], indexes: list[str]) -> None:
        """Find objects in some indexes, then the bases below them in all."""
        added: set[bytes] = set()
        while wanted:
            self._looked_up |= wanted
            missing = set(wanted)
            bases: set[bytes] = set()
            for name in indexes:
                if not missing:
                    break
                bases |= self._found(self._indexes[name], missing)
            self._absent |= missing
            added |= wanted - missing
            wanted, indexes = bases - self._looked_up, list(self._indexes)
        if added:
            self._count_depths()
            self._has_gaps |= bool(self.incomplete)

    def _found(self, index: _Index, missing: set[bytes]) -> set[bytes]:
        """Enter those of the missing objects that an index has, and take them out of the set; return their bases."""
        ids, rows, bases = index.ids, [], set[bytes]()
        numbers = [at // ID_BYTES for at in range(0, len(ids), ID_BYTES) if ids[at : at + ID_BYTES] in missing]
        if not numbers:
            return bases
        columns = self._columns(index.name)
        for head, number in _in_packs(index.packs, numbers):
            entry = self._entry(index, columns, head, number)
            if entry.id not in missing:
                continue
            missing.remove(entry.id)
            if entry.base:
                bases.add(entry.base)
            where = (head.name, entry.offset, entry.stored_bytes, entry.object_bytes, entry.base)
            rows.append((entry.id, entry.kind, *where, None if entry.base else 0, columns.digest(number)))
        pack = "(SELECT pack FROM remote_pack WHERE name = ?)"
        self._catalog.run_many(f"INSERT INTO remote_object VALUES (?, ?, {pack}, ?, ?, ?, ?, ?, ?)", rows)
        return bases

    def _entry(self, index: _Index, columns: Columns, head: PackHead, number: int) -> Entry:
        assert self._log is not None
        try:
            return columns.entry(head, number)
        except ValueError as error:
            raise RemoteDamaged(self._log.transport.url, f"index {index.name}: {error}") from error

    def _columns(self, name: str) -> Columns:
        """Return an index, which is read again where it was too long to stay in memory."""
        if name not in self._kept:
            assert self._log is not None
            (columns,) = self._log.columns([name])
            self._keep(name, columns)
            return columns
        self._kept[name] = columns = self._kept.pop(name)
        return columns

    def _keep(self, name: str, columns: Columns) -> None:
        self._kept[name] = columns
        self._kept_bytes += columns.bytes
        while len(self._kept) > 1 and self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= self._kept.pop(next(iter(self._kept))).bytes


def _ids(index: _Index, head: PackHead) -> Iterator[bytes]:
    return (index.ids[number * ID_BYTES : (number + 1) * ID_BYTES] for number in head.numbers)


def _in_packs(packs: list[PackHead], numbers: list[int]) -> Iterator[tuple[PackHead, int]]:
    """Yield the numbers of entries that are in one of the packs, both in order, with the pack."""
    rest = iter(packs)
    head = next(rest, None)
    for number in numbers:
        while head and number >= head.numbers.stop:
            head = next(rest, None)
        if head and number in head.numbers:
            yield head, number

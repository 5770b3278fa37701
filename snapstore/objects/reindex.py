"""Make the pack index anew from the packs themselves.

An object that several packs hold is found in one whose bytes are right, where there is one, with the shortest
chain of bases. Of a damaged pack the entries that can still be made out are taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress

from snapstore.files import reached, sync_folder
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import PackReader, pack_path
from snapstore.objects.pack_check import packs_in, salvage
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.progress import Progress
from snapstore.timestamps import at

_KEPT = "kept-"  # what the name of a pack begins with while it is on its way to its right one
_CANDIDATES = """
CREATE TEMP TABLE candidate (
  id BLOB, kind INTEGER, pack INTEGER, offset INTEGER, stored_bytes INTEGER, bytes INTEGER, base BLOB,
  depth INTEGER, whole INTEGER
)"""
_BEST = """
INSERT INTO object(id, kind, pack, offset, stored_bytes, bytes, base, depth)
SELECT id, kind, pack, offset, stored_bytes, bytes, base, depth FROM (
  SELECT *, row_number() OVER (PARTITION BY id ORDER BY whole DESC, depth, pack DESC) AS place FROM candidate
) WHERE place = 1 ORDER BY id"""
_DEEPER = """
UPDATE object SET depth = 1 + (SELECT depth FROM object AS base WHERE base.id = object.base)
WHERE depth <> 1 + (SELECT depth FROM object AS base WHERE base.id = object.base)"""


def index_packs(catalog: Catalog, folder: str, created: Mapping[str, str], progress: Progress) -> None:
    """Enter every pack and object, inside the caller's transaction; `created` are the times that are known."""
    catalog.rows(_CANDIDATES)
    names = packs_in(folder)
    progress.start("reading packs", sum(os.path.getsize(pack_path(folder, name)) for name in names))
    for name in names:
        with closing(PackReader(pack_path(folder, name))) as reader:
            time = created.get(name) or at(os.stat(reader.path).st_mtime_ns)
            catalog.rows("INSERT INTO pack(name, bytes, created) VALUES (?, ?, ?)", (name, reader.bytes, time))
            number = catalog.value("SELECT pack FROM pack WHERE name = ?", (name,))
            catalog.run_many("INSERT INTO candidate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _entries(reader, number))
            progress.advance(reader.bytes)
    catalog.rows(_BEST)
    catalog.rows("UPDATE object SET depth = 0 WHERE base IS NULL AND depth <> 0")
    for _ in range(MAX_DEPTH):
        catalog.rows(_DEEPER)
    catalog.rows("DROP TABLE candidate")


def put_right_names(folder: str) -> None:
    """Give packs whose bytes are whole the name those bytes give them: somebody moved or swapped files.

    Each has a name that ends in `.pack` at every moment, whenever this is cut short. Raises OSError.
    """
    wrong = {}
    for name in packs_in(folder):
        with closing(PackReader(pack_path(folder, name))) as reader, suppress(ValueError):
            if (right := reader.digest()) != name:
                wrong[name] = right
    if not wrong:
        return
    for name, right in wrong.items():
        with suppress(FileExistsError):
            os.link(pack_path(folder, name), pack_path(folder, _KEPT + right))
    reached("packs-kept")
    for right in set(wrong.values()):
        os.rename(pack_path(folder, _KEPT + right), pack_path(folder, right))
        reached("pack-renamed")
    for name in wrong.keys() - set(wrong.values()):
        with suppress(FileNotFoundError):
            os.unlink(pack_path(folder, name))
    sync_folder(folder)


def _entries(reader: PackReader, pack: int) -> Iterator[tuple[object, ...]]:
    whole = _is_whole(reader)
    for entry in reader.entries() if whole else salvage(reader):
        where = (int(entry.kind), pack, entry.offset, entry.stored_bytes, entry.object_bytes)
        yield (entry.id, *where, entry.base, entry.depth, int(whole))


def _is_whole(reader: PackReader) -> bool:
    try:
        reader.check()
        return sum(1 for _ in reader.entries()) == reader.entry_count()
    except ValueError:
        return False

"""Rebuilds the pack index from the packs.

Of an object that several packs have, a copy whose bases are all there is indexed, if possible in an intact pack, with
the shortest chain of bases. A pack left by an interrupted command may build on what was freed since. Of a damaged pack,
the entries that can still be read are used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress

from snapstore.files import reached, sync_folder
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import KEPT, PackReader, pack_path
from snapstore.objects.pack_check import packs_in, salvage
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.progress import Progress
from snapstore.timestamps import at

_CANDIDATES = """
CREATE TEMP TABLE candidate (
  id BLOB, kind INTEGER, pack INTEGER, offset INTEGER, stored_bytes INTEGER, bytes INTEGER, base BLOB,
  depth INTEGER, whole INTEGER
)"""
_BEST = """
INSERT INTO object(id, kind, pack, offset, stored_bytes, bytes, base, depth)
WITH RECURSIVE complete(id) AS (
  SELECT id FROM candidate WHERE base IS NULL
  UNION SELECT candidate.id FROM complete JOIN candidate ON candidate.base = complete.id
)
SELECT id, kind, pack, offset, stored_bytes, bytes, base, depth FROM (
  SELECT *, row_number() OVER (
    PARTITION BY id
    ORDER BY base IS NULL OR base IN (SELECT id FROM complete) DESC, whole DESC, depth, pack DESC
  ) AS place FROM candidate
) WHERE place = 1 ORDER BY id"""
_BROKEN = """
INSERT INTO broken
WITH RECURSIVE cut(id) AS (
  SELECT id FROM object AS one WHERE base IS NOT NULL AND NOT EXISTS (SELECT 1 FROM object WHERE id = one.base)
  UNION SELECT object.id FROM cut JOIN object ON object.base = cut.id
)
SELECT id FROM cut"""
_BASES_NEEDED = """
DELETE FROM broken WHERE id IN (
  WITH RECURSIVE chain(id) AS (
    SELECT base FROM object WHERE base IS NOT NULL AND id NOT IN (SELECT id FROM broken)
    UNION SELECT object.base FROM chain JOIN object USING (id) WHERE object.base IS NOT NULL
  )
  SELECT id FROM chain
)"""
_DEEPER = """
UPDATE object SET depth = 1 + (SELECT depth FROM object AS base WHERE base.id = object.base)
WHERE depth <> 1 + (SELECT depth FROM object AS base WHERE base.id = object.base)"""


def index_packs(catalog: Catalog, folder: str, created: Mapping[str, str], progress: Progress) -> None:
    """Enter every pack and object, inside the caller's transaction; `created` has the times that are known."""
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
    catalog.rows("CREATE INDEX temp.candidate_base ON candidate(base)")
    catalog.rows(_BEST)
    catalog.rows("UPDATE object SET depth = 0 WHERE base IS NULL AND depth <> 0")
    for _ in range(MAX_DEPTH):
        catalog.rows(_DEEPER)
    catalog.rows("DROP TABLE candidate")


def leave_out_unreadable(catalog: Catalog, needed: Iterable[bytes]) -> None:
    """Remove the objects whose bases are not all there, unless they are `needed`: then they are damage to be named.

    A writer that found one in the catalog would take it for stored, and build on it.
    """
    catalog.rows("CREATE TEMP TABLE broken (id BLOB PRIMARY KEY) WITHOUT ROWID")
    catalog.rows(_BROKEN)
    if catalog.value("SELECT 1 FROM broken LIMIT 1"):
        catalog.run_many("DELETE FROM broken WHERE id = ?", ((id_,) for id_ in needed))
        catalog.rows(_BASES_NEEDED)
        catalog.rows("DELETE FROM object WHERE id IN (SELECT id FROM broken)")
    catalog.rows("DROP TABLE broken")


def repair_pack_names(folder: str) -> None:
    """Rename intact packs to the digest of their bytes, in case somebody moved or swapped files.

    Each pack has a name that ends in `.pack` at every moment, even if a crash cuts this short. Raises OSError.
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
            os.link(pack_path(folder, name), pack_path(folder, KEPT + right))
    reached("packs-kept")
    for right in set(wrong.values()):
        os.rename(pack_path(folder, KEPT + right), pack_path(folder, right))
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

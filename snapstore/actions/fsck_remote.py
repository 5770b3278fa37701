"""Fsck of a remote: check that all can be pulled that its log lists; report every damage, and the tags it affects.

A quick check reads the log, the indexes, and what snapshots and manifests say, and lists the packs. A full one reads
every pack, too, and decodes every object along its chain. It changes nothing there, and runs beside pushes and prunes:
what was found while the log moved on is looked up again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing

from snapstore.errors import OtherProject, RemoteDamaged, RemoteRewound, RemoteUnsigned
from snapstore.locks import Deadline
from snapstore.objects.inspection import MOST_NAMED, OBJECT, PACK
from snapstore.objects.pack import ENTRY_BYTES, PackReader, pack_path
from snapstore.progress import SILENT, Progress
from snapstore.remotes import sweeping
from snapstore.remotes.contents import Contents
from snapstore.remotes.digest import digest, frame_digest
from snapstore.remotes.download import download_pack
from snapstore.remotes.entry import RemotePack
from snapstore.remotes.format import read_format
from snapstore.remotes.incoming import AT_ONCE, Incoming
from snapstore.remotes.index import MOST_BYTES, IndexedPack, decode
from snapstore.remotes.keys import index_key
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.log_check import check_log
from snapstore.remotes.needs import needs_of
from snapstore.remotes.parallel import in_order
from snapstore.remotes.state import RemoteState
from snapstore.remotes.transport import KeyMissing, ObjectGone
from snapstore.results.checks import Damage
from snapstore.results.remotes import LOG_FLAW, AffectedTags, RemoteChecked
from snapstore.store import Store

INDEX = "index"
_PACK = re.compile(r"pack ([0-9a-f]{64}): ")
_LOCK_SECONDS = 3600.0  # a pull may download for long
_TRIES = 3  # where the log moves on while something is found


def fsck_remote(store: Store, log: RemoteLog, *, full: bool = True, progress: Progress = SILENT) -> RemoteChecked:
    """Check a remote. Raises NotARemote, RemoteTooNew, DiskFull, and what requests raise."""
    project = read_format(log.transport).project
    tries = _TRIES
    while True:
        tries -= 1
        with log.cache.incoming(Deadline(_LOCK_SECONDS)) as folder:
            check = _Check(store, log, project, folder, full=full, progress=progress)
            found = check.run()
        if found.ok or not tries or check_log(log.transport, project).state.n == check.state.n:
            return found


class _Check:
    """One check; its methods stand in the order in which they run."""

    def __init__(
        self, store: Store, log: RemoteLog, project: str, folder: str, *, full: bool, progress: Progress
    ) -> None:
        self._store = store
        self._log = log
        self._project = project
        self._transport = log.transport
        self._folder = folder
        self._full = full
        self._progress = progress
        self.state = RemoteState()
        self._flaws: list[Damage] = []
        self._spoiled: dict[bytes, int] = {}
        self._affected: dict[str, set[int]] = {}

    def run(self) -> RemoteChecked:
        start, before = time.monotonic(), self._transport.traffic
        seen = self._log.cache.read()
        checked = check_log(self._transport, self._project, seen.state if seen else None)
        self.state = state = checked.state
        self._flaws = [Damage(what, detail) for what, detail in checked.flaws]
        try:
            self._log.read()
        except RemoteUnsigned as error:
            self._flaws.append(Damage(LOG_FLAW, error.message))
        except (RemoteDamaged, RemoteRewound, OtherProject) as error:
            self._flaws += [] if self._flaws else [Damage(LOG_FLAW, error.message)]
        found = sweeping.inventory(self._transport)
        self._check_list(found)
        with Contents(self._store.catalog) as contents:
            indexed = self._check_indexes(contents)
            with Incoming(self._folder, self._transport, contents, None, SILENT) as incoming:
                incoming.most_recent = 1024  # blocks of 64 KiB: most are the bases of later ones
                if self._full:
                    self._check_packs(contents, indexed)
                    self._check_objects(contents, incoming)
                self._check_tags(contents, incoming)
            objects = contents.count()
        orphans = found.orphans(state, 0.0, float("-inf")).values()
        condemned = [found.objects[name] for name in state.doomed() if name in found.objects]
        traffic = self._transport.traffic.since(before)
        return RemoteChecked(
            self._log.settings.name,
            self._transport.url,
            not self._flaws,
            tuple(self._damages()),
            tuple(self._affected_tags()),
            checked.entries,
            len(state.refs),
            len(state.packs),
            objects,
            sum(one.bytes for one in state.packs.values()),
            len(orphans),
            sum(one.bytes for one in orphans),
            len(condemned),
            sum(one.bytes for one in condemned),
            self._full,
            traffic.requests,
            traffic.received,
            time.monotonic() - start,
        )

    def _add(self, flaw: Damage, *objects: bytes) -> int:
        self._flaws.append(flaw)
        self._spoiled.update(dict.fromkeys(objects, len(self._flaws) - 1))
        return len(self._flaws) - 1

    def _check_list(self, found: sweeping.Inventory) -> None:
        """Check that every pack is there, with its length."""
        for pack in self.state.packs.values():
            listed = found.objects.get(pack.name)
            if listed is None:
                self._add(Damage(PACK, "it is missing", pack.name))
            elif listed.bytes != pack.bytes:
                detail = f"it has {listed.bytes:,} bytes and not {pack.bytes:,}, as the log says"
                self._add(Damage(PACK, detail, pack.name))

    def _check_indexes(self, contents: Contents) -> dict[str, IndexedPack]:
        """Read the indexes; return what they say about each pack that can be read."""
        self._progress.start("reading indexes", len(self.state.indexes()))
        bad = {flaw.pack: number for number, flaw in enumerate(self._flaws) if flaw.pack}
        indexed: dict[str, IndexedPack] = {}
        lists = []
        for index in self.state.indexes():
            lists.append(self._index(index))
            for one in lists[-1]:
                pack = self.state.packs.get(one.name)
                if pack is None or one.name in indexed or not self._fits(pack, one):
                    continue
                indexed[one.name] = one
                if (number := bad.get(one.name)) is not None:
                    self._spoiled.update((entry.id, number) for entry in one.entries)
            self._progress.advance(1)
        contents.fill(lists, indexed.keys())
        for name in self.state.packs.keys() - indexed.keys():
            self._add(Damage(INDEX, "its index does not have it, or cannot be read", name))
        if contents.incomplete:
            some = min(contents.incomplete)
            detail = f"{len(contents.incomplete):,} objects whose bases are missing"
            self._add(Damage(OBJECT, detail, None, some.hex()), *contents.incomplete)
        return indexed

    def _index(self, name: str) -> list[IndexedPack]:
        try:
            data = self._transport.get(index_key(name), MOST_BYTES)
            if digest(data) != name:
                raise ValueError("contents do not match its name")
            return decode(data)
        except (KeyMissing, ValueError) as error:
            detail = "is missing" if isinstance(error, KeyMissing) else str(error)
            self._add(Damage(INDEX, f"index {name}: {detail}"))
            return []

    def _fits(self, pack: RemotePack, found: IndexedPack) -> bool:
        return (pack.bytes, pack.objects) == (found.size, len(found.entries))

    def _check_packs(self, contents: Contents, indexed: dict[str, IndexedPack]) -> None:
        """Download every pack, and check all its bytes."""
        missing = {flaw.pack for flaw in self._flaws}
        packs = [one for name, one in indexed.items() if name not in missing]
        self._progress.start("downloading", sum(one.size for one in packs))
        for pack, problem in in_order(self._downloaded, packs, self._transport, at_once=AT_ONCE):
            defined = {one.id for one in contents.of_pack(pack.name)}
            if problem:
                self._add(Damage(PACK, problem, pack.name), *defined)
            else:
                self._check_entries(pack, defined)
            self._progress.advance(pack.size)

    def _downloaded(self, pack: IndexedPack) -> tuple[IndexedPack, str | None]:
        try:
            download_pack(self._transport, self._folder, pack.name, pack.size, None)
        except ObjectGone:
            return pack, "it is missing"
        except RemoteDamaged as error:
            return pack, error.detail
        return pack, None

    def _check_entries(self, pack: IndexedPack, defined: set[bytes]) -> None:
        """Check the entries of a pack against its index."""
        with closing(PackReader(pack_path(self._folder, pack.name))) as reader:
            wrong = [
                entry.id
                for entry, expected in zip(pack.entries, pack.digests, strict=True)
                if frame_digest(reader.read(entry.offset - ENTRY_BYTES, ENTRY_BYTES + entry.stored_bytes)) != expected
            ]
        for id_ in wrong[:MOST_NAMED]:
            self._add(Damage(OBJECT, "it is not what the index says", pack.name, id_.hex()), *({id_} & defined))
        if len(wrong) > MOST_NAMED:
            rest = defined.intersection(wrong[MOST_NAMED:])
            self._add(Damage(OBJECT, "more of its objects are not what the index says", pack.name), *rest)

    def _check_objects(self, contents: Contents, incoming: Incoming) -> None:
        """Decode every object along its chain; one whose base is damaged is so, too."""
        packs = [pack for pack in self.state.packs if pack not in {flaw.pack for flaw in self._flaws}]
        self._progress.start("checking objects", contents.count())
        for pack in packs:
            rows = list(contents.of_pack(pack))
            for one in rows:
                try:
                    if not self._is_spoiled(one.id, contents):
                        incoming.fetch([one.id])
                        incoming.read(one.id)
                except (RemoteDamaged, ObjectGone) as error:
                    self._add(_damage(error, one.id.hex(), pack), one.id)
            self._progress.advance(len(rows))

    def _is_spoiled(self, id_: bytes, contents: Contents) -> bool:
        """Return whether an object, or one of its bases, is damaged; note which flaw it is."""
        chain, at = [], id_
        while at not in self._spoiled:
            chain.append(at)
            found = contents.find([at]).get(at)
            if found is None or found.base is None:
                return False
            at = found.base
        self._spoiled.update(dict.fromkeys(chain, self._spoiled[at]))
        return True

    def _check_tags(self, contents: Contents, incoming: Incoming) -> None:
        """Check that all is there, and intact, that the tags need."""
        snapshots = {ref.snapshot for ref in self.state.refs.values()}
        self._progress.start("checking tags", len(snapshots))
        for snapshot in sorted(snapshots):
            flaws = set(self._flaws_of(snapshot, contents, incoming))
            if flaws:
                self._affected[snapshot] = flaws
            self._progress.advance(1)

    def _flaws_of(self, snapshot: str, contents: Contents, incoming: Incoming) -> Iterator[int]:
        id_ = bytes.fromhex(snapshot)
        if id_ in self._spoiled:
            yield self._spoiled[id_]
            return
        try:
            needs = needs_of(incoming, [snapshot], self._transport.url)
        except (RemoteDamaged, ObjectGone) as error:
            yield from self._known(str(error)) or [self._add(_damage(error, snapshot), id_)]
            return
        needed = needs.heads | needs.blocks
        missing = needed - contents.find(needed).keys() - self._spoiled.keys()
        if missing:
            detail = f"{len(missing):,} objects are in no index" if len(missing) > 1 else "it is in no index"
            self._add(Damage(OBJECT, detail, None, min(missing).hex()), *missing)
        yield from {self._spoiled[one] for one in needed if one in self._spoiled}

    def _known(self, text: str) -> set[int]:
        """Return the flaws that are known already of what an error names."""
        named = {self._spoiled[id_] for id_ in self._spoiled if id_.hex() in text}
        return named | {number for number, flaw in enumerate(self._flaws) if flaw.pack and flaw.pack in text}

    def _damages(self) -> Iterator[Damage]:
        for number, flaw in enumerate(self._flaws):
            affected = sorted(snapshot for snapshot, flaws in self._affected.items() if number in flaws)
            yield Damage(flaw.what, flaw.detail, flaw.pack, flaw.object, tuple(affected))

    def _affected_tags(self) -> Iterator[AffectedTags]:
        for snapshot in sorted(self._affected):
            names = sorted(name for name, ref in self.state.refs.items() if ref.snapshot == snapshot)
            yield AffectedTags(snapshot, tuple(names))


def _damage(error: RemoteDamaged | ObjectGone, object_: str, pack: str | None = None) -> Damage:
    """Return what an error says about an object (hex), and the pack that it names."""
    if isinstance(error, ObjectGone):
        return Damage(PACK, "it is missing", error.name, object_)
    found = _PACK.match(error.detail)
    return Damage(OBJECT, error.detail, found[1] if found else pack, object_)

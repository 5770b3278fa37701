"""What snapshots of a remote need, as their own objects say; those are downloaded first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from snapstore.errors import RemoteDamaged
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import Snapshot
from snapstore.ids import ID_BYTES
from snapstore.objects.pack import Kind
from snapstore.remotes.foreign import decode_foreign
from snapstore.remotes.incoming import Incoming


class Needs(NamedTuple):
    """Some snapshots by id in hex; their ids and those of their manifests; the ids of all blocks."""

    snapshots: dict[str, Snapshot]
    heads: set[bytes]
    blocks: set[bytes]

    @property
    def kinds(self) -> dict[bytes, int]:
        """The kind of each object, by id."""
        heads = dict.fromkeys(self.heads, Kind.MANIFEST)
        snapshots = dict.fromkeys(map(bytes.fromhex, self.snapshots), Kind.SNAPSHOT)
        return dict.fromkeys(self.blocks, Kind.BLOCK) | heads | snapshots


def needs_of(incoming: Incoming, wanted: Iterable[str], url: str) -> Needs:
    """Download snapshots (hex) and their manifests; return them, and what they need.

    Raises RemoteDamaged, ObjectGone, DiskFull and what requests raise.
    """
    snapshots = read_snapshots(incoming, wanted, url)
    manifests, trees = set[bytes](), set[bytes]()
    for one in snapshots.values():
        manifests |= {entry.manifest for entry in one.databases.values()}
        trees |= {record.manifest for record in one.files.values()}
    incoming.fetch(manifests | trees)
    blocks: set[bytes] = set()
    for id_ in manifests | trees:
        try:
            blocks |= blocks_of(incoming.read(id_), is_tree=id_ in trees)
        except ValueError as error:
            raise RemoteDamaged(url, f"manifest {id_.hex()}: {error}") from error
    return Needs(snapshots, {*map(bytes.fromhex, snapshots), *manifests, *trees}, blocks)


def read_snapshots(incoming: Incoming, wanted: Iterable[str], url: str) -> dict[str, Snapshot]:
    """Download snapshots; return them by id in hex. Raises what `needs_of` raises."""
    ids = {bytes.fromhex(one) for one in wanted}
    incoming.fetch(ids)
    found = {}
    for id_ in ids:
        try:
            found[id_.hex()] = decode_foreign(incoming.read(id_))
        except ValueError as error:
            raise RemoteDamaged(url, f"snapshot {id_.hex()}: {error}") from error
    return found


def blocks_of(data: bytes, *, is_tree: bool) -> set[bytes]:
    """Return the ids of the blocks in the manifest of a database, or of a tree. Raises ValueError."""
    if is_tree:
        from snapstore.trees.manifest import TreeManifest  # few projects have files

        return TreeManifest.decode(data).block_ids()
    ids = Manifest.decode(data).block_ids
    return {ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)}

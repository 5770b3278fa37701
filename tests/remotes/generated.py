"""Made-up packs, entries and states of a remote, for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.pack import Kind, PackBuilder
from snapstore.remotes.digest import frame_digest
from snapstore.remotes.entry import LogEntry, Move, RemotePack
from snapstore.remotes.export import ExportPack
from snapstore.remotes.index import IndexedPack
from snapstore.remotes.state import Position, RemoteRef, RemoteState

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
IDS = st.binary(min_size=16, max_size=16).map(bytes.hex)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}(/[a-z][a-z0-9]{0,5}){0,2}", fullmatch=True)
NUMBERS = st.integers(0, (1 << 62) - 1)
PACKS = st.builds(RemotePack, DIGESTS, NUMBERS, NUMBERS, DIGESTS)
MOVES = st.builds(Move, st.none() | IDS, st.none() | IDS, TEXTS, st.booleans())
ENTRIES = st.builds(
    LogEntry,
    n=st.integers(1, 1 << 40),
    prev=st.just("") | DIGESTS,
    nonce=IDS,
    at=TEXTS,
    by=TEXTS,
    tool=TEXTS,
    refs=st.dictionaries(NAMES, MOVES, max_size=3),
    packs=st.lists(PACKS, max_size=3).map(tuple),
    condemned=st.lists(DIGESTS, max_size=2).map(tuple),
    dropped=st.lists(DIGESTS, max_size=2).map(tuple),
    project=TEXTS,
    forgotten=st.lists(DIGESTS, max_size=2).map(tuple),
)
POSITIONS = st.lists(st.builds(Position, NUMBERS, st.none() | IDS, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple)
STATES = st.builds(
    RemoteState,
    n=st.integers(1, 1 << 40),
    digest=DIGESTS,
    refs=st.dictionaries(NAMES, st.builds(RemoteRef, IDS, TEXTS, st.booleans(), POSITIONS), max_size=3),
    gone=st.dictionaries(NAMES, POSITIONS, max_size=3),
    packs=st.lists(PACKS, max_size=3).map(lambda packs: {one.name: one for one in packs}),
    condemned=st.dictionaries(DIGESTS, NUMBERS, max_size=2),
    at=TEXTS,
    project=TEXTS,
    dropped=st.dictionaries(DIGESTS, NUMBERS, max_size=2),
)


@st.composite
def export_packs(draw: st.DrawFn) -> ExportPack:
    """Make a pack of small objects, each upon an earlier one or alone."""
    builder, digests, ids = PackBuilder(), list[bytes](), list[bytes]()
    for data in draw(st.lists(st.binary(max_size=40), max_size=6, unique=True)):
        base = draw(st.none() | st.sampled_from(ids)) if ids else None
        kind, depth = draw(st.sampled_from(Kind.ALL)), draw(st.integers(0, 255))
        ids.append(object_id(data))
        digests.append(frame_digest(builder.add(kind, ids[-1], base, depth, len(data), codec.compress(data))))
    name, data = builder.finish()
    return ExportPack(name, data, IndexedPack(name, len(data), builder.entries, digests))

"""The objects of a remote, to the byte: what is written is read back, and what is damaged raises ValueError alone."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapstore.errors import NotARemote, RemoteDamaged, RemoteTooNew
from snapstore.objects import codec
from snapstore.objects.pack import ENTRY_BYTES, PackBuilder, PackReader, pack_path
from snapstore.remotes.contents import RemoteObject
from snapstore.remotes.digest import digest, frame_digest
from snapstore.remotes.entry import LogEntry, Move, RemotePack
from snapstore.remotes.export import ExportPack, salted
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.format import Format, read_format
from snapstore.remotes.incoming import _GAP_BYTES, _joined
from snapstore.remotes.index import IndexedPack, decode, encode
from snapstore.remotes.keys import index_key, is_digest, log_key, number_of, pack_key, state_key
from snapstore.remotes.state import Position, RemoteRef, RemoteState
from tests.remotes.generated import DIGESTS, ENTRIES, STATES, export_packs

A, B, C = "a1" * 32, "b2" * 32, "c3" * 32
ONE, TWO = "11" * 16, "22" * 16
ENTRY = LogEntry(
    n=2,
    prev=A,
    nonce="0f" * 16,
    at="2026-01-31T12:00:00.000Z",
    by="anna@laptop",
    tool="snapstore 1.0",
    refs={"baseline": Move(ONE, TWO, "größer", pinned=True), "old": Move(ONE, None)},
    packs=(RemotePack(B, 1234, 5, C),),
    condemned=(A,),
    dropped=(C,),
    forgotten=(B,),
    project="shop",
)
ENTRY_LINE = (
    f'{{"at":"2026-01-31T12:00:00.000Z","by":"anna@laptop","condemned":["{A}"],"dropped":["{C}"],'
    f'"forgotten":["{B}"],"format":1,"n":2,"nonce":"{"0f" * 16}",'
    f'"packs":[{{"bytes":1234,"idx":"{C}","name":"{B}","objects":5}}],"prev":"{A}",'
    f'"project":"shop",'
    f'"refs":{{"baseline":{{"from":"{ONE}","message":"gr\\u00f6\\u00dfer","pinned":true,"to":"{TWO}"}},'
    f'"old":{{"from":"{ONE}","message":"","pinned":false,"to":null}}}},"tool":"snapstore 1.0"}}\n'
)
STATE = RemoteState(
    7,
    A,
    {"baseline": RemoteRef(TWO, "new", True, (Position(7, TWO, "then", "anna@laptop", "new"),))},
    {"old": (Position(6, None, "", ""), Position(5, ONE, "", ""))},
    {B: RemotePack(B, 1234, 5, C)},
    {A: 6},
    {C: 7},
    at="then",
    project="shop",
)
STATE_LINE = (
    f'{{"at":"then","condemned":{{"{A}":6}},"digest":"{A}","dropped":{{"{C}":7}},"format":1,'
    f'"gone":{{"old":[[6,null,"","",""],[5,"{ONE}","","",""]]}},'
    f'"n":7,"packs":[{{"bytes":1234,"idx":"{C}","name":"{B}","objects":5}}],'
    f'"project":"shop","refs":{{"baseline":{{"message":"new",'
    f'"pinned":true,"positions":[[7,"{TWO}","then","anna@laptop","new"]],"snapshot":"{TWO}"}}}}}}\n'
)
DECODERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "entry": (LogEntry.decode, ENTRY.encode()),
    "state": (RemoteState.decode, STATE.encode()),
}


def test_an_entry_is_a_line_of_json() -> None:
    assert ENTRY.encode() == ENTRY_LINE.encode("ascii")


def test_a_checkpoint_is_a_line_of_json() -> None:
    assert STATE.encode() == STATE_LINE.encode("ascii")


@given(ENTRIES, st.binary(max_size=20))
@settings(deadline=None)
def test_an_entry_comes_back_whatever_follows_it(entry: LogEntry, signature: bytes) -> None:
    assert LogEntry.decode(entry.encode() + signature) == entry


@given(STATES)
@settings(deadline=None)
def test_a_checkpoint_comes_back(state: RemoteState) -> None:
    back = RemoteState.decode(state.encode())
    assert back == state
    assert list(back.packs) == list(state.packs)


@pytest.mark.parametrize("kind", DECODERS)
def test_a_line_that_is_cut_short_is_refused(kind: str) -> None:
    read, whole = DECODERS[kind]
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="cut short"):
            read(whole[:end])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | DIGESTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5) | DIGESTS, inner, max_size=2),
    max_leaves=5,
)


def places(record: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a document."""
    inner = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    return [path, *(found for key, value in inner for found in places(value, (*path, key)))]


@pytest.mark.parametrize("kind", DECODERS)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_another_value_in_a_line_is_read_or_raises_value_error(kind: str, data: st.DataObject) -> None:
    read, whole = DECODERS[kind]
    document = json.loads(whole)
    *path, last = data.draw(st.sampled_from(places(document)[1:]))
    inside = document
    for key in path:
        inside = inside[key]
    if isinstance(inside, dict) and data.draw(st.booleans()):
        del inside[last]
    else:
        inside[last] = data.draw(JSON)
    with suppress(ValueError):
        found = read(json.dumps(document).encode() + b"\n")
        found.encode()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", DECODERS)
@given(at=st.integers(0, 10_000), value=st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_in_a_line_is_read_or_raises_value_error(kind: str, at: int, value: int) -> None:
    read, whole = DECODERS[kind]
    damaged = bytearray(whole)
    damaged[at % len(whole)] ^= value
    with suppress(ValueError):
        read(bytes(damaged))


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize(
    "line",
    [
        *(b"\n", b"[]\n", b"1\n", b"{}\n", b"\xff\n", b"[" * 100_000 + b"\n"),
        *(b'{"format":2}\n', b'{"format":true}\n', b'{"format":1,"n":' + b"9" * 5000 + b"}\n"),
    ],
    ids=lambda line: ascii(line[:10]),
)
def test_a_line_of_something_else_is_refused(kind: str, line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        DECODERS[kind][0](line)


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/../b", "a\0b", "HEAD", "a b", "x" * 300, "-option", "a\nb"], ids=ascii
)
def test_a_tag_that_could_not_be_made_here_is_refused(name: str) -> None:
    for line, key in ((ENTRY_LINE, "refs"), (STATE_LINE, "refs"), (STATE_LINE, "gone")):
        document = json.loads(line)
        document[key] = {name: next(iter(document[key].values()))}
        read = LogEntry.decode if line is ENTRY_LINE else RemoteState.decode
        with pytest.raises(ValueError, match="not allowed"):
            read(json.dumps(document).encode() + b"\n")


@pytest.mark.parametrize("key", ["at", "by", "tool", "message"])
def test_text_that_cannot_be_stored_is_refused(key: str) -> None:
    document = json.loads(ENTRY_LINE)
    (document["refs"]["baseline"] if key == "message" else document)[key] = "half \ud800"
    with pytest.raises(ValueError, match=key):
        LogEntry.decode(json.dumps(document).encode() + b"\n")


def test_an_index_has_the_columns_that_are_documented() -> None:
    pack = small_pack()
    one, two = pack.indexed.entries
    assert codec.decompress_bounded(encode([pack.indexed]), 1 << 20) == b"".join(
        (
            struct.pack(">8sIII", b"SNAPINDX", 1, 1, 2),
            struct.pack(">32sQI", bytes.fromhex(pack.name), len(pack.data), 2),
            bytes([2, 1]),
            bytes([0, 3]),
            struct.pack(">2I", 5, 4),
            struct.pack(">2I", one.stored_bytes, two.stored_bytes),
            bytes.fromhex(ONE + TWO),
            bytes(16) + bytes.fromhex(ONE),
            *(hashlib.blake2b(entry_bytes(pack, at), digest_size=16).digest() for at in range(2)),
        )
    )


def small_pack() -> ExportPack:
    """Return a pack of a manifest and of a block upon it, whose ids are made up."""
    builder = PackBuilder()
    written = [
        builder.add(2, bytes.fromhex(ONE), None, 0, 5, codec.compress(b"first")),
        builder.add(1, bytes.fromhex(TWO), bytes.fromhex(ONE), 3, 4, codec.compress(b"next")),
    ]
    name, data = builder.finish()
    return ExportPack(name, data, IndexedPack(name, len(data), builder.entries, list(map(frame_digest, written))))


def entry_bytes(pack: ExportPack, number: int) -> bytes:
    entry = pack.indexed.entries[number]
    return pack.data[entry.offset - ENTRY_BYTES : entry.offset + entry.stored_bytes]


def test_a_pack_that_is_made_in_memory_is_one_of_a_store(tmp_path: Path) -> None:
    pack = small_pack()
    Path(pack_path(str(tmp_path), pack.name)).write_bytes(pack.data)
    with closing(PackReader(pack_path(str(tmp_path), pack.name))) as reader:
        reader.check()
        assert list(reader.entries()) == pack.indexed.entries
        assert reader.entry_count() == 2
    assert pack.name == hashlib.blake2b(pack.data[:-32], digest_size=32).hexdigest() == pack.data[-32:].hex()


@given(st.lists(export_packs(), max_size=3, unique_by=lambda pack: pack.name))
@settings(deadline=None)
def test_an_index_comes_back(packs: list[ExportPack]) -> None:
    back = decode(encode([one.indexed for one in packs]))
    assert back == [one.indexed for one in packs]


@given(st.lists(export_packs(), min_size=1, max_size=2, unique_by=lambda pack: pack.name), st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_index_is_read_or_raises_value_error(packs: list[ExportPack], data: st.DataObject) -> None:
    frame = encode([one.indexed for one in packs])
    columns = bytearray(codec.decompress_bounded(frame, 1 << 20))
    columns[data.draw(st.integers(0, len(columns) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):
        decode(codec.compress(bytes(columns)))
    damaged = bytearray(frame)
    damaged[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):
        decode(bytes(damaged))


@given(export_packs())
@settings(max_examples=20, deadline=None)
def test_an_index_that_is_cut_short_is_refused(pack: ExportPack) -> None:
    frame = encode([pack.indexed])
    columns = codec.decompress_bounded(frame, 1 << 20)
    for shorter in (frame[:-1], frame[: len(frame) // 2], b"", codec.compress(columns[:-1]), codec.compress(b"")):
        with pytest.raises(ValueError, match=r"."):
            decode(shorter)


@given(export_packs())
@settings(max_examples=50, deadline=None)
def test_a_salted_pack_has_the_same_objects_and_one_more(pack: ExportPack) -> None:
    one = salted(pack)
    assert len({pack.name, one.name, salted(one).name}) == 3
    assert salted(pack) == one
    *same, salt = one.indexed.entries
    assert same == list(pack.indexed.entries)
    assert [entry_bytes(one, at) for at in range(len(same))] == [entry_bytes(pack, at) for at in range(len(same))]
    assert one.indexed.digests[:-1] == pack.indexed.digests
    assert salt.base is None
    assert decode(encode([one.indexed])) == [one.indexed]
    assert digest(one.data[:-32]) == one.name


@given(st.integers(0, (1 << 64) - 2), st.integers(0, (1 << 64) - 2))
def test_keys_are_in_the_order_of_entries(one: int, other: int) -> None:
    assert (log_key(one) < log_key(other)) == (one < other)
    assert (state_key(one) < state_key(other)) == (one > other)
    assert number_of(log_key(one)) == number_of(state_key(one)) == one


def test_keys_are_those_that_are_documented() -> None:
    assert log_key(26) == "log/000000000000001a"
    assert state_key(26) == "state/ffffffffffffffe5"
    assert (index_key(A), pack_key(A)) == (f"index/{A}.idx", f"packs/{A}.pack")


@pytest.mark.parametrize(
    "key",
    [
        *("log", "log/1", "log/000000000000001A", "log/000000000000001a\n", "log/000000000000001a.tmp"),
        *("x/000000000000001a", "index/000000000000001a", "log/.000000000000001", "log/\u066000000000000001a"),
    ],
    ids=ascii,
)
def test_other_keys_have_no_number(key: str) -> None:
    assert number_of(key) is None


@given(st.text(st.sampled_from("abcf0189AG\n\u0660"), min_size=63, max_size=65) | DIGESTS)
def test_a_digest_is_64_small_hex_digits(text: str) -> None:
    assert is_digest(text) == (len(text) == 64 and not text.strip("0123456789abcdef"))


@given(st.lists(st.tuples(st.integers(0, 3 * _GAP_BYTES), st.integers(1, _GAP_BYTES)), min_size=1, max_size=12))
def test_ranges_hold_their_objects_and_no_wide_gap(gaps: list[tuple[int, int]]) -> None:
    objects, end = [], 16
    for number, (gap, stored) in enumerate(gaps):
        offset = end + gap + ENTRY_BYTES
        end = offset + stored
        objects.append(RemoteObject(bytes([number]) * 16, 1, A, offset, stored, stored, None, 0, bytes(16)))
    ranges = _joined(A, objects)
    assert [one for part in ranges for one in part.objects] == objects
    for part in ranges:
        assert part.start == part.objects[0].offset - ENTRY_BYTES
        assert part.end == part.objects[-1].offset + part.objects[-1].stored_bytes
        assert all(b.offset - a.offset - a.stored_bytes - ENTRY_BYTES < _GAP_BYTES for a, b in pairwise(part.objects))
    assert all(after.start - before.end >= _GAP_BYTES for before, after in pairwise(ranges))


def remote_of(folder: Path, data: bytes) -> FolderTransport:
    (folder / "format").write_bytes(data)
    return FolderTransport(os.fspath(folder))


def test_the_format_says_project_and_features(tmp_path: Path) -> None:
    data = Format("my shop").encode()
    assert data == b"snapstore-remote 1\nproject my shop\nfeatures \n"
    assert read_format(remote_of(tmp_path, data)) == Format("my shop")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotARemote),
        (b"<html>", NotARemote),
        (b"snapstore 1\n", NotARemote),
        (b"snapstore-remote 2\nproject shop\nfeatures \n", RemoteTooNew),
        (b"snapstore-remote 1\nproject shop\nfeatures encrypted\n", RemoteTooNew),
        (b"snapstore-remote 1\nfeatures \n", RemoteDamaged),
        (b"snapstore-remote 1\nproject \nfeatures \n", RemoteDamaged),
        (b"snapstore-remote 1\nproject a\x1b[31m\nfeatures \n", RemoteDamaged),
        (b"snapstore-remote 1\nproject \xff\n", RemoteDamaged),
        (b"snapstore-remote 1\n" + b"x" * 5000, RemoteDamaged),
    ],
    ids=lambda value: ascii(value[:30]) if isinstance(value, bytes) else "",
)
def test_another_format_is_refused(tmp_path: Path, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_format(remote_of(tmp_path, data))

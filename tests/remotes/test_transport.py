"""What every transport has to do, over a folder, SeaweedFS and Azurite."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from snapstore.remotes.keys import log_key, pack_key
from snapstore.remotes.probe import probe
from snapstore.remotes.transport import KeyExists, KeyMissing, Transport

KEY = log_key(1)


def downloaded(transport: Transport, key: str, size: int, folder: Path) -> tuple[bytes, int]:
    """Return what a download writes, and the bytes that it reports."""
    counted: list[int] = []
    fd = os.open(folder / "downloaded", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        transport.download(key, fd, size, counted.append)
        return os.pread(fd, size + 1, 0), sum(counted)
    finally:
        os.close(fd)


@pytest.mark.parametrize("size", [0, 1, 5000, (1 << 20) - 1, 1 << 20, (3 << 20) + 7])
def test_what_was_created_is_read(transport: Transport, size: int, tmp_path: Path) -> None:
    data = random.Random(size).randbytes(size)
    transport.put_new(KEY, data)
    assert transport.get(KEY, size) == data
    assert downloaded(transport, KEY, size, tmp_path) == (data, size)
    assert transport.head(KEY).bytes == size


def test_a_whole_pack_is_read(transport: Transport, tmp_path: Path) -> None:
    key, data = pack_key("0" * 64), random.Random(1).randbytes(16 << 20)
    transport.put_new(key, data)
    assert downloaded(transport, key, len(data), tmp_path) == (data, len(data))


def test_nothing_is_created_twice(transport: Transport) -> None:
    transport.put_new(KEY, b"first")
    for data in (b"second", b"first", b""):
        with pytest.raises(KeyExists):
            transport.put_new(KEY, data)
    assert transport.get(KEY, 100) == b"first"


def test_what_is_missing_is_reported(transport: Transport, tmp_path: Path) -> None:
    for present in (False, True):
        if present:
            transport.put_new(log_key(2), b"data")
        with pytest.raises(KeyMissing):
            transport.get(KEY, 100)
        with pytest.raises(KeyMissing):
            transport.get_range(KEY, 0, 1)
        with pytest.raises(KeyMissing):
            transport.head(KEY)
        with pytest.raises(KeyMissing):
            downloaded(transport, KEY, 4, tmp_path)


def test_an_object_that_is_too_long_is_not_read(transport: Transport) -> None:
    transport.put_new(KEY, b"12345")
    assert transport.get(KEY, 5) == b"12345"
    before = transport.traffic
    with pytest.raises(ValueError, match="has 5 bytes"):
        transport.get(KEY, 4)
    assert transport.traffic.since(before).received == 0


def test_a_download_of_another_length_is_refused(transport: Transport, tmp_path: Path) -> None:
    transport.put_new(KEY, b"12345")
    for size in (0, 4, 6, 100):
        with pytest.raises(ValueError, match="does not have"):
            downloaded(transport, KEY, size, tmp_path)


@pytest.mark.parametrize(("start", "length"), [(0, 0), (0, 1), (3, 4), (0, 10), (9, 1), (10, 0)])
def test_ranges_are_read(transport: Transport, start: int, length: int) -> None:
    transport.put_new(KEY, b"0123456789")
    assert transport.get_range(KEY, start, length) == b"0123456789"[start : start + length]


@pytest.mark.parametrize(("start", "length"), [(0, 11), (9, 2), (10, 1), (500, 1)])
def test_a_range_past_the_end_is_refused(transport: Transport, start: int, length: int) -> None:
    transport.put_new(KEY, b"0123456789")
    with pytest.raises(ValueError, match="ends"):
        transport.get_range(KEY, start, length)


def test_a_large_range_is_read(transport: Transport) -> None:
    data = random.Random(2).randbytes(4 << 20)
    transport.put_new(KEY, data)
    assert transport.get_range(KEY, 1, 3 << 20) == data[1 : (3 << 20) + 1]


def test_a_list_is_in_order_and_whole(transport: Transport) -> None:
    numbers = list(range(1, 2102))
    random.Random(3).shuffle(numbers)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: transport.put_new(log_key(number), b"x" * (number % 7)), numbers))
    listed = list(transport.list_after("log/"))
    assert [one.key for one in listed] == [log_key(number) for number in range(1, 2102)]
    assert [one.bytes for one in listed] == [number % 7 for number in range(1, 2102)]
    assert all(abs(one.modified - time.time()) < 3600 for one in listed)
    for after in (0, 1, 1100, 2099, 2100, 2101):
        found = [one.key for one in transport.list_after("log/", log_key(after))]
        assert found == [log_key(number) for number in range(after + 1, 2102)], after


def test_a_list_has_its_prefix_alone(transport: Transport) -> None:
    for key in ("format", "log/1", "log/2", "log/20", "log/3", "logs/4", "state/5"):
        transport.put_new(key, b"")
    assert [one.key for one in transport.list_after("log/")] == ["log/1", "log/2", "log/20", "log/3"]
    assert [one.key for one in transport.list_after("log/2")] == ["log/2", "log/20"]
    assert [one.key for one in transport.list_after("log/", "log/2")] == ["log/20", "log/3"]
    assert [one.key for one in transport.list_after("state/")] == ["state/5"]
    assert [one.key for one in transport.list_after("packs/")] == []
    assert [one.key for one in transport.list_after("")] == ["format"]


def test_a_list_that_is_not_read_to_its_end_costs_one_request(transport: Transport) -> None:
    for number in (1, 2, 3):
        transport.put_new(log_key(number), b"")
    before = transport.traffic
    assert next(iter(transport.list_after("log/"))).key == log_key(1)
    assert transport.traffic.since(before).requests == 1


def test_objects_are_deleted(transport: Transport) -> None:
    for number in range(1, 6):
        transport.put_new(log_key(number), b"x")
    transport.delete([log_key(2), log_key(9), log_key(4)])
    assert [one.key for one in transport.list_after("log/")] == [log_key(1), log_key(3), log_key(5)]
    transport.delete([log_key(2)])
    transport.delete([])
    transport.put_new(log_key(2), b"again")
    assert transport.get(log_key(2), 10) == b"again"


def test_of_those_that_create_at_once_one_wins(transport: Transport) -> None:
    def create(key: str, who: int) -> int | None:
        try:
            transport.put_new(key, b"%d" % who)
        except KeyExists:
            return None
        return who

    keys = [log_key(number) for number in range(1, 41)]
    with ThreadPoolExecutor(64) as pool:  # eight keys at a time: SeaweedFS lets a loser wait for seconds
        races = [[pool.submit(create, key, who) for who in range(8)] for key in keys]
        for key, race in zip(keys, races, strict=True):
            winners = [who for one in race if (who := one.result()) is not None]
            assert [b"%d" % who for who in winners] == [transport.get(key, 10)]


def test_traffic_is_counted(transport: Transport, tmp_path: Path) -> None:
    transport.put_new(KEY, b"x" * 1000)
    transport.get(KEY, 1000)
    transport.get_range(KEY, 0, 10)
    downloaded(transport, KEY, 1000, tmp_path)
    list(transport.list_after("log/"))
    assert transport.traffic == (5, 1000, 2010)


def test_the_probe_finds_all_that_is_needed(transport: Transport) -> None:
    transport.put_new("format", b"snapstore-remote 1\n")
    found = probe(transport)
    assert found[:4] == (True, True, True, True)
    assert found.clock_offset_seconds is None or abs(found.clock_offset_seconds) < 60
    assert transport.get("format", 100) == b"snapstore-remote 1\n"

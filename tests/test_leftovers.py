"""Temporary files: what nobody holds goes, and a file that is being created never does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from snapstore.leftovers import abandoned, create_claimed, sweep


@pytest.fixture
def names(tmp_path: Path) -> Iterator[str]:
    """Return names of temporary files, one after the other."""
    return (os.fspath(tmp_path / f".1-{number:08x}.snap-tmp") for number in count())


def create(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def test_a_file_that_is_swept_before_it_is_locked_is_created_again(tmp_path: Path, names: Iterator[str]) -> None:
    def create_and_sweep(path: str) -> int:
        fd = create(path)
        if path.endswith("0.snap-tmp"):
            assert sweep(os.fspath(tmp_path)) == (os.path.basename(path),)
        return fd

    fd, path = create_claimed(lambda: next(names), create_and_sweep)
    assert os.path.samestat(os.fstat(fd), os.stat(path))
    assert sweep(os.fspath(tmp_path)) == ()
    assert os.listdir(tmp_path) == [os.path.basename(path)]
    os.close(fd)


def test_a_file_that_a_sweep_looks_at_is_left_to_it(tmp_path: Path, names: Iterator[str]) -> None:
    held: list[int] = []

    def create_under_a_sweep(path: str) -> int:
        fd = create(path)
        if not held:  # a sweep has it locked, and is about to remove it
            held.append(os.open(path, os.O_RDONLY))
            fcntl.flock(held[0], fcntl.LOCK_EX)
        return fd

    fd, path = create_claimed(lambda: next(names), create_under_a_sweep)
    assert path.endswith("1.snap-tmp")
    assert abandoned(os.fspath(tmp_path)) == []
    assert os.listdir(tmp_path) == [os.path.basename(path)]
    os.close(held[0])
    os.close(fd)


def test_what_nobody_holds_goes_and_nothing_else(tmp_path: Path, names: Iterator[str]) -> None:
    fd, mine = create_claimed(lambda: next(names), create)
    left, others = next(names), tmp_path / "notes.snap-tmp"
    os.close(create(left))
    others.touch()
    assert abandoned(os.fspath(tmp_path)) == [os.path.basename(left)]
    assert sweep(os.fspath(tmp_path)) == (os.path.basename(left),)
    assert sorted(os.listdir(tmp_path)) == sorted([os.path.basename(mine), others.name])
    os.close(fd)

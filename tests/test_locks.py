"""Locks between processes: shared and alone, waited for until a deadline, handed over with a descriptor."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from snapstore.errors import FileError, SnapError, StoreLocked
from snapstore.locks import FOLDER, Deadline, acquire, held


def busy() -> SnapError:
    return StoreLocked("here")


def test_a_lock_held_alone_keeps_others_out_and_a_shared_one_does_not(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with held(path, Deadline(0), shared=True, busy=busy):
        with held(path, Deadline(0), shared=True, busy=busy):
            assert acquire(path, Deadline(0), shared=False) is None
        with pytest.raises(StoreLocked), held(path, Deadline(0), shared=False, busy=busy):
            pass
    with held(path, Deadline(0), shared=False, busy=busy):
        assert acquire(path, Deadline(0), shared=True) is None


def test_a_folder_is_locked_without_a_file_in_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with held(str(tmp_path), Deadline(0), shared=False, busy=busy, kind=FOLDER):
        assert acquire(str(tmp_path), Deadline(0), shared=True, kind=FOLDER) is None
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    for path, kind in ((tmp_path / "missing" / "lock", os.O_RDWR | os.O_CREAT), (tmp_path / "missing", FOLDER)):
        with pytest.raises(FileError), held(str(path), Deadline(0), shared=True, busy=busy, kind=kind):
            pass


def test_a_lock_is_had_as_soon_as_it_is_free(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    fd = acquire(path, Deadline(0), shared=False)
    assert fd is not None
    threading.Timer(0.1, os.close, [fd]).start()
    deadline = Deadline(10)
    with held(path, deadline, shared=False, busy=busy):
        assert not deadline.has_passed


def test_a_limit_ends_one_wait_before_the_deadline(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    deadline = Deadline(10)
    with held(path, deadline, shared=False, busy=busy):
        start = time.monotonic()
        assert acquire(path, deadline, shared=True, limit=0.05) is None
        assert time.monotonic() - start < 5
    assert not deadline.has_passed


def test_a_child_that_has_the_descriptor_holds_the_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    fd = acquire(path, Deadline(0), shared=False)
    assert fd is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(fd,)) as child:
        os.close(fd)
        assert acquire(path, Deadline(0), shared=False) is None
        child.communicate(b"\n")
    with held(path, Deadline(0), shared=False, busy=busy):
        pass


def test_only_waiting_counts() -> None:
    deadline = Deadline(0.01)
    time.sleep(0.02)
    attempts = 0
    while deadline.wait(attempts):
        attempts += 1
    assert 1 <= attempts <= 10
    deadline.reset(1)
    assert deadline.wait(0)

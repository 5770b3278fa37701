"""Less than this process may do: commands without root's powers or with a limit on files; small, read-only disks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

POWERS = "-dac_override,-dac_read_search"
WITHOUT_POWERS = ("setpriv", f"--bounding-set={POWERS}", f"--inh-caps={POWERS}")
LIMITED = "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "
LIMITED += "os.execvp(sys.argv[2], sys.argv[2:])"


def limited(size: int) -> tuple[str, ...]:
    """Return a prefix under which no file can grow past `size` bytes."""
    return (sys.executable, "-c", LIMITED, str(size))


@cache
def without_powers() -> tuple[str, ...]:
    """Return a prefix under which permissions count for root, too; skip the test where that is impossible."""
    if os.geteuid() != 0:
        return ()
    try:
        subprocess.run([*WITHOUT_POWERS, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("root may read and write everything here, and setpriv cannot take that power away")
    return WITHOUT_POWERS


@cache
def elsewhere_mounted(source: Path, target: Path) -> tuple[str, ...]:
    """Return a prefix under which `source` is mounted at `target`, for one process; skip where that is impossible."""
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh", os.fspath(source), os.fspath(target))
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nothing can be mounted for one process here: that takes root, and unshare")
    return prefix


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of `size` bytes; skip the test where that is impossible."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", os.fspath(folder)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", os.fspath(folder)], check=True)


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Make a mounted file system read-only."""
    subprocess.run(["mount", "-o", "remount,ro", os.fspath(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", os.fspath(disk)], check=True)

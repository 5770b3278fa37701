"""Other users of the machine: commands as them, and what they can open. Needs root and setpriv."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.api.tied import CALLS, Outcome, places
from tests.support import ENVIRONMENT

CHECKOUT = Path(__file__).parents[1]
OPENED = """
closed=$1 count=$2; shift 2
kept=$(mktemp -d)
mount --bind "$closed" "$kept"
mount -t tmpfs -o mode=755 tmpfs "$closed"
while [ "$count" -gt 0 ]; do
  mkdir -p "$closed/$1" && mount --bind "$kept/$1" "$closed/$1"
  count=$((count - 1)); shift
done
umount "$kept" && rmdir "$kept"
exec "$@"
"""
OPENABLE = """
import json, os, sys
for path in json.loads(sys.stdin.read()):
    found = ""
    for letter, flags in (("r", os.O_RDONLY), ("w", os.O_RDWR)):
        try:
            os.close(os.open(path, flags))
            found += letter
        except OSError:
            pass
    print(found)
"""


class User(NamedTuple):
    """A user by number: no machine has to know it."""

    name: str
    id: int
    groups: tuple[int, ...] = ()

    def program(self, umask: int = 0o022) -> tuple[str, ...]:
        """Return a prefix under which a command runs as the user."""
        groups = f"--groups={','.join(map(str, self.groups))}" if self.groups else "--clear-groups"
        who = ("setpriv", f"--reuid={self.id}", f"--regid={self.id}", groups)
        return (*(() if self.id == 0 else (*let_in(), *who)), "sh", "-c", f'umask {umask:03o}; exec "$@"', "-")


TEAM = 61010
ROOT = User("root", 0)
ALICE = User("alice", 61001, (TEAM,))
BOB = User("bob", 61002, (TEAM,))
CAROL = User("carol", 61003)
EVERYBODY = (ALICE, BOB, CAROL)


@cache
def let_in() -> tuple[str, ...]:
    """Return a prefix under which every user can reach this Python and this checkout.

    Where a folder above them is closed to others, such as root's home, the command gets a mount namespace in which an
    open folder with nothing else in it stands in its place.
    """
    wanted: dict[Path, list[str]] = {}
    for path in dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix), CHECKOUT)):
        closed = next((one for one in reversed(path.parents) if not one.stat().st_mode & stat.S_IXOTH), None)
        if closed:
            wanted.setdefault(closed, []).append(os.fspath(path.relative_to(closed)))
    found: tuple[str, ...] = ()
    for closed, inside in wanted.items():
        found += ("unshare", "--mount", "sh", "-euc", OPENED, "-", os.fspath(closed), str(len(inside)), *inside)
    return found


@cache
def demand_users() -> None:
    """Skip the test where no command can be run as another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can run commands as other users")
    try:
        subprocess.run([*CAROL.program(), sys.executable, "-c", "import snapstore.api.facade"], check=True, cwd="/")
    except OSError:
        pytest.skip("setpriv is not installed (Debian: util-linux)")
    except subprocess.CalledProcessError:
        pytest.skip("other users cannot read this Python or this checkout, or the system lets nobody become them")


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a new folder that every user can pass through; pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="snapstore-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def own(path: Path, user: User, mode: int, group: int | None = None) -> Path:
    """Give a file or folder to a user."""
    os.chown(path, user.id, user.id if group is None else group)
    path.chmod(mode)
    return path


def calls(user: User, database: Path, store: Path, *verbs: str, umask: int = 0o022) -> list[Outcome]:
    """Make calls such as `tag('next')` as a user, in one process; return how each one ended."""
    return calls_at(user, database.parent, places(db=database, store=store), *verbs, umask=umask)


def calls_at(user: User, folder: Path, where: str, *verbs: str, umask: int = 0o022) -> list[Outcome]:
    """Make calls for some locations."""
    done = subprocess.run(
        [*user.program(umask), sys.executable, "-P", "-W", "error", "-c", CALLS, where, *verbs],
        cwd=folder,
        env={
            **ENVIRONMENT,
            "HOME": os.fspath(folder),
            "XDG_DATA_HOME": os.fspath(folder / ".local" / "share"),
            "XDG_CONFIG_HOME": os.fspath(folder / ".config"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [Outcome(*json.loads(line)) for line in done.stdout.splitlines()]


def works(user: User, database: Path, store: Path, *verbs: str, umask: int = 0o022) -> list[str]:
    """Demand that calls succeed; return their results as text."""
    found = calls(user, database, store, *verbs, umask=umask)
    assert [one.error for one in found] == [""] * len(verbs), found
    return [one.text for one in found]


def openable(user: User, paths: Sequence[Path]) -> dict[Path, str]:
    """Return how a user can open each file: "", "r" or "rw"."""
    done = subprocess.run(
        [*user.program(), sys.executable, "-I", "-S", "-c", OPENABLE],
        input=json.dumps(list(map(os.fspath, paths))),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return dict(zip(paths, done.stdout.split("\n"), strict=False))


def audience(path: Path, users: Iterable[User] = EVERYBODY) -> dict[str, str]:
    """Return how each user can open one file."""
    return {user.name: openable(user, [path])[path] for user in users}


def files_below(*folders: Path) -> list[Path]:
    """Return all files in some folders, by name."""
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def described(path: Path) -> str:
    """Return the mode and the owner of a file, as `0600 alice:alice`."""
    found = path.stat()
    names = {user.id: user.name for user in (ROOT, *EVERYBODY)} | {TEAM: "team"}
    return f"{stat.S_IMODE(found.st_mode):04o} {names[found.st_uid]}:{names[found.st_gid]}"


def set_acl(path: Path, entry: str) -> None:
    """Add an entry to a file's access list; skip the test where that is impossible."""
    try:
        subprocess.run(["setfacl", "-m", entry, os.fspath(path)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("setfacl is not installed (Debian: acl), or the file system has no access lists")

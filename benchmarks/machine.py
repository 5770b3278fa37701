"""Describe the machine in general terms: what a reader needs to judge the numbers, and nothing that identifies it."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from benchmarks.peers import Tools

GIB = 1 << 30


def facts(tools: Tools, folder: str) -> list[tuple[str, str]]:
    """Return the name and the value of each fact; `folder` is where the databases are."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    found = [
        ("Processor", f"{os.cpu_count()} cores, {platform.machine()}"),
        ("Memory", f"{memory:.0f} GiB"),
        ("System", platform.system()),
        ("File system", _file_system(folder)),
        (
            "Python",
            f"{platform.python_version()}, {'of the system' if sys.base_prefix == '/usr' else 'built apart'}",
        ),
        ("pip, which wrote the start script", _installed("pip")),
        ("SQLite in snap", f"{_library_version()} (arize-phoenix-sqlean {version('arize-phoenix-sqlean')})"),
        ("SQLite that builds and changes", sqlite3.sqlite_version),
        ("click, xxhash", f"{version('click')}, {version('xxhash')}"),
        ("Load average at the start", f"{os.getloadavg()[0]:.1f}"),
    ]
    found += [(name, short(text)) for name, text in tools.versions().items()]
    return found + [(name, "not installed, skipped") for name in tools.missing()]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _library_version() -> str:
    """Ask in a process of its own, so that this one has one SQLite library only."""
    command = [sys.executable, "-c", "import sqlean; print(sqlean.sqlite_version)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _file_system(folder: str) -> str:
    """Return the type of a folder's file system, as Linux names it."""
    try:
        with open("/proc/mounts", encoding="utf-8") as file:
            mounts = [line.split()[1:3] for line in file]
    except OSError:
        return "unknown"
    real = os.path.realpath(folder)
    above = [(len(point), kind) for point, kind in mounts if os.path.commonpath([point, real]) == point]
    return max(above, default=(0, "unknown"))[1]


def short(text: str) -> str:
    """Return the version in a program's output: a number, or a date if that is the version."""
    found = re.search(r"\d{4}-\d\d-\d\d|\d+(\.\d+)+", text)
    return found.group() if found else "unknown"

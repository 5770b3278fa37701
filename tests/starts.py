"""Commands as processes that are forked from one which has loaded the program: a test then waits for no import.

Each command has a process of its own, with its own folder, environment, streams and signals, and ends as any other. It
is forked by the `forkserver` of multiprocessing, one for each process that runs tests. What the interpreter reads when
it starts cannot be changed after a fork. Where a test sets that, or what a process inherits, `run` starts Python anew.
"""

from __future__ import annotations

import atexit
import io
import multiprocessing
import os
import pkgutil
import resource
import runpy
import selectors
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, TextIO

import snapstore

ROOT = Path(__file__).parents[1]
SECONDS = 120
_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "MALLOC_", "COVERAGE_")  # beginnings of names
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_LEFT_OUT = ("integrations", "remotes", "demo")  # they load what no command without them loads


def run(
    module: str,
    words: Sequence[str],
    folder: Path | str,
    environment: Mapping[str, str],
    program: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `python -W error -m MODULE WORD...` in a folder, without input; with `program`, as a command of that one.

    Raises TimeoutExpired.
    """
    command = [*program, sys.executable, "-W", "error", "-m", module, *words]
    if program or not _is_as_it_was(environment):
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    pipes = [multiprocessing.Pipe(duplex=False) for _ in range(2)]
    ends = [writer for _, writer in pipes]
    process = _server().Process(target=_command, args=(module, [*words], os.fspath(folder), dict(environment), ends))
    process.start()
    for end in ends:
        end.close()
    try:
        told = _read([reader for reader, _ in pipes], time.monotonic() + SECONDS)
        process.join(SECONDS)
        if process.exitcode is None or told is None:
            raise subprocess.TimeoutExpired(command, SECONDS)
        return subprocess.CompletedProcess(command, process.exitcode, *(_text(data) for data in told))
    finally:
        process.kill()
        process.join()
        process.close()
        for reader, _ in pipes:
            reader.close()


def _read(readers: Sequence[Connection], until: float) -> list[bytes] | None:
    """Return what comes from each pipe until it is closed; None if it is not closed in time."""
    found = dict.fromkeys(readers, b"")
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader, selectors.EVENT_READ)
        while selector.get_map():
            if not (ready := selector.select(until - time.monotonic())):
                return None
            for key, _ in ready:
                assert isinstance(key.fileobj, Connection)
                if data := os.read(key.fd, 1 << 16):
                    found[key.fileobj] += data
                else:
                    selector.unregister(key.fileobj)
    return list(found.values())


def _text(data: bytes) -> str:
    """Return text as `subprocess` has it."""
    return io.TextIOWrapper(io.BytesIO(data)).read()


@cache
def _server() -> ForkServerContext:
    _inherited()
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([*_loaded()])
    return found


def _loaded() -> Iterator[str]:
    """Yield the modules that commands may load."""
    for found in pkgutil.walk_packages(snapstore.__path__, f"{snapstore.__name__}."):
        if found.name.split(".")[1] not in _LEFT_OUT and not found.name.endswith("__main__"):
            yield found.name


def _is_as_it_was(environment: Mapping[str, str]) -> bool:
    """Tell whether a process that is forked now has what it would inherit, and began with such an environment."""
    return (_of_interpreter(environment), *_now()) == _inherited()


@cache
def _inherited() -> tuple[Any, ...]:
    return _of_interpreter(os.environ), *_now()


def _now() -> tuple[Any, ...]:
    mask = os.umask(0)
    os.umask(mask)
    ignored = [one for one in signal.valid_signals() if signal.getsignal(one) == signal.SIG_IGN]
    return mask, ignored, [resource.getrlimit(one) for one in _LIMITS], os.getresuid(), os.getresgid()


def _of_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_AT_START)}


def _command(module: str, words: list[str], folder: str, environment: dict[str, str], ends: list[Connection]) -> None:
    """Become the process of a command."""
    atexit._clear()
    for number, end in enumerate(ends, 1):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdout, sys.stderr = _stream(1, sys.stdout), _stream(2, sys.stderr, buffering=1)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.warnoptions[:] = ["error"]
    warnings.simplefilter("error")
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # as the end of the interpreter does, which multiprocessing leaves out


def _stream(number: int, like: TextIO, buffering: int = -1) -> TextIO:
    """Return a new stream: one that the server had may have remembered what its descriptor was."""
    return open(number, "w", buffering, like.encoding, like.errors, closefd=False)

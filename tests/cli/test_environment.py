"""Odd environments: locales, streams and limits end in words and an exit code that says what happened."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from snapstore import threads
from snapstore.cli.failure import report
from tests.limits import limited
from tests.support import ENVIRONMENT, Snap, make_database

NAME = "données-\u65e5\u672c.sqlite3"
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
VERBS = (
    ("tag", "a", "-m", "größer"),
    ("status",),
    ("diff", "a", "live"),
    ("diff", "a", "live", "--format", "html"),
    ("log",),
    ("show", "a"),
    ("query", "a", "SELECT char(233, 8594)"),
    ("doctor",),
    ("restore", "é→"),
)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Snap:
    """Return a database with a name outside of ASCII, and a snapshot."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "snapstore.yaml").write_text(f"database: {NAME}\nstore: store-é\n", "utf-8")
    snap = Snap(folder, make_database(folder / NAME, rows=20))
    process(snap, ("tag", "a"))
    return snap


def process(snap: Snap, verb: tuple[str, ...], **settings: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command in the folder of its configuration."""
    env = {**ENVIRONMENT, "XDG_CONFIG_HOME": str(snap.folder), **settings.pop("env", {})}
    before = settings.pop("program", ())
    return subprocess.run(
        [*before, sys.executable, "-m", "snapstore", *verb],
        cwd=snap.folder,
        env={name: value for name, value in env.items() if value is not None},
        check=False,
        timeout=60,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
    )


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: ascii("-".join(verb))[:30])
@pytest.mark.parametrize("env", [ASCII, {"PYTHONIOENCODING": "latin-1:strict"}], ids=["ascii", "latin-1"])
def test_a_stream_that_cannot_encode_everything_gets_escapes(
    foreign: Snap, env: dict[str, str], verb: tuple[str, ...]
) -> None:
    plain, odd = process(foreign, verb), process(foreign, verb, env=env)
    assert odd.returncode == plain.returncode, odd.stderr
    assert b"Traceback" not in odd.stderr
    assert (b"internal error" in odd.stderr) is False


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "verb", [("log",), ("log", "--json"), ("query", "a", "SELECT 1", "--csv"), ("show", "nothing")]
)
def test_a_full_stream_is_an_error_and_no_traceback(foreign: Snap, stream: str, verb: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = process(foreign, verb, **{stream: full})
    fails = verb == ("show", "nothing")
    assert done.returncode == (12 if fails else 16 if stream == "stdout" else 0)
    if stream == "stdout" and not fails:
        assert b"no space left to write 'standard output'" in done.stderr
    assert b"Traceback" not in (done.stderr or b"") + (done.stdout or b"")


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)], ids=str)
def test_closed_streams_are_no_place_for_a_database(foreign: Snap, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    for verb, code in ((("tag", "closed"), 0), (("show", "nothing"), 12), (("status",), 0)):
        assert process(foreign, verb, preexec_fn=close).returncode == code


@pytest.mark.parametrize("home", [None, "/nonexistent", "/proc/nope"])
def test_a_home_that_is_missing_matters_to_nobody_with_a_store(foreign: Snap, home: str | None) -> None:
    env = {"HOME": home, "XDG_DATA_HOME": None, "TMPDIR": "/nonexistent"}
    for verb in (("tag", "a"), ("diff", "a"), ("query", "a", "SELECT 1")):
        assert process(foreign, verb, env=env).returncode == 0


def memory(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


@pytest.mark.parametrize("megabytes", [90, 120, 160, 240])
def test_too_little_memory_is_named(foreign: Snap, megabytes: int) -> None:
    for verb in (("tag", "a"), ("query", "a", "SELECT 1"), ("diff", "a", "--format", "html")):
        done = process(foreign, verb, preexec_fn=memory(megabytes << 20))
        assert done.returncode in (0, 16), done.stderr
        assert b"Traceback" not in done.stderr
        assert done.returncode == 0 or b"gives no more memory" in done.stderr


def test_a_limit_on_files_ends_the_demo_in_words(tmp_path: Path) -> None:
    for size in (1000, 20_000, 60_000):
        done = subprocess.run(
            [*limited(size), sys.executable, "-m", "snapstore", "demo"],
            env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 16, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_the_work_of_a_thread_that_cannot_start_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    assert list(threads.ordered_map(lambda number: number * 2, range(50), ahead=4)) == list(range(0, 100, 2))
    assert threads.in_background(lambda: 7).result() == 7
    with pytest.raises(ZeroDivisionError):
        list(threads.ordered_map(lambda number: 1 // number, (1, 0), ahead=4))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        ImportError("x.so: failed to map segment from shared object"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_limit_causes_is_no_bug(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(error, []) == 16
    assert capsys.readouterr().err.startswith("Error: the system gives no more memory")

"""SIGINT, SIGTERM and SIGHUP at any moment of a command: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from snapstore.leftovers import is_temporary
from tests.support import ENVIRONMENT, make_database

# Signals itself when module number AT is looked for, from the first one that the program imports, and in code that is
# made of text, as that of dataclasses: CPython treats an interrupt there in a way of its own.
AT_IMPORT = """
import os, sys
class Finder:
    left = int(os.environ["AT"])
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        cls.left -= 1
        if cls.left < 0:
            sys.meta_path.remove(cls)
            exec('os.kill(os.getpid(), int(os.environ["SIGNAL"]))')
sys.meta_path.insert(0, Finder)
from snapstore.start import main
main()
"""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
VERBS = {
    "help": ["--help"],
    "tag": ["tag", "next"],
    "restore": ["restore", "baseline"],
    "query": ["query", "baseline", "SELECT 1"],
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the options that lead to a database with the snapshot `baseline`."""
    folder = tmp_path_factory.mktemp("signals")
    database = make_database(folder / "db.sqlite3", journal_mode="wal")
    options = ["--db", os.fspath(database), "--store", os.fspath(folder / "store")]
    subprocess.run([sys.executable, "-m", "snapstore", *options, "tag", "baseline"], env=ENVIRONMENT, check=True)
    return options


def at_import(number: int, sent: signal.Signals, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, "AT": str(number), "SIGNAL": str(int(sent))}
    command = [sys.executable, "-P", "-c", AT_IMPORT, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", [20, 45, 90, 140, 200])
@pytest.mark.parametrize("verb", VERBS)
def test_a_signal_during_any_import_is_an_interrupt(places: list[str], verb: str, number: int) -> None:
    sent = SIGNALS[number % len(SIGNALS)]
    done = at_import(number, sent, [*places, *VERBS[verb]])
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 128 + sent), done.stderr
    if done.returncode:
        assert done.stderr.splitlines()[-1] == "Error: interrupted"


@pytest.mark.parametrize("number", [25, 90])
@pytest.mark.parametrize("sent", SIGNALS)
def test_a_module_that_is_run_has_the_exit_code_of_the_signal(
    places: list[str], tmp_path: Path, number: int, sent: signal.Signals
) -> None:
    (tmp_path / "signalled.py").write_text(AT_IMPORT)
    environment = {**ENVIRONMENT, "AT": str(number), "SIGNAL": str(int(sent)), "PYTHONPATH": os.fspath(tmp_path)}
    command = [sys.executable, "-m", "signalled", *places, "status"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + sent, "Error: interrupted\n")


@pytest.mark.parametrize("number", [3, 4, 6, 9])
def test_a_signal_before_the_handlers_stand_is_no_traceback(places: list[str], number: int) -> None:
    done = at_import(number, signal.SIGINT, [*places, "tags"])
    assert (done.returncode, "Traceback" in done.stderr) == (130, False)


@pytest.mark.parametrize("number", [20, 60, 150])
def test_an_interrupted_command_prints_one_document(places: list[str], number: int) -> None:
    done = at_import(number, signal.SIGTERM, [*places, "tags", "--json"])
    assert done.returncode == 128 + signal.SIGTERM
    assert json.loads(done.stdout)["error"]["code"] == "interrupted"


@pytest.mark.parametrize("sent", SIGNALS)
def test_what_a_parent_ignores_stays_ignored(places: list[str], sent: signal.Signals) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import signal; signal.signal({int(sent)}, signal.SIG_IGN); {AT_IMPORT}",
            *places,
            "tags",
        ],
        env={**ENVIRONMENT, "AT": "60", "SIGNAL": str(int(sent))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "baseline" in done.stdout


# Writes a copy, and signals itself, or waits for ever, when the copy is written and has not got its name.
AT_STEP = """
import os, sys, time
from snapstore import files
def step(name):
    if name == "image-written":
        print("here", flush=True)
        number = int(os.environ["SIGNAL"])
        if number:
            os.kill(os.getpid(), number)
        time.sleep(60)
files.on_step = step
from snapstore.start import main
main()
"""


def copying(places: list[str], target: Path, number: int) -> subprocess.Popen[str]:
    """Return a process that has written a temporary file beside `target`."""
    command = [sys.executable, "-P", "-c", AT_STEP, *places, "restore", "baseline", "--to", os.fspath(target)]
    environment = {**ENVIRONMENT, "SIGNAL": str(number)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


def temporary(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if is_temporary(name)]


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_command_that_is_asked_to_end_leaves_no_file(places: list[str], tmp_path: Path, sent: signal.Signals) -> None:
    process = copying(places, tmp_path / "copy.sqlite3", sent)
    _, errors = process.communicate()
    assert process.returncode == 128 + sent
    assert "Traceback" not in errors
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("verb", ["restore", "export"])
def test_the_next_copy_removes_what_a_killed_one_left(places: list[str], tmp_path: Path, verb: str) -> None:
    copying(places, tmp_path / "copy.sqlite3", signal.SIGKILL).communicate()
    assert len(temporary(tmp_path)) == 1
    target = os.fspath(tmp_path / "other.sqlite3")
    arguments = ["restore", "baseline", "--to", target] if verb == "restore" else ["export", "baseline", target]
    subprocess.run([sys.executable, "-m", "snapstore", *places, *arguments], env=ENVIRONMENT, check=True)
    assert os.listdir(tmp_path) == ["other.sqlite3"]


def test_fsck_removes_what_lies_beside_the_database_and_nothing_that_is_held(places: list[str]) -> None:
    folder = Path(places[1]).parent
    living = copying(places, folder / "other.sqlite3", 0)
    try:
        copying(places, folder / "one.sqlite3", signal.SIGKILL).communicate()
        foreign = folder / ".draft.snap-tmp"
        foreign.write_text("not ours")
        assert len(temporary(folder)) == 2
        done = subprocess.run(
            [sys.executable, "-m", "snapstore", *places, "fsck", "--json"],
            env=ENVIRONMENT,
            capture_output=True,
            check=True,
        )
        assert len(json.loads(done.stdout)["leftovers"]) == 1
        (held,) = temporary(folder)
        assert f".{living.pid}-" in held
        assert foreign.exists()
    finally:
        living.kill()
        living.communicate()
    foreign.unlink()


@pytest.mark.parametrize("folder", [".", "packs"])
def test_the_next_command_removes_what_lies_in_the_store(places: list[str], folder: str) -> None:
    store = Path(places[3])
    # The number is that of a living process: chance, as it may be years later.
    left = store / folder / f".{os.getpid()}-0123abcd.snap-tmp"
    left.touch()
    for sidecar in ("-wal", "-shm", "-journal"):
        Path(f"{left}{sidecar}").touch()
    subprocess.run([sys.executable, "-m", "snapstore", *places, "tag", "again"], env=ENVIRONMENT, check=True)
    assert temporary(store / folder) == []


def test_a_session_that_starts_takes_no_part_in_an_interrupt(places: list[str], tmp_path: Path) -> None:
    """The keys of a terminal signal all processes: the child of a client must not end, or print a traceback."""
    code = (
        "import os, signal, sys, threading, time\n"
        "import snapstore\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "def fire():\n"
        "    for _ in range(60):\n"
        "        os.killpg(0, signal.SIGINT)\n"
        "        time.sleep(0.005)\n"
        "threading.Thread(target=fire, daemon=True).start()\n"
        f"with snapstore.Session(db={places[1]!r}, store={places[3]!r}) as session:\n"
        "    print(session.verify('baseline').ok)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
    assert "Traceback" not in done.stderr

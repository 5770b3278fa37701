"""What tests share: real databases, the command as a process, an application as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import apsw.sqlite_extra
import pytest
import sqlean

from snapstore.errors import SnapError
from snapstore.store import Store
from tests import starts

Raised = TypeVar("Raised", bound=SnapError)
Parameters = ParamSpec("Parameters")

JOURNAL_MODES = ("delete", "truncate", "persist", "wal")
FEW_PLUGINS = {"PYTEST_ADDOPTS": "-p no:hypothesispytest -p no:anyio -p no:time_machine"}
"""For pytest in a process of its own: to load the plugins left out takes half of the time of its start."""
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("SNAPSTORE_", "E2E_")) and name != "NO_COLOR"
} | FEW_PLUGINS


def raised(
    kind: type[Raised],
    exit_code: int,
    verb: Callable[Parameters, object],
    *arguments: Parameters.args,
    **options: Parameters.kwargs,
) -> Raised:
    """Call a verb that has to raise an error of exactly this class; return the error."""
    with pytest.raises(kind) as found:
        verb(*arguments, **options)
    assert (type(found.value), found.value.exit_code) == (kind, exit_code)
    return found.value


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar file, past no folder where this Python has the filter (3.11.4)."""
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(folder)


def lost_packs(store: Store) -> list[str]:
    """Return the names of packs whose file is missing or has another length than was recorded."""
    recorded = store.catalog.rows("SELECT name, bytes FROM pack ORDER BY pack")
    files = {name: Path(store.objects.folder, f"{name}.pack") for name, _ in recorded}
    return [name for name, size in recorded if not files[name].exists() or files[name].stat().st_size != size]


def connect(path: Path | str) -> Any:
    """Open a connection in autocommit mode, as an application would have it."""
    return sqlean.connect(os.fspath(path), isolation_level=None, check_same_thread=False)


def make_database(
    path: Path, *, journal_mode: str = "delete", page_size: int = 4096, auto_vacuum: int = 0, rows: int = 500
) -> Path:
    """Make a database with two tables, two indexes and `rows` rows in the first."""
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute(f"PRAGMA auto_vacuum = {auto_vacuum}")
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, body TEXT)")
        connection.execute("CREATE TABLE note (item INTEGER REFERENCES item, text TEXT)")
        connection.execute("CREATE INDEX item_name ON item(name)")
        connection.execute("CREATE INDEX note_item ON note(item)")
        add_rows(connection, rows)
        connection.execute("COMMIT")
    return path


def add_rows(connection: Any, count: int, seed: int = 0) -> None:
    """Insert rows of varying length; some need overflow pages."""
    rows = [(f"name {seed}-{n}", f"body {n} " * (3 + n % 40 + (400 if n % 97 == 0 else 0))) for n in range(count)]
    connection.execute("SAVEPOINT adding")
    connection.executemany("INSERT INTO item(name, body) VALUES (?, ?)", rows)
    connection.execute("INSERT INTO note SELECT id, name FROM item WHERE id % 5 = 0")
    connection.execute("RELEASE adding")


def change_page_size(path: Path, page_size: int) -> None:
    """Rewrite a database with pages of another size, in its journal mode."""
    with closing(connect(path)) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        connection.execute("PRAGMA journal_mode = delete")
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("VACUUM")
        connection.execute(f"PRAGMA journal_mode = {mode}")


def count(connection: Any, table: str = "item") -> int:
    """Return how many rows of a table a connection sees."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def is_running(pid: int) -> bool:
    """Tell whether a process of this user exists and has not ended."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it ended in between, or there is no /proc: then one that was waited for is gone
        return not Path("/proc/self").exists()
    return state != "Z"


def is_intact(path: Path) -> bool:
    """Tell whether SQLite finds nothing wrong with a database."""
    with closing(connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def dbhash(path: Path) -> str:
    """Return the content hash that SQLite's own `dbhash` gives. Raises ValueError for what it cannot read."""
    out = subprocess.run(
        [apsw.sqlite_extra.path("sqlite3_dbhash"), os.fspath(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    if not out.stdout or out.stderr:
        raise ValueError(out.stderr)
    return out.stdout.split()[0]


class Snap:
    """The command, run as a process in a folder, for one database and store."""

    def __init__(self, folder: Path, database: Path | None = None, store: Path | None = None) -> None:
        self.folder = folder
        self.database = database or folder / "db.sqlite3"
        self.store = store or folder / "store"

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run and demand an exit code."""
        places = ["--db", os.fspath(self.database), "--store", os.fspath(self.store)]
        return run([*arguments, *places], self.folder, code, (), **environment)

    def json(self, *arguments: str, code: int = 0, **environment: str) -> Any:
        """Run with --json and return the document."""
        return json.loads(self(*arguments, "--json", code=code, **environment).stdout)


def run(
    arguments: list[str], folder: Path, code: int = 0, program: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process; fail unless it ends with `code`, or if it shows a traceback."""
    variables = {
        **ENVIRONMENT,
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "conf"),
        **environment,
    }
    done = starts.run("snapstore", arguments, folder, variables, program)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


APPLICATION = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
for line in sys.stdin:
    try:
        answer = connection.execute(json.loads(line)).fetchall()
    except sqlite3.Error as error:
        answer = repr(error)
    print(json.dumps(answer), flush=True)
"""


class Application:
    """Another process with one open connection, which runs the statements it is sent; `prefix` starts it."""

    def __init__(self, path: Path, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", APPLICATION, os.fspath(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=30)

    def ask(self, statement: str) -> Any:
        """Run a statement and return its rows, or the text of its error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(statement) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

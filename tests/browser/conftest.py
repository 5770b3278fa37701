"""Pages of real diffs, made once, and a browser to look at them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.chromium import Chromium
from tests.support import Snap, add_rows, connect, make_database, run

HOSTILE = {
    "script": "<script>document.title = 'stolen'</script>",
    "image": "<img src=x onerror=alert(1)>",
    "quotes": "\"double\" 'single' & &amp; </td></table>",
    "separators": "a\u2028b\u2029c\u202ed",
    "control": "\x1b[31mred\x00\x07\r\n\tend",
    "long": "<b>" * 20_000,
    "number": "12",
    "word": "NULL",
    "empty": "",
    "padded": "  padded ",
    "emoji": "žluťoučký 🐎 漢字",
}
HOSTILE_TABLE = '"><script>alert(1)</script>'


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    return Chromium.install(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="session")
def snapped(tmp_path_factory: pytest.TempPathFactory) -> Snap:
    """Return the command for a database in which much changed since the tag baseline."""
    snap = Snap(tmp_path_factory.mktemp("pages"))
    make_database(snap.database, journal_mode="wal", rows=300)
    with closing(connect(snap.database)) as connection:
        quoted = HOSTILE_TABLE.replace('"', '""')
        connection.execute(f'CREATE TABLE "{quoted}" (name TEXT PRIMARY KEY, value, "<i>" TEXT) WITHOUT ROWID')
        connection.execute(
            "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, balance REAL, picture BLOB, life TEXT)"
        )
        connection.execute(f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {', '.join(f'column_{n}' for n in range(14))})")
        for number in range(30):
            connection.execute(f"INSERT INTO wide VALUES ({number}{', 12345' * 14})")
        people = [(f"person {n}", n * 1.5, bytes(range(n)), f"born in {n}, " * n) for n in range(60)]
        connection.executemany("INSERT INTO person(name, balance, picture, life) VALUES (?, ?, ?, ?)", people)
        snap("tag", "baseline")
        connection.executemany(f'INSERT INTO "{quoted}" VALUES (?, ?, NULL)', HOSTILE.items())
        connection.execute(f"""INSERT INTO "{quoted}" VALUES ('invalid', CAST(x'41ff42' AS TEXT), x'00ff')""")
        connection.execute("UPDATE person SET balance = balance + 1, name = NULL WHERE id % 3 = 0")
        connection.execute("UPDATE person SET life = life || 'and died' WHERE id > 50")
        connection.execute("UPDATE person SET picture = zeroblob(4000) WHERE id = 40")
        connection.execute("DELETE FROM person WHERE id % 10 = 5")
        connection.execute("UPDATE wide SET column_7 = 'another value' WHERE id % 5 = 0")
        add_rows(connection, 40, seed=1)
        connection.execute("ALTER TABLE note ADD COLUMN colour TEXT DEFAULT 'grey'")
        connection.execute("DROP INDEX item_name")
        connection.execute("PRAGMA user_version = 7")
    return snap


@pytest.fixture(scope="session")
def pages(snapped: Snap) -> dict[str, Path]:
    """Return pages by what they show."""
    shown = {
        "full": ("baseline", "--limit", "30"),
        "all": ("baseline", "--limit", "0"),
        "stat": ("baseline", "--stat"),
        "schema": ("baseline", "--schema"),
        "same": ("baseline", "baseline"),
    }
    made = {name: write_page(snapped.folder / f"{name}.html", snapped, *shown[name]) for name in shown}
    return made | {"several": several(snapped.folder / "several")}


def write_page(path: Path, snap: Snap, *arguments: str) -> Path:
    path.write_text(snap("diff", *arguments, "--format", "html").stdout, "utf-8")
    return path


def several(folder: Path) -> Path:
    """Return the page of two databases."""
    folder.mkdir()
    for name in ("one", "two"):
        make_database(folder / f"{name}.sqlite3", rows=20)
    (folder / "snapstore.yaml").write_text("databases: {one: one.sqlite3, two: two.sqlite3}\nstore: kept\n")
    run(["tag", "before"], folder)
    for name in ("one", "two"):
        with closing(connect(folder / f"{name}.sqlite3")) as connection:
            connection.execute("DELETE FROM item WHERE id < 5")
    page = folder / "several.html"
    page.write_text(run(["diff", "before", "--format", "html"], folder).stdout, "utf-8")
    return page

"""`snap export` and `snap import`: options, and what is printed. tests/api/test_files.py has the rest."""

from __future__ import annotations

from tests.cli.hands import error_of, items
from tests.support import Application, Snap, make_database


def test_files_go_out_and_come_in(here: Snap) -> None:
    here("tag", "baseline")
    out = here.folder / "out.sqlite3"
    out.write_text("mine")
    error_of(here("export", "baseline", "out.sqlite3", code=14))
    assert here("export", "baseline", "out.sqlite3", "--force").stdout.startswith(f"wrote {out} (")
    assert items(out) == 500
    make_database(here.folder / "theirs.sqlite3", rows=3)
    said = here("import", "theirs.sqlite3", "--tag", "theirs", "-m", "from afar").stdout
    shown = here.json("show", "theirs")
    assert said.startswith(f"theirs is {shown['snapshot'][:10]}, imported from theirs.sqlite3 (")
    assert shown["message"] == "from afar"
    here("pin", "theirs")
    error_of(here("import", "out.sqlite3", "--tag", "theirs", code=14))
    here("import", "out.sqlite3", "--tag", "theirs", "--force", "--only-db", "default")
    unnamed = here("import", "out.sqlite3").stdout
    assert unnamed.startswith(f"{here.json('log')[0]['snapshot'][:10]}, imported from out.sqlite3 (")
    error_of(here("import", "out.sqlite3", "--only-db", "nothing", code=13))
    error_of(here("export", "baseline", "other.sqlite3", "--only-db", "nothing", code=13))


def test_no_copy_goes_over_the_log_of_the_live_database(here: Snap) -> None:
    here("tag", "baseline")
    with Application(here.database) as application:
        application.ask("DELETE FROM item WHERE id > 10")
        for verb in (("export", "baseline"), ("restore", "baseline", "--to")):
            error_of(here(*verb, "db.sqlite3-wal", "--force", code=14))
        assert application.ask("SELECT count(*) FROM item") == [[10]]

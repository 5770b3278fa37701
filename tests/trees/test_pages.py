"""What commands print about files: text, JSON, SQL and pages."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from snapstore.errors import FileError, WouldOverwrite
from tests.contents import execute
from tests.support import raised, run
from tests.trees.mtree import mtree
from tests.trees.site import Site


def changed(site: Site) -> None:
    site.snap.tag("base")
    site.upload("new<b>.txt", "new")
    site.write("one.txt", "changed")
    site.settings.unlink()
    (site.media / "pictures" / "cat.png").chmod(0o600)
    site.snap.close()


def test_commands_name_the_paths(site: Site) -> None:
    changed(site)
    out = run(["verify"], site.folder, 1).stdout
    assert "files uploads: damaged: 1 added, 1 changed, 1 with another mode or time" in out
    assert "+ new<b>.txt  3 bytes" in out
    assert "~ one.txt  3 → 7 bytes" in out
    assert ". pictures/cat.png  mode 644 → 600" in out
    assert "files settings: damaged: 1 removed" in out
    out = run(["status"], site.folder).stdout
    assert "files uploads: damaged" in out
    out = run(["diff"], site.folder).stdout
    assert "files settings: 1 removed\n  - .  2 bytes" in out
    out = run(["diff", "--stat"], site.folder).stdout
    assert "files uploads: 1 added" in out
    assert "new<b>" not in out
    out = run(["restore", "-n"], site.folder, 10).stderr
    out = run(["restore", "base", "-n"], site.folder).stdout
    assert "files uploads: would have 1 written, 1 removed, 1 with mode or time set, of 3 entries" in out
    assert "  - new<b>.txt  3 bytes\n" in out
    assert "  ~ one.txt  7 → 3 bytes, time" in out
    assert "  . pictures/cat.png  mode 600 → 644\n" in out
    assert "  + .  2 bytes\n" in out
    said = run(["clean", "base", "-n"], site.folder).stderr
    assert "snap:   - new<b>.txt  3 bytes\n" in said
    document = json.loads(run(["restore", "base", "-n", "--json"], site.folder).stdout)
    assert [one["change"] for one in document["files"]["settings"]["paths"]] == ["added"]
    out = run(["clean", "base"], site.folder).stdout
    assert "files settings: 1 written, of 1 entry" in out
    assert "files uploads: clean" in run(["status"], site.folder).stdout


def test_the_first_line_has_the_worst_verdict(site: Site) -> None:
    site.snap.tag("base")
    site.write("one.txt", "changed")
    site.snap.close()
    first, second, third, *_ = run(["verify", "base"], site.folder, 1).stdout.splitlines()
    assert first.startswith("damaged, against base (")
    assert second.startswith("default: clean, against base (")
    assert third == "files uploads: damaged: 1 changed"
    execute(site.database, "INSERT INTO upload VALUES ('x')")
    assert run(["verify", "base"], site.folder, 1).stdout.startswith("damaged, against base (")
    run(["restore", "base"], site.folder)
    execute(site.database, "INSERT INTO upload VALUES ('x')")
    assert run(["verify", "base"], site.folder, 1).stdout.startswith("leaked, against base (")


def test_files_that_come_between_a_check_and_the_restore_are_named(site: Site) -> None:
    site.configure("before_restore: [{run: 'echo x > media/late.txt; rm -f media/one.txt'}]\n")
    site.snap.tag("base")
    before = site.state()
    site.write("new.txt", "new")
    found = site.snap.verify("base", restore_on_fail=True)
    assert (found.verdict, found.verdict_after, found.restored) == ("leaked", "clean", True)
    assert [one.path for one in found.files["uploads"].paths] == ["new.txt"]
    (warning,) = found.warnings
    assert warning.startswith(
        "files 'uploads' changed after the check, and all was restored: late.txt, one.txt; snapshot "
    )
    assert site.state() == before
    site.snap.undo()
    assert (site.media / "late.txt").read_text() == "x\n"


def test_a_query_is_about_the_database(site: Site) -> None:
    site.upload("up.txt", "up")
    site.snap.tag("base")
    site.snap.close()
    for rev in ("base", "live"):
        assert run(["query", rev, "SELECT name FROM upload"], site.folder).stdout.split() == ["name", "'up.txt'"]
    refused = run(["query", "base", "SELECT 1", "--only-db", "files:uploads"], site.folder, 13).stderr
    assert "the state has the databases default; name one" in refused


def test_a_report_is_as_private_as_the_folders_whose_paths_it_has(site: Site) -> None:
    site.snap.tag("base")
    site.snap.close()
    site.database.chmod(0o644)
    site.settings.chmod(0o644)
    for mode, expected in ((0o755, 0o644), (0o750, 0o640), (0o700, 0o600)):
        site.media.chmod(mode)
        run(["report", "--html", "report.html"], site.folder, program=("sh", "-c", 'umask 022; exec "$@"', "sh"))
        assert (site.folder / "report.html").stat().st_mode & 0o777 == expected


def test_files_go_out_with_a_database_and_come_back(site: Site) -> None:
    site.upload("up.txt", "up")
    site.snap.tag("base")
    before = site.state()
    out = site.folder / "out.sqlite3"
    left = site.folder / ".1-01234567.snap-tmp" / "uploads"
    left.mkdir(parents=True)
    (left / "one.txt").write_text("one")
    done = site.snap.export("base", out, with_files=True)
    assert not site.temporaries()
    assert set(done.files) == {"uploads", "settings"}
    assert {name: mtree(Path(path)) for name, path in done.files.items()} == before
    assert (site.folder / "out.sqlite3.files").stat().st_mode & 0o777 == 0o700
    raised(WouldOverwrite, 14, site.snap.export, "base", out, force=True, with_files=True)
    site.write("one.txt", "changed")
    site.settings.unlink()
    taken = site.snap.import_(out, name="back", with_files=True)
    assert taken.files["uploads"].entries == len(before["uploads"])
    site.snap.restore("back")
    assert site.state() == before
    raised(FileError, 16, site.snap.import_, site.database, with_files=True)
    assert site.snap.import_(out, name="alone").files == {}


def test_documents_have_the_paths(site: Site) -> None:
    changed(site)
    document = json.loads(run(["diff", "--json"], site.folder).stdout)
    counts = {key: document["files"]["uploads"][key] for key in ("added", "removed", "changed", "drifted")}
    assert counts == {"added": 1, "removed": 0, "changed": 1, "drifted": 1}
    (path,) = (one for one in document["files"]["uploads"]["paths"] if one["path"] == "one.txt")
    assert (path["change"], path["before"]["bytes"], path["after"]["bytes"]) == ("changed", 3, 7)
    out = run(["diff", "--format", "sql"], site.folder).stdout
    assert "-- files 'uploads' differ, and a patch has none of them" in out
    page = run(["diff", "--format", "html"], site.folder).stdout
    assert "new&lt;b&gt;.txt" in page
    assert "new<b>" not in page
    run(["diff", "--exit-code"], site.folder, 1)


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_page_shows_small_pictures_and_texts(site: Site) -> None:
    site.write("picture.bin", PNG)
    site.write("note.txt", "The old text")
    site.write("large.txt", "x" * 20_000)
    site.write("script.svg", "<svg onload='alert(1)'/>")
    site.snap.tag("base")
    site.write("picture.bin", b"\xff\xd8\xff jpeg")
    site.write("note.txt", "The new <b>text</b>")
    site.write("large.txt", "y" * 20_000)
    site.write("script.svg", "<svg onload='alert(2)'/>")
    site.snap.close()
    page = run(["diff", "--format", "html"], site.folder).stdout
    assert f"data:image/png;base64,{base64.b64encode(PNG).decode()}" in page
    assert "data:image/jpeg;base64," in page
    assert "data:image/svg" not in page
    assert "<del>old</del>" in page
    assert "<ins>new</ins>" in page
    assert "&lt;b&gt;" in page
    assert "<svg" not in page
    assert "yyyy" not in page


def test_a_name_that_is_no_text_moves_no_cursor(site: Site) -> None:
    site.snap.tag("base")
    with open(os.path.join(os.fsencode(site.media), b"\xff\x1b[31m\n"), "wb"):
        pass
    site.snap.close()
    for words in (["verify"], ["diff"], ["status"], ["diff", "--format", "html"]):
        out = run(words, site.folder, 1 if words == ["verify"] else 0).stdout
        assert "\x1b" not in out
        assert "[31m" in out

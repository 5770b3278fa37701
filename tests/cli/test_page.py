"""Pages below the browser: hostile text in every place, rows that are streamed, and a library only pages load."""

from __future__ import annotations

import re
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup, escape

from snapstore.actions.diff import Differences
from snapstore.actions.tree_content import Contents
from snapstore.cli.diff_html import HtmlDiff
from snapstore.cli.page import render, visible
from snapstore.cli.report_html import pieces
from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.state import State
from snapstore.database.tables import Schema
from snapstore.errors import FileError
from snapstore.project import Project
from snapstore.results.reports import Phase, Report, Scenario, Step, SuiteLine, TestLeak
from snapstore.results.rows import Counts, RowChange, SchemaChange
from snapstore.suite.statistics import rate, spread
from snapstore.trees.difference import PathChange
from snapstore.trees.manifest import FILE, LINK, TreeEntry
from tests.browser.parsed import Page
from tests.support import Snap, connect, run

NO_SCHEMA = Schema((), {})
TEMPLATES = Path(sys.modules["snapstore.cli.page"].__file__ or "").parent / "templates"
UNSEEN = "\x00\x1b\x7f\x85\ud800\udcff\ufffe\u2028\u202e\n\r\t"
HOSTILE = f"<script>alert(1)</script>\"' onload='x' {{{{ 7 * 7 }}}} {{% raw %}} {UNSEEN} &amp;"
WRITTEN_OUT = r"\x00\x1b\x7f\x85\ud800\udcff\ufffe\u2028\u202e\n\r\t"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\ud800-\udfff\ufffe]")


def hostile_diff() -> Differences:
    """Return a diff in which every text is hostile."""
    return diff_of(
        HOSTILE, [{HOSTILE: value} for value in (HOSTILE, HOSTILE * 50, HOSTILE.encode("utf-8", "replace"), 1.5, None)]
    )


def diff_of(name: str, rows: list[dict[str, Any]], repeated: int = 1, **values: Any) -> Differences:
    """Return a diff of one database with one table, to which rows were added."""

    def drawn() -> Iterator[RowChange]:
        for _ in range(repeated):
            for row in rows:
                yield RowChange(name, {}, "added", None, row, ())

    table = SimpleNamespace(
        name=name,
        key_names=(),
        columns=tuple(rows[0]),
        counts=Counts(added=repeated * len(rows)),
        hidden=Counter({name: 1}),
        hidden_rows=1,
        rows=drawn,
        part=SimpleNamespace(derived_from=name),
    )
    schema = [
        SchemaChange("table", name, name, "changed", f"CREATE TABLE a ({name})", f"CREATE TABLE b ({name})"),
        SchemaChange("setting", "user_version", "", "changed", "1", "2"),
    ]
    database = SimpleNamespace(
        name=name,
        schema=schema,
        tables=[table],
        sequences={name: (1, None)},
        moved=lambda: {name: 2},
        ignored_tables=[SimpleNamespace(name=name)],
        is_same=False,
        diff=SimpleNamespace(schemas=(NO_SCHEMA, NO_SCHEMA)),
        referred=lambda _side: {},
        derived={},
    )
    for key, value in values.items():
        setattr(database, key, value)
    other = SimpleNamespace(**{**vars(database), "name": f"other {name}"})
    databases = cast("list[DatabaseDifference]", [database, other])
    after = State(name, {"default": "ab" * 16})
    contents = cast("Contents", SimpleNamespace(read=lambda *_: as_bytes(name)))
    return Differences(State(name, None), after, databases, files={name: [*files_of(name)]}, contents=contents)


def files_of(name: str) -> Iterator[PathChange]:
    """Yield a link of a name that was added, which leads to the same name, and a file that was changed."""
    path = as_bytes(name)
    link, file = (TreeEntry(path, kind, 0o777, 0, 0, 0, len(path), path) for kind in (LINK, FILE))
    yield PathChange(path, "added", None, link)
    yield PathChange(path, "changed", file, file._replace(mode=0o600))


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def hostile_report() -> Report:
    """Return a report in which every text is hostile."""
    of, some = HOSTILE, rate(1, 2)
    suite = SuiteLine(1, of, of, of, of, {of: 1}, 1, 1000)
    leak = TestLeak(of, of, of, of, 2, 1, of, of, 1, 0, 0, (True, False))
    return Report(
        since=of,
        outcomes={of: 1},
        tests=1,
        verdicts={of: 1},
        cleanup=some,
        restore=some,
        state_ok=some,
        scenarios=(Scenario(of, 1, some, some, some),),
        leaks=(leak, replace(leak, table="other"), replace(leak, label="alone", table=None)),
        phases=(Phase("cleanup", spread([0.1, 0.2])), Phase("restore", spread([0.3]))),
        steps=(Step(of, 1, some, some, spread([0.1])),),
        suites=(suite, suite),
    )


def hostile_pages() -> dict[str, str]:
    diff, project = hostile_diff(), cast("Project", SimpleNamespace(databases={"default": HOSTILE.replace("/", "")}))
    nothing = replace(hostile_report(), suites=(), outcomes={}, leaks=(), scenarios=(), phases=(), steps=())
    return {
        "diff": "".join(HtmlDiff(None).pieces(diff, stat=False, schema=False)),
        "stat": "".join(HtmlDiff(None).pieces(diff, stat=True, schema=False)),
        "schema": "".join(HtmlDiff(None).pieces(diff, stat=False, schema=True)),
        "report": "".join(pieces(hostile_report(), project)),
        "none": "".join(pieces(nothing, project)),
    }


@pytest.fixture(scope="module")
def hostile() -> dict[str, str]:
    return hostile_pages()


@pytest.mark.parametrize("name", ["diff", "stat", "schema", "report", "none"])
def test_hostile_text_is_harmless_wherever_it_stands(hostile: dict[str, str], name: str) -> None:
    source = hostile[name]
    assert not RAW.search(source)
    source.encode("utf-8", "strict")
    page = Page(source, frozenset({"svg"}))
    assert "alert(1)" in page.find("main")[0].text
    assert "49" not in page.find("h1")[0].text
    for one in page.all:
        assert not [attribute for attribute in one.attributes if attribute.startswith("on")]
        assert set(one.attributes.get("class", "").split()) <= CLASSES | {""}, one.attributes
    title = page.find("title")[0].text
    assert WRITTEN_OUT in title
    assert "span" not in title


CLASSES = set(
    re.findall(r"\.([a-z][a-z-]*)", (TEMPLATES / "page.css").read_text() + (TEMPLATES / "report.css").read_text())
)


def test_non_printable_characters_are_marked() -> None:
    assert visible("plain <b>") == "plain <b>"
    assert not isinstance(visible("plain <b>"), Markup)
    assert escape(visible("<a>\x00\u202e&")) == ('&lt;a&gt;<span class="escape">\\x00\\u202e</span>&amp;')
    assert visible("a\n\tb\r", keep="\n\t") == 'a\n\tb<span class="escape">\\r</span>'


def test_a_name_that_a_template_misses_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        list(render("report.html", names="x"))


def test_no_template_trusts_a_value() -> None:
    for path in TEMPLATES.glob("*.html"):
        source = path.read_text("utf-8")
        assert not re.search(r"\|\s*safe|autoescape|<script|https?:|javascript:", source), path


def test_many_changes_of_the_schema_are_folded_unless_asked_for() -> None:
    schema = [SchemaChange("table", f"t{n}", f"t{n}", "added", None, "CREATE TABLE t (a)") for n in range(6)]
    diff = diff_of("name", [{"a": 1}], schema=schema)
    for only_schema in (False, True):
        page = Page("".join(HtmlDiff(None).pieces(diff, stat=False, schema=only_schema)))
        statements = [one for card in page.find("div", **{"class": "card statement"}) for one in card.find("details")]
        assert {"open" in one.attributes for one in statements} == {only_schema}


@pytest.mark.parametrize(("count", "word"), [(1, "1 row "), (2, "2 rows ")])
def test_notes_have_their_plural(count: int, word: str) -> None:
    diff = diff_of("name", [{"a": 1}], moved=lambda: {"name": count})
    source = unescape("".join(HtmlDiff(None).pieces(diff, stat=False, schema=False)))
    assert f"{word}with a different rowid" in source
    assert "1 row differing only in ignored columns" in source


def test_a_long_page_is_never_in_memory() -> None:
    diff = diff_of("name", [{f"column {n}": f"a value {n}" for n in range(6)}], repeated=30_000)
    list(HtmlDiff(1).pieces(diff, stat=False, schema=False))  # which compiles the templates
    tracemalloc.start()
    try:
        length = sum(map(len, HtmlDiff(None).pieces(diff, stat=False, schema=False)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length > 10_000_000
    assert peak < length / 3


def test_rows_are_drawn_while_the_page_is_written() -> None:
    seen = 0

    def rows() -> Iterator[RowChange]:
        nonlocal seen
        for number in range(50_000):
            seen += 1
            yield RowChange("t", {}, "added", None, {"a": number}, ())

    diff = diff_of("t", [{"a": 1}])
    for database in diff.databases:
        stand_in = cast("Any", database.tables[0])
        stand_in.rows, stand_in.counts = rows, Counts(added=50_000)
    page = HtmlDiff(None).pieces(diff, stat=False, schema=False)
    while seen <= 100_000:  # twice for the counts of both databases
        next(page)
    assert seen < 102_500


def test_an_error_while_rows_are_drawn_is_not_changed() -> None:
    error = FileError("/db", "is damaged")

    def rows() -> Iterator[RowChange]:
        yield RowChange("t", {}, "added", None, {"a": 1}, ())
        if drawn:
            raise error
        drawn.append(True)

    drawn: list[bool] = []
    diff = diff_of("t", [{"a": 1}])
    stand_in = cast("Any", diff.databases[0].tables[0])
    stand_in.rows, stand_in.counts = rows, Counts(added=2)
    with pytest.raises(FileError) as raised:
        list(HtmlDiff(None).pieces(diff, stat=False, schema=False))
    assert raised.value is error


def test_only_pages_load_jinja(snap: Snap, tmp_path: Path) -> None:
    snap("tag", "baseline")
    with closing(connect(snap.database)) as connection:
        connection.execute("INSERT INTO item(name) VALUES ('x')")
    for arguments in (
        ["diff"],
        ["diff", "--format", "json"],
        ["diff", "--format", "sql"],
        ["report"],
        ["report", "--json"],
    ):
        assert not loads_jinja(snap, *arguments), arguments
    assert not loads_jinja(snap, "report", "--junit", str(tmp_path / "report.xml"))
    assert loads_jinja(snap, "diff", "--format", "html")
    assert loads_jinja(snap, "report", "--html", str(tmp_path / "report.html"))
    done = run(["--version"], snap.folder, PYTHONPROFILEIMPORTTIME="1")
    assert "jinja2" not in done.stderr


def loads_jinja(snap: Snap, *arguments: str) -> bool:
    return "jinja2" in snap(*arguments, PYTHONPROFILEIMPORTTIME="1").stderr


def test_the_report_can_be_narrowed_to_what_still_leaks() -> None:
    report = hostile_report()
    mended = replace(report.leaks[0], label="mended", recent=(True, False))
    leaking = replace(mended, label="leaking", recent=(False, True))
    other = replace(leaking, table="other", recent=(True, False))
    project = cast("Project", SimpleNamespace(databases={"default": "db"}))
    page = Page("".join(pieces(replace(report, leaks=(mended, leaking, other)), project)), frozenset({"svg"}))
    (section,) = page.find("section", **{"aria-labelledby": "leaks"})
    (box,) = section.find("input")
    assert box.attributes["id"] == "only-still"
    assert "1 test left nothing in the latest run" in section.text
    rows = section.find("tbody")[0].find("tr")
    assert [row.attributes.get("class") for row in rows] == ["mended", None, None], (
        "a test is shown with all its tables"
    )
    whole = "".join(pieces(replace(report, leaks=(leaking,)), project))
    assert 'id="only-still"' not in whole

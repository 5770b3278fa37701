"""The page of a diff as a document: well formed, self-contained, hostile values harmless, nothing left out unsaid."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser.conftest import HOSTILE, HOSTILE_TABLE
from tests.browser.parsed import Element, Page
from tests.support import Snap, connect

PAGES = ("full", "all", "stat", "schema", "same", "several")


def read(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def section(page: Page, name: str) -> Element:
    """Return the section under a heading."""
    found = [one for one in page.find("section") if any(h.text == name for h in one.find("h2") + one.find("h3"))]
    return found[-1]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_refers_to_nothing_outside(pages: dict[str, Path], name: str) -> None:
    page = read(pages[name])
    ids = [one.attributes["id"] for one in page.all if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    for one in page.all:
        assert not {"src", "srcset", "action", "background"} & one.attributes.keys()
        assert not [attribute for attribute in one.attributes if attribute.startswith("on")]
        if "href" in one.attributes:
            assert one.attributes["href"].removeprefix("#") in ids
        if label := one.attributes.get("aria-labelledby"):
            assert label in ids
    assert not re.search(r"url\(|@import|https?:", page.find("style")[0].text)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_aloud(pages: dict[str, Path], name: str) -> None:
    page = read(pages[name])
    assert page.find("html")[0].attributes["lang"] == "en"
    assert len(page.find("main")) == len(page.find("h1")) == 1
    levels = [int(one.tag[1]) for one in page.all if re.fullmatch("h[1-6]", one.tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    for table in page.find("table"):
        assert len(table.find("caption")) == 1
        assert all(cell.attributes.get("scope") in ("row", "col") for cell in table.find("th"))
        assert len({len(row.children) for row in table.find("tr")}) == 1
    for one in page.all:
        assert one.attributes.get("role") != "img" or one.attributes["aria-label"]


def test_the_title_says_which_states(pages: dict[str, Path], snapped: Snap) -> None:
    page = read(pages["full"])
    assert page.find("title")[0].text == page.find("h1")[0].text == "baseline → live"
    assert page.find("dl")[0].find("code")[0].text == snapped.json("diff", "baseline", "--stat")["from"]
    assert re.fullmatch(r"Made by snapstore \S+ at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", page.find("footer")[0].text)


def test_a_page_with_a_title_is_headed_by_it(snapped: Snap) -> None:
    id_ = snapped.json("diff", "baseline", "--stat")["from"]
    page = Page(snapped("diff", id_, "live", "--format", "html", "--stat", "--title", "a > b").stdout)
    assert page.find("h1")[0].text == "a > b"
    assert page.find("title")[0].text == f"a > b: {id_[:10]} → live"
    assert page.find("dl")[0].find("code")[0].text == id_


def test_hostile_values_and_names_are_text(pages: dict[str, Path]) -> None:
    page = read(pages["full"])
    table = section(page, HOSTILE_TABLE)
    assert [one.text for one in table.find("thead")[0].find("th")][1:] == ["name", "value", "<i>"]
    rows = {row.find("th")[0].text: row.children[2] for row in table.find("tbody")[0].find("tr")}
    for name in ("script", "image", "quotes", "emoji"):
        assert rows[name].text == HOSTILE[name]
    assert rows["separators"].text == r"a\u2028b\u2029c\u202ed"
    assert rows["control"].text == r"\x1b[31mred\x00\x07\r\n\tend"
    assert rows["invalid"].text == r"A\udcffB"
    assert [rows[name].text for name in ("number", "word", "empty", "padded")] == [
        "'12'",
        "'NULL'",
        "''",
        "'  padded '",
    ]


def test_the_file_is_utf_8_without_control_characters(pages: dict[str, Path]) -> None:
    for path in pages.values():
        text = path.read_bytes().decode("utf-8", "strict")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\ud800-\udfff]", text)


def test_long_values_unfold_and_do_not_fill_the_page(pages: dict[str, Path]) -> None:
    table = section(read(pages["full"]), HOSTILE_TABLE)
    long = next(row for row in table.find("tr") if row.find("th")[0].text == "long").find("details")[0]
    assert long.find("summary")[0].text.endswith("… 60,000 characters")
    assert long.find("pre")[0].text.lstrip("\n").startswith("<b><b>")
    assert long.find("pre")[0].text.endswith("… 40,000 more characters")


def test_a_changed_row_shows_old_and_new_where_they_differ(pages: dict[str, Path]) -> None:
    rows = {row.find("th")[0].text: row for row in section(read(pages["all"]), "person").find("tbody")[0].find("tr")}
    assert [one.text for one in rows["3"].find("del")] == ["person 2", "3.0"]
    assert [one.text for one in rows["3"].find("ins")] == ["NULL", "4.0"]
    assert "and died" in rows["58"].find("ins")[-1].find("summary")[0].text
    assert "(4,000 bytes)" in rows["40"].find("ins")[0].text
    assert rows["5"].attributes["class"] == "removed"
    assert not rows["5"].find("del")


def test_what_is_cut_is_counted(pages: dict[str, Path]) -> None:
    full, whole = read(pages["full"]), read(pages["all"])
    assert [one.text for one in section(full, "note").find("p")] == ["38 more rows; --limit 0 shows all"]
    assert len(section(full, "note").find("tbody")[0].find("tr")) == 30
    assert len(section(whole, "note").find("tbody")[0].find("tr")) == 68
    assert not whole.find("p", **{"class": "cut"})


def test_the_summary_counts_and_links(pages: dict[str, Path], snapped: Snap) -> None:
    page = read(pages["full"])
    counts = snapped.json("diff", "baseline", "--stat")["databases"]["default"]["tables"]
    rows = page.find("table")[0].find("tbody")[0].find("tr")
    for row in rows:
        name, *numbers = (cell.text for cell in row.children[:4])
        found = [int(re.sub(r"[^\d]", "", number)) for number in numbers]
        assert counts[name] == dict(zip(("added", "removed", "changed"), found, strict=True))
        target = row.find("a")[0].attributes["href"][1:]
        assert page.find("section", id=target)[0].find("h2")[0].text == name
    assert len(rows) == len(counts)
    roots, notes = ([one.text for one in of.find("li")] for of in page.find("ul")[:2])
    assert roots[0].startswith("\N{MINUS SIGN} removed person 5, 15, 25")
    assert any(one.startswith("+ added item 301-340") for one in roots)
    assert notes == [
        "~ table note changed",
        "\N{MINUS SIGN} index item_name removed",
        "~ setting user_version: 0 → 7",
        "sequence of item: 300 → 340",
    ]


def test_the_schema_shows_both_statements_and_marks_the_words(pages: dict[str, Path]) -> None:
    page = read(pages["schema"])
    changed, removed = page.find("details")
    assert [one.text.strip() for one in changed.find("figcaption")] == ["\N{MINUS SIGN} before", "+ after"]
    assert changed.find("ins")[0].text == ", colour TEXT DEFAULT 'grey'"
    assert [one.text.strip() for one in removed.find("pre")] == ["CREATE INDEX item_name ON item(name)"]
    assert not page.find("table")


def test_counts_alone_have_no_sections(pages: dict[str, Path]) -> None:
    page = read(pages["stat"])
    assert len(page.find("table")) == 1
    assert not page.find("a")
    assert not page.find("input")


def test_states_that_are_the_same_say_so(pages: dict[str, Path]) -> None:
    page = read(pages["same"])
    assert [one.text for one in page.find("strong")] == ["The two states are identical"]
    assert not page.find("table")


def test_rows_that_are_the_same_in_other_pages_say_so(tmp_path: Path, snap: Snap) -> None:
    snap("tag", "baseline")
    with closing(connect(snap.database)) as connection:
        connection.execute("INSERT INTO item(name) VALUES ('x')")
        connection.execute("DELETE FROM item WHERE name = 'x'")
    page = Page(snap("diff", "baseline", "--format", "html").stdout)
    assert [one.text for one in page.find("strong")] == ["Rows and schema are the same"]
    assert [one.text for one in page.find("li")] == ["sequence of item: 500 → 501"]


def test_several_databases_have_a_heading_each(pages: dict[str, Path]) -> None:
    page = read(pages["several"])
    assert [one.text for one in page.find("h2")] == ["Summary", "one", "two"]
    assert [one.text for one in page.find("h3")] == ["one", "two", "item", "item"]


def test_many_rows_are_folded_in_sheets(snap: Snap) -> None:
    snap("tag", "baseline")
    with closing(connect(snap.database)) as connection:
        connection.executemany("INSERT INTO item(name) VALUES (?)", [(str(n),) for n in range(2100)])
    found = section(Page(snap("diff", "baseline", "--format", "html", "--limit", "2050").stdout), "item")
    assert [len(table.find("tbody")[0].find("tr")) for table in found.find("table")] == [1000, 1000, 50]
    assert [one.text for one in found.find("summary")] == ["Rows 1,001 to 2,000", "Rows 2,001 to 2,050"]
    assert [one.text for one in found.find("p")] == ["50 more rows; --limit 0 shows all"]

"""The page of a report: in a browser, wide and narrow, light and dark, on paper; and as a document."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from snapstore.project import Project
from snapstore.store import Store
from tests.browser.chromium import A4_WIDTH, Chromium, Look
from tests.browser.colors import (
    DARK,
    LEAST_CONTRAST,
    LEAST_DRAWN_CONTRAST,
    LIGHT,
    contrast,
    luminance,
    scan_lines,
)
from tests.browser.parsed import Page
from tests.suite.recorded import HOSTILE, TESTS, record
from tests.support import Snap, make_database

COLORED = {
    "text": "body, h1, h2, h3, p, li, footer, summary, figcaption, .big",
    "cells": "tbody th, tbody td, thead th",
    "soft": ".soft, .axis, .scale span",
    "code": "code",
}
DRAWN = {
    "verdicts": ".stacks rect, .legend i",
    "runs": ".runs rect",
    "intervals": ".reach, .interval .mark",
    "times": ".phase, .whisker",
    "curve": ".line",
}
LOOKS = tuple(product((1280, 390), ("light", "dark")))
Seen: TypeAlias = dict[tuple[str, int, str], tuple[Look, dict[str, Any]]]
SVG = frozenset({"svg"})


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return pages of weeks of suites, of one suite, and of none."""
    made = {}
    for name, days in (("weeks", 40), ("first", 1), ("none", 0)):
        snap = Snap(tmp_path_factory.mktemp(name))
        make_database(snap.database, rows=5)
        with Store.create(snap.store) as store:
            record(store, Project.of({"default": snap.database}).origin, days)
        made[name] = snap.folder / f"{name}.html"
        snap("report", "--html", str(made[name]))
    return made


@pytest.fixture(scope="session")
def seen(chromium: Chromium, pages: dict[str, Path]) -> Seen:
    """Return what the browser saw, by page, width and colours."""
    keys = [(name, *look) for name in ("weeks", "first") for look in LOOKS]
    looks = [Look(pages[name], width, colors, colored=COLORED, drawn=DRAWN) for name, width, colors in keys]
    return dict(zip(keys, zip(looks, chromium.look(*looks), strict=True), strict=True))


def test_nothing_is_asked_for_and_nothing_complains(seen: Seen) -> None:
    for look, found in seen.values():
        assert found["errors"] == []
        assert {one.split("#")[0] for one in found["requests"]} == {look.page.as_uri()}


def test_the_page_never_scrolls_sideways(seen: Seen) -> None:
    for key, (_, found) in seen.items():
        assert found["size"]["document"] <= found["size"]["window"] == key[1]
        assert found["size"]["wide"] == [], key


@pytest.mark.parametrize(("width", "colors"), LOOKS)
def test_everything_can_be_read(seen: Seen, width: int, colors: str) -> None:
    _, found = seen["weeks", width, colors]
    for name, pairs in found["colored"].items():
        assert pairs, f"nothing is {name}"
        for pair in pairs:
            assert contrast(pair["text"], pair["ground"]) >= LEAST_CONTRAST, (name, pair)


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_charts_can_be_told_from_their_ground(seen: Seen, colors: str) -> None:
    _, found = seen["weeks", 1280, colors]
    for name, pairs in found["drawn"].items():
        assert pairs, f"nothing is {name}"
        for pair in pairs:
            assert contrast(pair["text"], pair["ground"]) >= LEAST_DRAWN_CONTRAST, (name, pair)


def test_a_phone_shows_every_column_without_scrolling(seen: Seen) -> None:
    for name in ("weeks", "first"):
        _, found = seen[name, 390, "light"]
        assert found["boxes"]
        assert [box for box in found["boxes"] if box["hides"][0]] == []


def test_colors_follow_the_reader(seen: Seen) -> None:
    for (_, _, colors), (_, found) in seen.items():
        grounds = [luminance(pair["ground"]) for pair in found["colored"]["text"]]
        assert max(grounds) < DARK if colors == "dark" else min(grounds) > LIGHT


def test_screenshots_are_pictures(seen: Seen) -> None:
    for look, _ in seen.values():
        assert len(set(scan_lines(look.screenshot.read_bytes()))) > 100


@pytest.fixture(scope="session")
def paper(chromium: Chromium, pages: dict[str, Path]) -> dict[str, Any]:
    """Return what the browser saw of a page for paper."""
    (found,) = chromium.look(Look(pages["weeks"], A4_WIDTH, "dark", "print", COLORED))
    return found


def test_paper_is_light_and_shows_the_whole_page(paper: dict[str, Any]) -> None:
    assert all(luminance(pair["ground"]) > LIGHT for pair in paper["colored"]["text"])
    assert paper["size"]["document"] <= A4_WIDTH
    assert paper["paper"]["cut"] == []
    assert [box for box in paper["boxes"] if any(box["hides"])] == []
    assert "Suites" in {box["name"] for box in paper["boxes"]}


def test_nothing_on_paper_waits_for_a_click(paper: dict[str, Any]) -> None:
    assert {name: found for name, found in paper["paper"].items() if found} == {}


@pytest.mark.parametrize("name", ["weeks", "first", "none"])
def test_it_is_well_formed_and_refers_to_nothing_outside(pages: dict[str, Path], name: str) -> None:
    source = pages[name].read_text("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\ud800-\udfff]", source)
    page = Page(source, SVG)
    ids = [one.attributes["id"] for one in page.all if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    for one in page.all:
        assert not {"src", "srcset", "action", "background", "href", "xlink:href"} & one.attributes.keys()
        assert not [attribute for attribute in one.attributes if attribute.startswith("on")]
        if label := one.attributes.get("aria-labelledby"):
            assert label in ids
    assert not re.search(r"url\(|@import|https?:", source)


def test_pictures_are_said_in_words_and_tables_are_named(pages: dict[str, Path]) -> None:
    page = Page(pages["weeks"].read_text("utf-8"), SVG)
    drawings = page.find("svg")
    assert len(drawings) > 15
    for one in drawings:
        assert one.attributes["role"] == "img"
        assert one.attributes["aria-label"].strip()
    for table in page.find("table"):
        assert len(table.find("caption")) == 1
        rows = [len(row.children) for row in table.find("tr")]
        spanned = [int(cell.attributes.get("rowspan", 1)) - 1 for cell in table.find("th")]
        assert len(rows) * rows[0] == sum(rows) + sum(spanned)


def test_it_says_what_the_ledger_does(pages: dict[str, Path]) -> None:
    page = Page(pages["weeks"].read_text("utf-8"), SVG)
    found = Snap(pages["weeks"].parent).json("report")
    big = [f"{100 * found[name]['share']:.1f}%".replace(".0%", "%") for name in ("cleanup", "restore", "state_ok")]
    assert [one.text for one in page.find("p", **{"class": "big"})] == big
    scenarios = [one["name"] for one in found["scenarios"]]
    assert set(scenarios) == {scenario for _, scenario in TESTS} | {HOSTILE}
    leaking = {one["label"] for one in found["leaks"]}
    assert leaking < {label for label, _ in TESTS} | {HOSTILE}
    shown = [one.text for one in page.find("th", scope="row") + page.find("th", scope="rowgroup")]
    assert {one for one in [*scenarios, *leaking] if one != HOSTILE} <= set(shown)
    assert page.find("title")[0].text == "Reliability of db.sqlite3"
    hostile = HOSTILE.replace("\x1b", r"\x1b").replace("\u202e", r"\u202e")
    assert [one.text for one in page.find("th", scope="row") if "alert" in one.text] == [hostile, hostile]


def test_without_a_suite_it_says_how_to_get_one(pages: dict[str, Path]) -> None:
    assert "No suite has run yet" in Page(pages["none"].read_text("utf-8"), SVG).root.text

"""The page of a diff in a browser: wide and narrow, light and dark, on paper, scrolled."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import pytest

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

COLORED = {
    "text": "body, h1, h2, h3, p, li, footer, caption, dt, dd, summary",
    "links": "main a",
    "heads": "thead th",
    "chips": ".chip, .number",
    "added": "tr.added > *",
    "removed": "tr.removed > *",
    "changed": "tr.changed > *",
    "old and new": "del, ins",
    "statements": "figure pre, figcaption",
    "small": "small, .null, .escape, .blob, .soft, .to",
}
DRAWN = {"bars": ".bar i"}
LOOKS = tuple(product((1280, 390), ("light", "dark")))
Seen: TypeAlias = dict[tuple[str, int, str], tuple[Look, dict[str, Any]]]


@pytest.fixture(scope="session")
def seen(chromium: Chromium, pages: dict[str, Path]) -> Seen:
    """Return what the browser saw, by page, width and colours."""
    keys = [(name, *look) for name in ("full", "same", "several") for look in LOOKS]
    looks = [
        Look(pages[name], width, colors, colored=COLORED, drawn=DRAWN, uses=name == "full")
        for name, width, colors in keys
    ]
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
    _, found = seen["full", width, colors]
    for name, pairs in found["colored"].items():
        assert pairs, f"nothing is {name}"
        for pair in pairs:
            assert contrast(pair["text"], pair["ground"]) >= LEAST_CONTRAST, (name, pair)


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_bars_can_be_told_from_their_ground(seen: Seen, colors: str) -> None:
    _, found = seen["full", 1280, colors]
    assert len(found["drawn"]["bars"]) == 3
    for pair in found["drawn"]["bars"]:
        assert contrast(pair["text"], pair["ground"]) >= LEAST_DRAWN_CONTRAST, pair


def test_a_table_that_goes_on_fades_until_it_is_scrolled_to_its_end(seen: Seen) -> None:
    for key, (_, found) in seen.items():
        for box in found["boxes"]:
            assert [fade > 0 for fade in box["start"]] == box["hides"], (key, box)
            assert box["end"] == [0, 0], (key, box)
    _, phone = seen["full", 390, "light"]
    assert {box["name"]: box["hides"] for box in phone["boxes"]}["Rows of wide that differ"] == [True, False]
    _, desktop = seen["several", 1280, "light"]
    assert [box["hides"] for box in desktop["boxes"]] == [[False, False]] * 4


def test_colors_follow_the_reader(seen: Seen) -> None:
    for (_, _, colors), (_, found) in seen.items():
        grounds = [luminance(pair["ground"]) for pair in found["colored"]["text"]]
        assert max(grounds) < DARK if colors == "dark" else min(grounds) > LIGHT


def test_rows_differ_in_colour_and_in_sign(seen: Seen) -> None:
    for key, (_, found) in seen.items():
        if key[0] == "full":
            grounds = [{pair["ground"] for pair in found["colored"][kind]} for kind in ("added", "removed", "changed")]
            assert not grounds[0] & grounds[1]
            assert not grounds[0] & grounds[2]
            assert not grounds[1] & grounds[2]


def test_links_land_and_heads_stay(seen: Seen) -> None:
    _, found = seen["full", 1280, "light"]
    assert {link["href"] for link in found["links"]} >= {"#top", "#t1", "#t2", "#s1-1"}
    assert [link for link in found["links"] if not link["lands"]] == []
    assert found["size"]["head"] == "sticky"


def test_kinds_of_rows_can_be_hidden(seen: Seen) -> None:
    _, found = seen["full", 390, "dark"]
    assert found["filters"].keys() == {"added", "removed", "changed"}
    assert all(before > after == 0 for before, after in found["filters"].values())


def test_screenshots_are_pictures(seen: Seen) -> None:
    for look, _ in seen.values():
        assert len(set(scan_lines(look.screenshot.read_bytes()))) > 100


@pytest.fixture(scope="session")
def paper(chromium: Chromium, pages: dict[str, Path]) -> dict[str, Any]:
    """Return what the browser saw of a page for paper."""
    look = Look(pages["full"], A4_WIDTH, "dark", "print", COLORED)
    (found,) = chromium.look(look)
    return found


def test_paper_is_light_and_shows_the_whole_page(paper: dict[str, Any]) -> None:
    assert all(luminance(pair["ground"]) > LIGHT for pair in paper["colored"]["text"])
    assert paper["size"]["head"] == "static"
    assert paper["size"]["document"] <= A4_WIDTH
    assert paper["paper"]["cut"] == []
    for box in paper["boxes"]:
        assert box["hides"] == [False, False], box
        assert box["start"] == [0, 0], box


def test_nothing_on_paper_waits_for_a_click(paper: dict[str, Any]) -> None:
    assert paper["paper"]["controls"] == []
    assert paper["paper"]["links"] == []
    assert paper["paper"]["markers"] == []
    assert paper["paper"]["folded"] == []

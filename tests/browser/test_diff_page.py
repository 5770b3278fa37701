"""The page of a diff in a browser: wide and narrow, light and dark, on paper."""

from __future__ import annotations

import re
import zlib
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.browser.chromium import Chromium, Look

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
LEAST_CONTRAST = 4.5  # WCAG 2.1, 1.4.3
DARK, LIGHT = 0.05, 0.8  # relative luminance
LOOKS = tuple(product((1280, 390), ("light", "dark")))
Seen: TypeAlias = dict[tuple[str, int, str], tuple[Look, dict[str, Any]]]


@pytest.fixture(scope="session")
def seen(chromium: Chromium, pages: dict[str, Path]) -> Seen:
    """Return what the browser saw, by page, width and colours."""
    keys = [(name, *look) for name in ("full", "same", "several") for look in LOOKS]
    looks = [Look(pages[name], width, colors, colored=COLORED, uses=name == "full") for name, width, colors in keys]
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


def test_on_paper_it_is_light_and_whole(chromium: Chromium, pages: dict[str, Path]) -> None:
    look = Look(pages["full"], 800, "dark", "print", COLORED)
    (found,) = chromium.look(look)
    assert all(luminance(pair["ground"]) > LIGHT for pair in found["colored"]["text"])
    assert found["size"]["head"] == "static"
    assert found["size"]["document"] <= 800


def contrast(text: str, ground: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.1)."""
    lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance of `rgb(r, g, b)` (WCAG 2.1)."""
    found = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", color)
    assert found, f"{color} is not opaque"
    parts = (int(part) / 255 for part in found.groups())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def scan_lines(png: bytes) -> list[bytes]:
    """Return the lines of a PNG's pixels as they are filtered: a blank picture has about two kinds of them."""
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    at, packed = 8, b""
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + size]
        at += size + 12
    pixels = zlib.decompress(packed)
    assert width
    length = len(pixels) // height
    return [pixels[start : start + length] for start in range(0, len(pixels), length)]

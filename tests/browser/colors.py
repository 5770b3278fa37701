"""Colours as a browser computed them, and pictures as it took them."""

from __future__ import annotations

import re
import zlib

LEAST_CONTRAST = 4.5  # of text: WCAG 2.1, 1.4.3
LEAST_DRAWN_CONTRAST = 3  # of shapes: WCAG 2.1, 1.4.11
DARK, LIGHT = 0.05, 0.8  # relative luminance


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

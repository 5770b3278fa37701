"""Chromium, driven by look.js: which pages to look at, and what was seen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OLDEST_NODE = 20
A4_WIDTH = 688  # CSS pixels between margins of 14 mm
TIMEOUT = 240  # seconds


@dataclass(frozen=True)
class Look:
    """A look at a page; `uses` follows links and hides rows too.

    `colored` and `drawn` are selectors of text and of shapes, by a name for them.
    """

    page: Path
    width: int
    colors: str
    media: str = "screen"
    colored: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)
    uses: bool = False

    @property
    def screenshot(self) -> Path:
        """Where the picture goes, beside the page."""
        return self.page.with_name(f"{self.page.stem}-{self.media}-{self.width}-{self.colors}.png")

    def order(self) -> dict[str, Any]:
        """Return what look.js is told."""
        return {
            "url": self.page.as_uri(),
            "width": self.width,
            "colors": self.colors,
            "media": self.media,
            "colored": self.colored,
            "drawn": self.drawn,
            "uses": self.uses,
            "screenshot": os.fspath(self.screenshot),
        }


class Chromium:
    """The browser of the machine, with the driver installed in a folder."""

    def __init__(self, browser: str, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    @classmethod
    def install(cls, folder: Path) -> Chromium:
        """Install the driver in a folder; skip where the machine has no browser, no Node.js or no way to get it."""
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            pytest.skip("no Chromium on this machine")
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            pytest.skip("no Node.js with npm on this machine")
        version = _run([node, "--version"], folder).stdout.strip()
        if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
            pytest.skip(f"Node.js is {version}, the driver needs {OLDEST_NODE}")
        for name in ("package.json", "package-lock.json", "look.js"):
            shutil.copy(HERE / name, folder)
        done = _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
            pytest.skip(f"npm cannot install the driver: {'; '.join(said[:2])}")
        return cls(browser, folder)

    def look(self, *looks: Look) -> list[dict[str, Any]]:
        """Look at pages in one start of the browser."""
        order = {"browser": self._browser, "looks": [look.order() for look in looks]}
        done = _run(["node", "look.js"], self._folder, json.dumps(order))
        assert done.returncode == 0, done.stderr
        seen: list[dict[str, Any]] = json.loads(done.stdout)
        return seen


def _run(command: list[str], folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )

"""A database with a folder of uploads and a file of settings beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trees.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return an application's folder with a few uploads."""
    with Site(tmp_path) as site:
        site.write("one.txt", "one")
        site.write("pictures/cat.png", b"\x89PNG cat")
        site.settings.write_text("{}")
        yield site

"""Generated pairs: a database that hypothesis makes up, before and after changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import HealthCheck, note
from hypothesis import strategies as st

from tests.database.generated import Generator
from tests.database.oracle import Side

CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
"""What hypothesis need not mind: such examples are large."""


class Pair(NamedTuple):
    """Both sides, and a folder to work in, which has the sides as `before` and `after`."""

    before: Side
    after: Side
    folder: Path


@contextmanager
def made_up(data: st.DataObject, *, is_plain: bool = False) -> Iterator[Pair]:
    """Make up a database and change it."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        generator = Generator(data.draw, path / "db", is_plain=is_plain)
        with closing(generator.connection):
            generator.build()
            before = Side((path / "db").read_bytes(), path / "before")
            generator.script.append("-- before")
            generator.mutate()
            after = Side((path / "db").read_bytes(), path / "after")
        note("\n".join(generator.script))
        with closing(before.connection), closing(after.connection):
            yield Pair(before, after, path)

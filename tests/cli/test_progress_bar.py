"""The progress bar: on a terminal, after a while, and gone before anything else is printed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.cli import progress_bar, streams
from snapstore.cli.progress_bar import ProgressBar, duration
from tests.support import ENVIRONMENT, connect, make_database


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "QUIET_SECONDS", -1.0)
    monkeypatch.setattr(progress_bar, "_BETWEEN_SECONDS", -1.0)


@pytest.mark.usefixtures("at_once")
def test_it_says_what_is_done_and_goes_before_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar()
    bar.start("reading \x1b[2J", 200)
    bar.advance(50)
    bar.advance(500)  # more than was announced
    streams.write_lines(["a line"], err=True)
    streams.write_lines(["another"], err=True)
    said = capsys.readouterr().err
    clear = "\r\x1b[K"
    assert said.count(clear) == 3
    assert said == (
        f"{clear}reading \\x1b[2J  [{'#' * 7}{'-' * 23}]   25%{clear}reading \\x1b[2J  [{'#' * 30}]  100%"
        f"{clear}a line\nanother\n"
    )


@pytest.mark.usefixtures("at_once")
def test_what_crosses_a_network_says_how_much_and_how_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bar = ProgressBar()
    bar.start("uploading", 320_000_000)
    for seconds, count in ((0.1, 20_000_000), (3.9, 60_000_000), (100, 235_000_000), (0, 90_000_000)):
        now[0] += seconds
        bar.advance(count)
    said = capsys.readouterr().err.split("\r\x1b[K")[1:]
    bar.hide()
    assert said == [
        "uploading  [#---------------]    6%  20.0 MB of 320.0 MB",
        "uploading  [####------------]   25%  80.0 MB of 320.0 MB, 12 s left",
        "uploading  [###############-]   98%  315.0 MB of 320.0 MB, 2 s left",
        "uploading  [################]  100%  320.0 MB of 320.0 MB",
    ]
    assert [duration(seconds) for seconds in (0.1, 59, 61, 3599, 7300)] == ["1 s", "59 s", "1 min", "60 min", "2 h"]


def test_short_work_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar()
    bar.start("reading", 2)
    bar.advance(1)
    bar.hide()
    assert capsys.readouterr().err == ""


class Heard:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.pieces: dict[str, list[int]] = {}

    def start(self, what: str, total_bytes: int) -> None:
        self._now = self.pieces.setdefault(what, [0, 0])
        self._now[1] += total_bytes

    def advance(self, done_bytes: int) -> None:
        self._now[0] += done_bytes


@pytest.mark.parametrize("verb", ["verify", "diff", "status", "clean"])
def test_comparing_rows_is_work_that_is_counted(tmp_path: Path, verb: str) -> None:
    path, heard = make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=3000), Heard()
    with Snapstore(db=path, store=tmp_path / "store", cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.tag("base")
        connection = connect(path)
        connection.execute("DELETE FROM item")
        connection.close()
        snap.progress = heard
        getattr(snap, verb)(*(["base"] if verb != "status" else []))
        done, total = heard.pieces["comparing default"]
        assert total > 100_000
        assert done >= total

"""A remote is added to a configuration and taken out again; all else in the file stays as it is, to the byte."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from snapstore.config.editing import as_options, read, with_remote, without_remote
from snapstore.config.keys import load
from snapstore.errors import ConfigurationError

PLAIN = "# ours\ndatabase: db.sqlite3   # live\n\n# what suites begin with\nbaseline: baseline\n# the end\n"
BLOCK = """\
remotes:   # shared
    # the team's
    origin: s3://a/b   # everybody
    ci:
        url: /mnt/ci   # workers

        pull: [a,
               b]  # both

# after
database: db.sqlite3
"""
FLOW = "remotes: {origin: s3://a/b} # one\ndatabase: db.sqlite3\n"
URL = as_options(url="/srv/new")
WHOLE = as_options(url="s3://new/x", endpoint="https://h:9000", region=None, read_only=True, allow_http=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "snapstore.yaml"


def added(file: Path, text: str, options: dict[str, str] = URL, **more: str) -> str:
    file.write_bytes(text.encode())
    with_remote(read(os.fspath(file)), "new", options, more).write()
    return file.read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PLAIN, PLAIN + "remotes:\n  new: /srv/new\n"),
        ("", "remotes:\n  new: /srv/new\n"),
        ("# nothing yet", "# nothing yet\nremotes:\n  new: /srv/new\n"),
        ("database: a", "database: a\nremotes:\n  new: /srv/new\n"),
        ("database: a\r\n", "database: a\r\nremotes:\r\n  new: /srv/new\r\n"),
        (BLOCK, BLOCK.replace("both\n", "both\n    new: /srv/new\n")),
        (FLOW, FLOW.replace("a/b}", "a/b, new: /srv/new}")),
        ("remotes: {}\n", "remotes: {new: /srv/new}\n"),
        ("database: a\nremotes:\n  b: c", "database: a\nremotes:\n  b: c\n  new: /srv/new\n"),
        (
            "remotes:\n  b:\n    url: >-\n      folded\n\n\nstore: c\n",
            "remotes:\n  b:\n    url: >-\n      folded\n\n\n  new: /srv/new\nstore: c\n",
        ),
        ("remotes: &r\n  a: b\n", "remotes: &r\n  a: b\n  new: /srv/new\n"),
        ("store: |+\n  a\n\n", "store: |+\n  a\n\nremotes:\n  new: /srv/new\n"),
    ],
)
def test_a_remote_is_added(file: Path, before: str, after: str) -> None:
    assert added(file, before) == after
    assert load(os.fspath(file)).remotes["new"].url == "/srv/new"


def test_a_remote_with_more_than_a_url(file: Path) -> None:
    lines = "new:\n{0}url: s3://new/x\n{0}endpoint: https://h:9000\n{0}read_only: true\n"
    assert added(file, PLAIN, WHOLE) == PLAIN + "remotes:\n  " + lines.format("    ")
    assert added(file, BLOCK, WHOLE) == BLOCK.replace("both\n", "both\n    " + lines.format("      "))
    flow = "{url: s3://new/x, endpoint: https://h:9000, read_only: true}"
    assert added(file, FLOW, WHOLE) == FLOW.replace("a/b}", f"a/b, new: {flow}}}")


def test_keys_at_the_top_are_added_too(file: Path) -> None:
    found = added(file, "remotes:\n  origin: a\n", remote="origin", project="shop")
    assert found == "remotes:\n  origin: a\n  new: /srv/new\nremote: origin\nproject: shop\n"


@pytest.mark.parametrize(
    "text",
    [
        "{database: a}\n",
        "remotes: {a: b,}\n",
        "database: a\n...\n",
        "  database: a\n",
        "store: |\n  a",
        "remotes: [a]\n",
    ],
)
def test_a_layout_that_is_not_known_is_left_alone(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        with_remote(read(os.fspath(file)), "new", WHOLE, {})
    assert file.read_text() == text
    assert raised.value.hint
    assert "new: {url: s3://new/x, endpoint: https://h:9000, read_only: true}" in raised.value.hint


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("remotes: # one\n  new: a # this\n# more\nstore: b\n", "# more\nstore: b\n"),
        ("remotes:\n  a: b\n  # of it\n  new:\n    url: c # this\n  d: e\n", "remotes:\n  a: b\n  # of it\n  d: e\n"),
        ("remotes: {new: a}\nremote: new\nstore: b\n", "store: b\n"),
        ("remotes: {new: a, c: d}\nremote: new # it\nstore: b\n", "remotes: {c: d}\nstore: b\n"),
        ("remotes: {c: d, new: {url: a}} # two\nremote: c\n", "remotes: {c: d} # two\nremote: c\n"),
        ("store: b\nremotes:\n  new: a", "store: b\n"),
        ("remotes:\n  a: b\n  new: c", "remotes:\n  a: b\n"),
    ],
)
def test_a_remote_is_removed(file: Path, before: str, after: str) -> None:
    file.write_text(before)
    without_remote(read(os.fspath(file)), "new").write()
    assert file.read_text() == after


@pytest.mark.parametrize("text", [PLAIN, BLOCK, FLOW, "database: a\n"])
@pytest.mark.parametrize("options", [URL, WHOLE])
def test_what_was_added_is_removed_to_the_byte(file: Path, text: str, options: dict[str, str]) -> None:
    added(file, text, options)
    without_remote(read(os.fspath(file)), "new").write()
    assert file.read_text() == text


def test_a_file_keeps_its_mode_and_the_link_to_it(tmp_path: Path, file: Path) -> None:
    (tmp_path / "real.yaml").write_text("database: a\n")
    (tmp_path / "real.yaml").chmod(0o640)
    file.symlink_to("real.yaml")
    with_remote(read(os.fspath(file)), "new", URL, {}).write()
    assert file.is_symlink()
    assert stat.S_IMODE((tmp_path / "real.yaml").stat().st_mode) == 0o640
    assert load(os.fspath(file)).remotes


def test_values_are_quoted_where_yaml_needs_it(file: Path) -> None:
    for url in ("/srv/a: b", "/srv/#x", "/srv/a, b", "/srv/'q\"", "/srv/\u00e4 \u2028", "* a"):
        added(file, PLAIN, as_options(url=url))
        assert load(os.fspath(file)).remotes["new"].url.endswith(url)

"""Which lines of the reflog file count: those of complete transactions that no later line voids."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapstore.history.reflog import HEAD, ReflogEntry, reflog_line
from snapstore.history.reflog_file import parse_reflog, read_reflog, renew_reflog
from snapstore.history.refs import Ref
from snapstore.history.replay import replay

ID = "ab" * 16
OTHER = "cd" * 16
AT = "2026-01-31T09:30:00.000000Z"


def entry(
    number: int, ref: str = "tag", snapshot: str | None = ID, action: str = "tag", message: str = ""
) -> ReflogEntry:
    return ReflogEntry(number, ref, "", snapshot, None, action, message, AT)


def line(number: int, last: int | None = None, **fields: str) -> bytes:
    return reflog_line(entry(number, **fields), last or number)


def numbers(*lines: bytes) -> list[int]:
    return sorted(parse_reflog(lines).entries)


def test_whole_transactions_count() -> None:
    assert numbers(line(1), line(2, 3), line(3), line(4)) == [1, 2, 3, 4]


def test_a_transaction_that_was_cut_short_at_the_end_does_not_count() -> None:
    assert numbers(line(1), line(2, 3)) == [1]
    assert numbers(line(1), line(2, 3), line(3)[:-9]) == [1]
    assert numbers(line(1), line(2)[:-1]) == [1]


def test_a_number_that_comes_again_voids_the_whole_transaction() -> None:
    found = parse_reflog([line(1), line(2, 4), line(3, 4), line(4), line(2, ref="other")])
    assert sorted(found.entries) == [1, 2]
    assert found.entries[2].ref == "other"


def test_after_a_cut_line_the_next_transaction_counts() -> None:
    assert numbers(line(1), line(2, 3), line(3)[:20], b"\n", line(2, 3, ref="b"), line(3, ref="b")) == [1, 2, 3]
    assert parse_reflog([line(1), line(2)[:20] + b"\n", line(2)]).damaged == [2]


def test_the_readable_lines_of_a_damaged_transaction_count_if_others_follow() -> None:
    damaged = line(3, 4).replace(b"tag", b"gat", 1)
    assert numbers(line(1), line(2, 4), damaged, line(4), line(5)) == [1, 2, 4, 5]
    assert numbers(line(1), line(2, 3), line(3)[:-9] + b"\n", line(4)) == [1, 2, 4]


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"x", b"0123456789abcdef {}\n", b"\xff" * 40 + b"\n", b"[" * 5000 + b"\n"]
)
def test_text_that_is_not_a_line_is_skipped(text: bytes) -> None:
    assert numbers(line(1), text, line(2)) == [1, 2]


def test_a_rewritten_file_says_the_same_and_the_old_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "reflog"
    path.write_bytes(b"damaged")
    entries = [entry(1), entry(2, "b", None, "rm")]
    renew_reflog(str(path), entries)
    assert list(read_reflog(str(path)).entries.values()) == entries
    assert (tmp_path / "reflog.before-rebuild").read_bytes() == b"damaged"
    renew_reflog(str(path), entries)
    assert (tmp_path / "reflog.before-rebuild-2").exists()


def test_replay_gives_names_messages_pins_and_heads() -> None:
    found = replay(
        [
            entry(1, "a", message="said"),
            entry(2, "a", action="pin"),
            entry(3, "a", None, "rename", "to b"),
            entry(4, "b", action="rename", message="from a"),
            entry(5, "b", action="pin"),
            entry(6, "c", OTHER),
            entry(7, "c", None, "rm"),
            ReflogEntry(8, HEAD, "project", OTHER, ("one",), "tag", "", AT),
            ReflogEntry(9, HEAD, "project", ID, None, "restore", "", AT),
            entry(10, "", OTHER, "forget"),
            entry(11, "", OTHER, "free"),
        ],
        lambda _: ("one", "two"),
    )
    assert found.refs == {"b": Ref("b", ID, "said", True, AT)}
    assert found.heads == {("project", "one"): ID, ("project", "two"): ID}
    assert found.freed == {OTHER}
    assert replay([entry(1, "", ID, "free"), entry(2, "", ID, "return")], lambda _: ()).freed == set()
    assert replay([entry(1, "", ID, "free"), entry(2, "a", ID)], lambda _: ()).freed == set()


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=12), st.integers(0, 400))
def test_any_cut_leaves_entries_of_whole_lines_in_order(spans: list[tuple[int, int]], cut: int) -> None:
    lines = [line(first + place, first + more) for first, more in spans for place in range(more + 1)]
    data = b"".join(lines)
    found = parse_reflog(data[: max(len(data) - cut, 0)].splitlines(keepends=True))
    assert list(found.entries) == sorted(found.entries)
    assert len(found.damaged) <= 1

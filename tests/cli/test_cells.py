"""Values in the cells of a page: none can be mistaken for another, and long ones show where they differ."""

from __future__ import annotations

from typing import Any

import pytest

from snapstore.cli.cells import Shown, compare_words, show, show_change


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (None, "NULL", "null"),
        (12, "12", ""),
        (1.0, "1.0", ""),
        ("12", "'12'", ""),
        ("-1e5", "'-1e5'", ""),
        ("null", "'null'", ""),
        ("x'00'", "'x'00''", ""),
        ("", "''", ""),
        (" a", "' a'", ""),
        ("a b", "a b", ""),
        (b"\x00\xff", "x'00ff'", "blob"),
    ],
)
def test_values_cannot_be_mistaken_for_each_other(value: Any, text: str, kind: str) -> None:
    assert show(value) == Shown(text, kind)


def test_long_values_that_changed_show_where() -> None:
    old, new = show_change("a" * 30_000 + "old", "a" * 30_000 + "new")
    assert (old.kind, old.characters, old.left_out, len(old.whole)) == ("long", 30_003, 10_003, 20_000)
    assert (old.text, new.text) == ("…" + "a" * 24 + "old", "…" + "a" * 24 + "new")
    assert show_change(b"\x00" * 100 + b"\x01", b"\x00" * 100 + b"\x02")[1].text == "x'…02…' (from byte 100 of 101)"


def test_the_words_of_statements_that_differ_are_marked() -> None:
    before, after = compare_words("CREATE TABLE t (a)", "CREATE TABLE t (a, b)")
    assert before == [("CREATE TABLE t (a", False), (")", False)]
    assert after == [("CREATE TABLE t (a", False), (", b", True), (")", False)]
    assert compare_words("x " * 5000, "y " * 5000)[0] == [("x " * 5000, False)]

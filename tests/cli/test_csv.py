"""CSV: every value comes back, with its type, to a reader that looks at the quotes."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings

from snapstore.cli.csv_text import csv_lines
from snapstore.database.record import decode_text
from snapstore.results.values import Value, text_that_is_not_unicode
from tests.contents import execute
from tests.results.kinds import VALUES
from tests.support import ENVIRONMENT, Snap

FIELD = re.compile(r'"((?:[^"]|"")*)"|([^,]*)', re.DOTALL)
MET = [
    *(
        "",
        " ",
        "1",
        "-1.5e3",
        "inf",
        "-Infinity",
        "NaN",
        "NULL",
        "x'00'",
        "cast(",
        "CAST(x'ff' AS TEXT)",
        "a,b",
        '"',
        "a\nb",
        "a\r",
        "é",
    ),
    *(None, 0, -(1 << 63), 1.0, 1e300, float("inf"), b"", b"\x00\xff", "a\udcff", "\ud800", "\\xff"),
]


def read(field: str) -> Value:
    """Read a field by the documented rules alone."""
    if field.startswith('"'):
        return field[1:-1].replace('""', '"')
    if field == "":
        return None
    if found := re.fullmatch(r"x'((?:[0-9a-f]{2})*)'", field):
        return bytes.fromhex(found[1])
    if found := re.fullmatch(r"CAST\(x'((?:[0-9a-f]{2})*)' AS TEXT\)", field):
        return decode_text(bytes.fromhex(found[1]), "utf-8")
    for kind in (int, float):
        try:
            return kind(field)
        except ValueError:
            continue
    return field


def through_csv(value: Value) -> Value:
    line = list(csv_lines(["a", "b"], [(value, 7)]))[1]
    assert line.endswith(",7\r\n")
    found = FIELD.match(line)
    assert found
    return read(found[0])


def check(value: Value) -> None:
    back = through_csv(value)
    odd = text_that_is_not_unicode(value) if isinstance(value, str) else None
    if odd and odd[1] != "utf-8":  # of a database in UTF-16, which only its reader knows
        assert isinstance(back, str)
    else:
        assert (type(back), repr(back)) == (type(value), repr(value))


@pytest.mark.parametrize("value", MET, ids=ascii)
def test_a_value_comes_back(value: Value) -> None:
    check(value)
    assert len(list(csv.reader(StringIO("".join(csv_lines(["a"], [(value,)])), newline="")))) == 2


@given(VALUES)
@settings(max_examples=500, deadline=None)
def test_any_value_comes_back(value: Value) -> None:
    if not (isinstance(value, float) and value != value):  # noqa: PLR0124 - SQLite has no NaN
        check(value)


def test_a_value_that_is_not_utf8_neither_stops_the_answer_nor_becomes_another(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    execute(
        snap.database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        "INSERT INTO t VALUES (1, 'plain'), (2, CAST(x'ff41' AS TEXT)), (3, '\\xffA'), (4, x'ff41'), (5, 'é')",
    )
    snap("tag", "base")
    for state in ("base", "live"):
        for environment in ({}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
            places = ["--db", str(snap.database), "--store", str(snap.store)]
            done = subprocess.run(
                [sys.executable, "-m", "snapstore", "query", state, "SELECT * FROM t", "--csv", *places],
                env={**ENVIRONMENT, **environment},
                capture_output=True,
                check=True,
                timeout=60,
            )
            assert done.stderr == b""
            lines = "id,v\r\n1,plain\r\n2,CAST(x'ff41' AS TEXT)\r\n3,\\xffA\r\n4,x'ff41'\r\n5,é\r\n"
            assert done.stdout == lines.encode()

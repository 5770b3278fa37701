"""The plugin on the test suite of a real Django application, django-model-utils, from its source distribution."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support import ENVIRONMENT, unpack

SETTINGS = """
from tests.settings import *
FILES = {"NAME": "app.sqlite3", "TEST": {"NAME": "test.sqlite3"}}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", **FILES}}
"""
LEAK = """
import threading
import pytest
from django.db import connection
from tests.models import TimeStamp

def create():
    TimeStamp.objects.create()
    connection.close()

@pytest.mark.django_db
def test_forgets():
    thread = threading.Thread(target=create)
    thread.start()
    thread.join()
"""


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q",
            "-rA",
            "--tb=no",
            "--show-capture=no",
            "--ds=file_settings",
            "--no-migrations",
            "-p",
            "no:randomly",
            *arguments,
        ],
        cwd=folder,
        env={**ENVIRONMENT, "PYTHONPATH": os.fspath(folder)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert "INTERNALERROR" not in done.stdout, done.stdout
    return done.stdout


def outcomes(said: str) -> list[str]:
    return sorted(re.findall(r"^(?:PASSED|FAILED|ERROR) \S+", said, re.MULTILINE))


def test_results_do_not_change_and_a_leak_is_named(tmp_path: Path) -> None:
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "django-model-utils"]
    subprocess.run([*download, "django-model-utils==5.0.0"], cwd=tmp_path, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    unpack(archive, tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    (folder / "file_settings.py").write_text(SETTINGS)
    plain = outcomes(run(folder, "tests"))
    assert len(plain) > 300
    snap = ["--snap", f"--snap-store={tmp_path / 'store'}"]
    followed = run(folder, "tests", *snap)
    assert outcomes(followed) == plain
    assert "snapstore: left behind" not in followed
    (folder / "tests" / "test_forgets.py").write_text(LEAK)
    said = run(folder, "tests/test_forgets.py", *snap)
    assert re.search(r"leaked  tests/test_forgets.py::test_forgets  tests_timestamp 1 added  \(restored\)", said), said

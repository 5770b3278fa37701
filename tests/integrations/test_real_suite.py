"""The plugin on a suite that others wrote: django-model-utils, whose source distribution has its tests.

The results are the same with and without the plugin; its tests leave nothing; one that is added and does is named.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.integrations.suites import python

PACKAGE = "django-model-utils==5.0.0"
SETTINGS = """
import os
from tests.settings import *
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SNAPSTORE_TEST_DB", "db.sqlite3"),
    }
}
"""
PLUGIN = """
import pytest

@pytest.fixture(scope="session")
def django_db_setup():
    pass
"""
LEAK = """
from threading import Thread

from django.db import connection
from tests.models import Post

def add_a_post():
    Post.objects.create(order=1)
    connection.close()

def test_forgets_its_post(django_db_blocker):  # which a thread of a server writes, as it would
    with django_db_blocker.unblock():
        server = Thread(target=add_a_post)
        server.start()
        server.join()
"""
LEAKING = "test_leak"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's source, with settings for a database that is a file, and its tables made."""
    folder = tmp_path_factory.mktemp("project")
    if python(folder, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", PACKAGE).returncode:
        pytest.skip(f"pip cannot get the source of {PACKAGE} here")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    source = next(path for path in folder.iterdir() if path.is_dir())
    (source / "file_settings.py").write_text(SETTINGS)
    (source / "existing_database.py").write_text(PLUGIN)
    (source / "tests" / f"{LEAKING}.py").write_text(LEAK)
    manage(source, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0", "--settings", "file_settings")
    return source


def manage(folder: Path, *arguments: str) -> str:
    done = python(folder, *arguments, PYTHONPATH=".", SQLITE="1")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def outcomes(report: Path) -> dict[str, str]:
    """Return the outcome of each test by name, as its JUnit report has them."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kind = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        found[f"{case.get('classname')}.{case.get('name')}"] = kind
    return found


def test_results_are_unchanged_and_leaks_are_named(project: Path) -> None:
    common = ("-m", "pytest", "-p", "existing_database", "--ds", "file_settings", "-p", "no:cacheprovider", "tests")
    manage(project, *common, "--junitxml", "without.xml", "--ignore", f"tests/{LEAKING}.py")
    places = ("--snap-db", "db.sqlite3", "--snap-store", "store")
    out = manage(project, *common, "--junitxml", "with.xml", "--snap", *places)
    without, with_plugin = outcomes(project / "without.xml"), outcomes(project / "with.xml")
    assert len(without) > 300
    assert with_plugin.pop(f"tests.{LEAKING}.test_forgets_its_post") == "error"
    assert with_plugin == without
    _, _, summary = out.partition("snapstore: what tests left behind")
    left = [line for line in summary.splitlines() if "  leaked  " in line or "  damaged  " in line]
    assert left == [f"tests/{LEAKING}.py::test_forgets_its_post  leaked  tests_post +1  restored"]

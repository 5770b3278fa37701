"""The plugin beside pytest-django, whose live server runs in the process of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integrations.suites import python
from tests.support import Snap, dbhash

SETTINGS = """
import os
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SNAPSTORE_TEST_DB", "site.sqlite3"),
        "OPTIONS": {"init_command": "PRAGMA journal_mode = JOURNAL"},
    }
}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
ROOT_URLCONF = "site_urls"
SECRET_KEY = "for tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""
URLS = """
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path

def add(request, name):
    return HttpResponse(str(User.objects.create(username=name).pk))

def remove(request, name):
    User.objects.filter(username=name).delete()
    return HttpResponse("removed")

def count(request):
    return HttpResponse(str(User.objects.count()))

urlpatterns = [path("add/<name>", add), path("remove/<name>", remove), path("count", count)]
"""
CONFTEST = """
import urllib.request
import pytest

@pytest.fixture(scope="session")
def django_db_setup():
    pass

@pytest.fixture
def get(live_server):
    def ask(path):
        with urllib.request.urlopen(live_server.url + path, timeout=20) as answer:
            return answer.read().decode()
    return ask
"""
INI = """
[pytest]
addopts = --strict-markers -p no:cacheprovider
DJANGO_SETTINGS_MODULE = site_settings
pythonpath = .
"""
TESTS = """
import pytest
from django.contrib.auth.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("snapstore_no_flush")]

def test_cleans_up(get):
    assert get("/count") == "2"
    get("/add/someone")
    assert get("/count") == "3"
    get("/remove/someone")

def test_forgets(get):
    get("/add/left")
    assert get("/count") == "3"

def test_sees_the_baseline_again(get):
    assert get("/count") == "2"
    assert sorted(User.objects.values_list("username", flat=True)) == ["ann", "bob"]

@pytest.mark.django_db
def test_is_rolled_back(db):
    User.objects.create(username="nobody")
"""


@pytest.fixture(params=["delete", "wal"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A Django project with two users in its database, its journal mode as given."""
    files = {
        "site_settings.py": SETTINGS.replace("JOURNAL", request.param),
        "site_urls.py": URLS,
        "conftest.py": CONFTEST,
        "test_site.py": TESTS,
        "pytest.ini": INI,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    fill = "from django.contrib.auth.models import User\nfor name in ('ann', 'bob'): User.objects.create(username=name)"
    django(tmp_path, "migrate", "--verbosity", "0")
    django(tmp_path, "shell", "--command", fill)
    return tmp_path


def django(folder: Path, *arguments: str) -> None:
    out = python(folder, "-m", "django", *arguments, "--settings", "site_settings", "--pythonpath", ".")
    assert out.returncode == 0, out.stdout + out.stderr


def run(folder: Path, *arguments: str) -> str:
    out = python(folder, "-m", "pytest", *arguments)
    assert "INTERNALERROR" not in out.stdout + out.stderr
    return out.stdout + out.stderr


def test_what_a_live_server_wrote_is_named_and_put_back(site: Path) -> None:
    database = site / "site.sqlite3"
    before = dbhash(database)
    out = run(site, "--snap", "--snap-leaks", "fail", "--snap-db", "site.sqlite3", "--snap-store", "store")
    assert "4 passed, 1 error" in out
    assert "leaked  test_site.py::test_forgets  auth_user 1 added  (restored)" in out
    assert "left behind: auth_user" in out
    assert dbhash(database) == before


def test_workers_with_live_servers_have_databases_of_their_own(site: Path) -> None:
    snap = Snap(site, site / "site.sqlite3")
    before = dbhash(snap.database)
    places = ("--snap-db", "copy-{worker}.sqlite3", "--snap-source", "site.sqlite3", "--snap-store", "store")
    out = run(
        site, "--snap", "--snap-leaks", "fail", *places, "--snap-baseline", "seeded", "--snap-take-baseline", "-n", "2"
    )
    assert "4 passed, 1 error" in out
    assert "leaked  test_site.py::test_forgets  auth_user 1 added  (restored)" in out
    assert dbhash(snap.database) == before
    assert not list(site.glob("copy-*"))
    assert [one["names"] for one in snap.json("tags")] == [["seeded"]]

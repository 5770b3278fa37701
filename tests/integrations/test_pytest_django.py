"""The plugin beside pytest-django, whose live server runs in the process of the tests."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from snapstore import Snapstore
from tests.integrations.suites import python
from tests.support import ENVIRONMENT, Snap, dbhash

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
    assert [one["names"] for one in snap.json("tags")] == [["failed/test_site-py-test_forgets"], ["seeded"]]


TEST_FILE = """
DATABASES["default"]["TEST"] = {"NAME": "site-test.sqlite3"}
"""
COMMITS = """
import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType

pytestmark = pytest.mark.django_db(transaction=True)

@pytest.mark.parametrize("n", range(6))
def test_leaves(get, snapstore_session, n):
    assert User.objects.count() == 0  # of the project's baseline there is none
    ContentType.objects.get_or_create(app_label="ignored", model=f"m{n}")
    Group.objects.get_or_create(name="swept")
    get("/add/left")
    assert snapstore_session.diff().databases["default"].tables["auth_user"].added == 1
"""
YAML = """
database: site.sqlite3
store: kept
baseline: baseline
ignore: {tables: [django_content_type, auth_permission]}
run: {cleanup: [{name: sweep, sql: sweep.sql}]}
"""


@pytest.fixture
def project(site: Path) -> Path:
    """The same project with a configuration, a baseline with two users, and a test database in a file."""
    (site / "snapstore.yaml").write_text(YAML)
    (site / "sweep.sql").write_text("DELETE FROM auth_group WHERE name = 'swept'")
    with (site / "site_settings.py").open("a") as file:
        file.write(TEST_FILE)
    (site / "conftest.py").write_text(CONFTEST.partition("@pytest.fixture(scope")[0] + LIVE)
    (site / "test_site.py").write_text(COMMITS)
    with Snapstore(cwd=site, env=ENVIRONMENT) as snapstore:
        snapstore.tag("baseline")
    return site


LIVE = """
@pytest.fixture
def get(live_server, snapstore_no_flush):
    def ask(path):
        with urllib.request.urlopen(live_server.url + path, timeout=20) as answer:
            return answer.read().decode()
    return ask
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_databases_of_pytest_django_are_copies_of_the_project(project: Path, workers: tuple[str, ...]) -> None:
    before = dbhash(project / "site.sqlite3")
    out = run(project, "--snap", *workers)
    assert "6 passed" in out
    assert "Django's test database, as a copy for worker" in out
    assert out.count("auth_user 1 added  (restored)") == 6
    assert "auth_group" not in out  # the cleanup step removed it
    names = {"gw0", "gw1"} if workers else {"master"}
    assert set(os.listdir(project / "kept" / "workers")) == names
    with Snapstore(cwd=project, env=ENVIRONMENT) as snapstore:
        (suite,) = snapstore.report().suites
        assert (suite.outcome, set(suite.workers)) == ("passed", names)
        assert suite.verdicts == {"leaked": 6}
        found = snapstore.diff(test="test_leaves[3]")
        assert found.databases["default"].tables["auth_user"].added == 1
        assert snapstore.status().verdict == "clean"
    assert dbhash(project / "site.sqlite3") == before
    assert not list(project.glob("site-test*"))
    (command,) = re.findall(r"'snap (.* diff .*)' shows it", run(project, "--snap", "-k", "leaves and 3", "-rA"))
    shown = python(project, "-m", "snapstore", *shlex.split(command))
    assert "'left'" in shown.stdout, shown.stderr


def test_a_database_that_stands_in_for_none_of_the_configuration_is_on_its_own(project: Path) -> None:
    (project / "site.sqlite3").rename(project / "other.sqlite3")
    (project / "snapstore.yaml").write_text(YAML.replace("site.sqlite3", "other.sqlite3"))
    out = run(project, "--snap", "-k", "leaves and 3")
    assert "no configuration names it, so no rules hold for it" in out
    assert "auth_group 1 added" in out

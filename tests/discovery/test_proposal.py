"""What `snap init` proposes for a folder: from settings, from what files are, and what it leaves alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore.discovery.proposal import Proposal, propose
from tests.support import make_database


def make(folder: Path, *names: str) -> None:
    """Make a database at each path."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make_database(folder / name, rows=1)


def write(folder: Path, name: str, text: str) -> None:
    """Write a file of settings."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def proposed(folder: Path, **environ: str) -> Proposal:
    """Look, with these variables and no others."""
    return propose(os.fspath(folder), environ)


def test_the_likeliest_comes_first_and_the_others_follow(tmp_path: Path) -> None:
    make(tmp_path, "db.sqlite3", "cache.db", "backups/db.sqlite3", "db/test.sqlite3")
    found = proposed(tmp_path)
    assert found.databases == {"default": "db.sqlite3"}
    assert found.others == ("cache.db", "backups/db.sqlite3", "db/test.sqlite3")


def test_what_is_not_the_projects_own_is_left_out(tmp_path: Path) -> None:
    names = ["node_modules/x.db", "lib/site-packages/y.db", ".git/z.db", ".mypy_cache/3.11/cache.db", "var/cache/c.db"]
    make(tmp_path, *names, "py/lib/inside.db", ".coverage", "kept/catalog.db", "tagged/a.db", "a/b/c/d/e/f/g/deep.db")
    write(tmp_path, "py/pyvenv.cfg", "")
    write(tmp_path, "tagged/CACHEDIR.TAG", "")
    write(tmp_path, "kept/format", "snapstore 1\n")
    write(tmp_path, "kept/packs/x", "")
    write(tmp_path, "notes.db", "no database" * 1024)
    (tmp_path / "empty.db").touch()
    os.mkfifo(tmp_path / "pipe.db")
    assert proposed(tmp_path) == Proposal({})


def test_a_link_to_a_folder_is_not_followed_and_one_to_a_file_counts_once(tmp_path: Path) -> None:
    make(tmp_path, "data/app.db")
    (tmp_path / "again").symlink_to("data")
    (tmp_path / "link.db").symlink_to("data/app.db")
    found = proposed(tmp_path)
    assert found.databases == {"default": "link.db"}
    assert found.others == ()


def test_databases_belong_together_by_roles_and_not_by_any_ending(tmp_path: Path) -> None:
    make(tmp_path, "app.db", "app_queue.db", "app-cache.db", "app_test.db", "app_2024.db", "app_cache.sqlite")
    found = proposed(tmp_path)
    assert found.databases == {"default": "app.db", "cache": "app-cache.db", "queue": "app_queue.db"}
    assert set(found.others) == {"app_test.db", "app_2024.db", "app_cache.sqlite"}


URLS = {
    "sqlite:///app.db": "app.db",
    "sqlite+aiosqlite:///./data/app.db?mode=rwc": "data/app.db",
    "sqlite:////{folder}/app.db": "app.db",
    "sqlite:///{folder}/app.db": "app.db",  # sqlx and others write absolute paths like this
    "sqlite://data/app.db": "data/app.db",
    "sqlite:data/app.db": "data/app.db",
    "sqlite3:db/dev%20elopment.sqlite3": "db/dev elopment.sqlite3",
    "file:./prisma/dev.db": "prisma/dev.db",
    "file:///{folder}/app.db": "app.db",
    "jdbc:sqlite:app.db": "app.db",
    "data/app.db": "data/app.db",
    "sqlite:///site.db": "instance/site.db",
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_leads_to_its_database(tmp_path: Path, url: str) -> None:
    make(tmp_path, "db.sqlite3", URLS[url])
    value = url.format(folder=os.fspath(tmp_path).lstrip("/"))
    assert proposed(tmp_path, DATABASE_URL=value).databases == {"default": URLS[url]}


@pytest.mark.parametrize("url", ["postgres://db/app", "sqlite://", "sqlite:///:memory:", "file::memory:", "app", "\0"])
def test_other_values_are_left_alone(tmp_path: Path, url: str) -> None:
    make(tmp_path, "db.sqlite3")
    assert proposed(tmp_path, DATABASE_URL=url) == Proposal({"default": "db.sqlite3"})


def test_a_database_that_is_not_there_yet_is_named_with_what_names_it(tmp_path: Path) -> None:
    write(tmp_path, ".env", "DATABASE_URL=sqlite:///later.db\n")
    found = proposed(tmp_path)
    assert (found.databases, found.missing) == ({}, {"later.db": "DATABASE_URL in .env"})


def test_lines_of_an_env_file_are_read_as_shells_read_them(tmp_path: Path) -> None:
    make(tmp_path, "db.sqlite3", "real one.db")
    lines = ["# DATABASE_URL=sqlite:///db.sqlite3", "PORT=1", "export DATABASE_URL = 'sqlite:///real one.db'  # ours"]
    write(tmp_path, ".env", "\n".join(lines))
    found = proposed(tmp_path)
    assert (found.databases, found.source) == ({"default": "real one.db"}, "DATABASE_URL in .env")


def test_a_local_env_file_wins_and_the_process_wins_over_both(tmp_path: Path) -> None:
    make(tmp_path, "a.db", "b.db", "c.db")
    write(tmp_path, "prisma/schema.prisma", 'datasource db {\n provider = "sqlite"\n url = env("DATABASE_URL")\n}\n')
    write(tmp_path, ".env", "DATABASE_URL=file:a.db\n")
    assert proposed(tmp_path).databases == {"default": "a.db"}
    write(tmp_path, ".env.local", "DATABASE_URL=file:b.db\n")
    assert proposed(tmp_path).databases == {"default": "b.db"}
    assert proposed(tmp_path, DATABASE_URL="file:c.db").databases == {"default": "c.db"}


BOMB = "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, <<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 41))
MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_.settings")\n'
NAMES = {
    "BASE_DIR / 'data' / 'x.db'": "data/x.db",
    "os.path.join(BASE_DIR, 'data', 'x.db')": "data/x.db",
    "str(BASE_DIR.joinpath('data/x.db'))": "data/x.db",
    "f'{BASE_DIR}/data/x.db'": "data/x.db",
    "OLD_BASE + '/data/x.db'": "data/x.db",
    "Path(__file__).resolve().parents[1] / 'data/x.db'": "data/x.db",
    "os.environ.get('SQLITE_FILE', 'data/x.db')": "data/x.db",
    "os.environ['CHOSEN']": "chosen.db",
    "env('CHOSEN', default='data/x.db')": "chosen.db",
    "config('UNSET', default=BASE_DIR / 'data/x.db', cast=str)": "data/x.db",
}
SETTINGS = """
import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
OLD_BASE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {name}, "OPTIONS": {{"timeout": 20}}}}}}
"""


@pytest.mark.parametrize("name", NAMES)
def test_django_settings_are_read_without_running_them(tmp_path: Path, name: str) -> None:
    make(tmp_path, "db.sqlite3", "data/x.db", "chosen.db")
    write(tmp_path, "manage.py", MANAGE)
    write(tmp_path, "site_/settings.py", SETTINGS.format(name=name) + "\nraise SystemExit(1)\n")
    found = proposed(tmp_path, CHOSEN="chosen.db")
    assert (found.databases, found.source) == ({"default": NAMES[name]}, "DATABASES in site_/settings.py")


def test_django_settings_in_several_files_with_several_databases(tmp_path: Path) -> None:
    make(tmp_path, "web/main.db", "web/archive.db", "web/wrong.db")
    write(tmp_path, "web/manage.py", MANAGE.replace("settings", "settings.dev"))
    base = SETTINGS.replace("parent.parent", "parent.parent.parent").format(name="BASE_DIR / 'wrong.db'")
    write(tmp_path, "web/site_/settings/base.py", base)
    dev = """
from .base import *
if DEBUG:
    DATABASES["default"]["NAME"] = BASE_DIR / "main.db"
DATABASES["old"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "archive.db"}
DATABASES["other"] = {"ENGINE": "django.db.backends.postgresql", "NAME": "wrong.db"}
"""
    write(tmp_path, "web/site_/settings/dev.py", dev)
    assert proposed(tmp_path).databases == {"default": "web/main.db", "old": "web/archive.db"}


@pytest.mark.parametrize("call", ["env.db(default={})", "dj_database_url.config(default={})"])
def test_django_settings_that_take_a_url(tmp_path: Path, call: str) -> None:
    make(tmp_path, "db.sqlite3", "x.db", "y.db")
    write(tmp_path, "manage.py", MANAGE)
    write(tmp_path, "site_/settings.py", 'DATABASES = {"default": ' + call.format("'sqlite:///x.db'") + "}\n")
    assert proposed(tmp_path).databases == {"default": "x.db"}
    write(tmp_path, ".env", "DATABASE_URL=sqlite:///y.db\n")
    assert proposed(tmp_path).databases == {"default": "y.db"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("site_/settings.py", "DATABASES = {"),
        ("site_/settings.py", "DATABASES = {'default': " + "(" * 500 + "}"),
        ("site_/settings.py", "from .settings import *\nDATABASES = 3\nBASE = __file__.parents[10**9]\n"),
        ("site_/settings.py", "DATABASES = 'text'\n"),
        ("site_/settings.py", "DATABASES = " + "'a' + " * 5000 + "'a'\n"),
        ("config/database.yml", "development: [\n"),
        ("config/database.yml", "a0: &a0 {b: 1}\n" + BOMB + "development: *a40\n"),
        ("config/database.yml", "development: &a {<<: *a, database: [x]}\n"),
        ("config/database.yml", "- development\n"),
        ("config/database.yml", "a: &a [*a]\ndevelopment: *a\n"),
        ("config/database.yml", "development: {1: 2, database: [x]}\n"),
        ("config.development.json", "[" * 100_000),
        ("config.development.json", '{"database": {"connection": {"filename": 1}}}'),
        (".env", "DATABASE_URL=sqlite:///%00\nDB=\udcff\n"),
    ],
)
def test_settings_that_cannot_be_read_are_passed_over(tmp_path: Path, name: str, text: str) -> None:
    make(tmp_path, "db.sqlite3")
    write(tmp_path, "manage.py", MANAGE)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, "utf-8", "surrogateescape")
    assert proposed(tmp_path).databases == {"default": "db.sqlite3"}


def test_a_settings_file_may_be_a_fifo(tmp_path: Path) -> None:
    make(tmp_path, "db.sqlite3")
    (tmp_path / "config").mkdir()
    for name in ("manage.py", "config/database.yml", "schema.prisma", "alembic.ini", "LocalSettings.php"):
        os.mkfifo(tmp_path / name)
    assert proposed(tmp_path) == Proposal({"default": "db.sqlite3"})

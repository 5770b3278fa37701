"""The default layouts of frameworks and servers: `snap init` finds the database that a user would have named."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.damage.here import run_here
from tests.support import make_database


@dataclass(frozen=True)
class Layout:
    """Databases and other files of a project, and what has to be proposed: paths by name."""

    databases: tuple[str, ...]
    wanted: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


DJANGO = {
    "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n',
    "mysite/settings.py": """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
""",
}
WAGTAIL = {
    "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bakery.settings.dev")\n',
    "bakery/settings/dev.py": "from .base import *\n",
    "bakery/settings/base.py": """
import os
PROJECT_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BASE_DIR = os.path.dirname(PROJECT_DIR)
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(BASE_DIR, "bakerydemodb")}}
""",
}
RAILS = """
default: &default
  adapter: sqlite3
  pool: <%= ENV.fetch("RAILS_MAX_THREADS") { 5 } %>
  timeout: 5000
development:
  <<: *default
  database: db/development.sqlite3
test:
  <<: *default
  database: db/test.sqlite3
"""
RAILS_8 = """
default: &default
  adapter: sqlite3
  max_connections: <%= ENV.fetch("RAILS_MAX_THREADS") { 5 } %>
development:
  primary:
    <<: *default
    database: <%= ENV.fetch("STORAGE") { "storage" } %>/development.sqlite3
  cache:
    <<: *default
    database: storage/development_cache.sqlite3
    migrations_paths: db/cache_migrate
  queue:
    <<: *default
    database: storage/development_queue.sqlite3
  cable:
    <<: *default
    database: storage/development_cable.sqlite3
production:
  primary: {<<: *default, database: storage/production.sqlite3}
"""
RAILS_8_FILES = tuple(f"storage/development{role}.sqlite3" for role in ("", "_cache", "_queue", "_cable"))
RAILS_8_WANTED = dict(zip(("default", "cache", "queue", "cable"), RAILS_8_FILES, strict=True))
PRISMA = """
generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "sqlite"
  url      = env("DATABASE_URL")
}
"""
MEDIAWIKI_FILES = tuple(f"data/{name}.sqlite" for name in ("my_wiki", "my_wiki_jobqueue", "my_wiki_l10n_cache"))
MEDIAWIKI_WANTED = {
    **dict(zip(("default", "jobqueue", "l10n_cache"), MEDIAWIKI_FILES, strict=True)),
    "wikicache": "data/wikicache.sqlite",
}
MEDIAWIKI = '<?php\n$wgDBtype = "sqlite";\n$wgDBname = "my_wiki";\n$wgSQLiteDataDir = "data";\n'
GHOST = {"database": {"client": "sqlite3", "connection": {"filename": "content/data/ghost-dev.db"}}}

LAYOUTS = {
    "django": Layout(("db.sqlite3", "a.db"), files=DJANGO),
    "django-below": Layout(("backend/db.sqlite3",), files={f"backend/{name}": text for name, text in DJANGO.items()}),
    "wagtail": Layout(("bakerydemodb", "other.db"), files=WAGTAIL),
    "rails-7": Layout(("db/development.sqlite3", "db/test.sqlite3"), files={"config/database.yml": RAILS}),
    "rails-8": Layout((*RAILS_8_FILES, "storage/production.sqlite3"), RAILS_8_WANTED, {"config/database.yml": RAILS_8}),
    "rails-8-files": Layout((*RAILS_8_FILES, "storage/production.sqlite3", "storage/test.sqlite3"), RAILS_8_WANTED),
    "prisma": Layout(
        ("prisma/dev.db", "a.db"), files={"prisma/schema.prisma": PRISMA, ".env": 'DATABASE_URL="file:./dev.db"\n'}
    ),
    "prisma-literal": Layout(
        ("prisma/local.db", "a.db"),
        files={"prisma/schema.prisma": PRISMA.replace('env("DATABASE_URL")', '"file:./local.db"')},
    ),
    "laravel": Layout(("database/database.sqlite",), files={"artisan": "", ".env": "DB_CONNECTION=sqlite\n"}),
    "laravel-named": Layout(
        ("database/shop.sqlite", "a.db"), files={".env": "DB_CONNECTION=sqlite\nDB_DATABASE=shop.sqlite\n"}
    ),
    "fastapi-alembic": Layout(
        ("app.db", "a.db"), files={"alembic.ini": "[alembic]\nsqlalchemy.url = sqlite:///./app.db\n"}
    ),
    "fastapi-env": Layout(
        ("var/shop.db", "a.db"), files={".env": "SHOP_DATABASE_URL=sqlite+aiosqlite:///./var/shop.db\n"}
    ),
    "flask": Layout(("instance/app.db",)),
    "flask-env": Layout(("instance/site.db", "a.db"), files={".env": "SQLALCHEMY_DATABASE_URI=sqlite:///site.db\n"}),
    "strapi": Layout((".tmp/data.db",), files={".env": "DATABASE_CLIENT=sqlite\nDATABASE_FILENAME=.tmp/data.db\n"}),
    "strapi-files": Layout((".tmp/data.db",)),
    "directus": Layout(
        ("database/data.db",), files={".env": 'DB_CLIENT="sqlite3"\nDB_FILENAME="./database/data.db"\n'}
    ),
    "ghost": Layout(("content/data/ghost-local.db",)),
    "ghost-configured": Layout(
        ("content/data/ghost-dev.db", "a.db"), files={"config.development.json": json.dumps(GHOST)}
    ),
    "n8n": Layout((".n8n/database.sqlite",)),
    "prefect": Layout((".prefect/prefect.db",)),
    "mediawiki": Layout(
        (*MEDIAWIKI_FILES, "data/wikicache.sqlite"), MEDIAWIKI_WANTED, {"LocalSettings.php": MEDIAWIKI}
    ),
    "mediawiki-files": Layout((*MEDIAWIKI_FILES, "data/wikicache.sqlite"), MEDIAWIKI_WANTED),
    "home-assistant": Layout(("config/home-assistant_v2.db",)),
    "jupyterhub": Layout(("jupyterhub.sqlite",)),
    "mlflow": Layout(("mlflow.db",)),
    "label-studio": Layout(("data/label_studio.sqlite3",)),
    "redmine": Layout(("db/redmine.sqlite3", "db/test.sqlite3")),
    "fossil": Layout(("repo.fossil", ".fslckout")),
    "powerdns": Layout(("var/lib/powerdns/pdns.sqlite3",)),
    "pocketbase": Layout(("pb_data/data.db", "pb_data/auxiliary.db")),
    "gitea": Layout(("data/gitea.db", "data/sessions/x.db")),
    "grafana": Layout(("data/grafana.db",)),
    "uptime-kuma": Layout(("data/kuma.db",)),
    "nextcloud": Layout(("data/owncloud.db",)),
    "cloudflare-d1": Layout((".wrangler/state/v3/d1/miniflare-D1DatabaseObject/0a1b2c.sqlite",)),
    "no-ending": Layout(("var/store/live",)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_init_finds_the_database_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    layout = LAYOUTS[name]
    for path in (*layout.databases, *layout.files):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    for path in layout.databases:
        make_database(tmp_path / path, rows=1)
    for path, text in layout.files.items():
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    for variable in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "RAILS_ENV"):
        monkeypatch.delenv(variable, raising=False)
    done = run_here(["init", "--json"])
    assert done.code == 0, done
    found = json.loads(done.out)["databases"]
    assert found == (layout.wanted or {"default": layout.databases[0]})
    checked = json.loads(run_here(["status", "--json", "--store", os.fspath(tmp_path / "store")]).out)
    assert checked["error"]["code"] == "no-store", "the file that was written names databases that are there"

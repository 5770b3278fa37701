"""Real servers before and after a restore: what they remember, and the hook that tells them.

docs/servers.md has a table of them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.real.servers import free_port, journal_mode, serving

TOKEN = "s3cret" * 8
GUNICORN = """
import os, django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_of_tests", SITE_ID=1, USE_TZ=True,
    INSTALLED_APPS=["django.contrib.sites"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
)
django.setup()
from django.contrib.sites.models import Site
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
def domain(request):
    site = Site.objects.get_current()
    if request.GET:
        site.domain = request.GET["domain"]
        site.save()
    return JsonResponse({"domain": Site.objects.get_current().domain})
urlpatterns = [path("", domain)]
application = get_wsgi_application()
if __name__ == "__main__":
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
"""
JUPYTERHUB = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    routes = {{}}
    should_start = False
    async def add_route(self, spec, target, data):
        self.routes[spec] = {{"routespec": spec, "target": target, "data": data}}
    async def delete_route(self, spec):
        self.routes.pop(spec, None)
    async def get_all_routes(self):
        return self.routes

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.bind_url = "http://127.0.0.1:{other}"
c.JupyterHub.db_url = "sqlite:///hub.sqlite3"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "tests", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "list:users"]}}]
"""


def needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def test_gunicorn_with_the_sites_that_django_remembers(tmp_path: Path) -> None:
    needs("gunicorn")
    (tmp_path / "site_of_tests.py").write_text(GUNICORN)
    assert os.spawnl(os.P_WAIT, "/bin/sh", "sh", "-c", f"cd '{tmp_path}' && '{sys.executable}' site_of_tests.py") == 0
    port = free_port()
    program = [
        sys.executable,
        "-m",
        "gunicorn",
        "site_of_tests",
        "--bind",
        f"127.0.0.1:{port}",
        "--pid",
        "gunicorn.pid",
    ]
    with serving(tmp_path, program, port, "/") as server:

        def is_domain(wanted: str) -> bool:
            return bool(server.get("/") == (200, {"domain": wanted}))

        server.configure("db.sqlite3", [])
        server.snap("tag", "baseline")
        server.get("/?domain=other.example")
        server.snap("restore", "baseline")
        assert is_domain("other.example")
        server.snap("undo")
        server.configure("db.sqlite3", [{"signal": "HUP", "pid_file": "gunicorn.pid", "required": True}])
        server.snap("restore", "baseline")
        server.until(lambda: is_domain("example.com"))
        assert journal_mode(tmp_path / "db.sqlite3") == "delete"


def test_jupyterhub_is_restarted(tmp_path: Path) -> None:
    needs("jupyterhub")
    port, other = free_port(), free_port()
    (tmp_path / "jupyterhub_config.py").write_text(JUPYTERHUB.format(port=port, other=other, token=TOKEN))
    program = [sys.executable, "-m", "jupyterhub"]
    with serving(tmp_path, program, port, "/hub/api/", {"Authorization": f"token {TOKEN}"}) as server:

        def users() -> Any:
            status, found = server.get("/hub/api/users")
            return [one["name"] for one in found] if status == 200 else status

        server.until(lambda: users() == [])
        server.configure("hub.sqlite3", [])
        assert server.post("/hub/api/users/alice", {})[0] == 201
        server.snap("tag", "baseline")
        assert server.post("/hub/api/users/bob", {})[0] == 201
        server.snap("restore", "baseline")
        status, carol = server.post("/hub/api/users/carol", {})  # gets bob's id, and bob is remembered under that
        assert (status, carol["name"]) == (201, "bob")
        restart = {"run": server.restart, "timeout": 60, "required": True}
        up = {"http": f"GET http://127.0.0.1:{port}/hub/api/", "until": 200, "timeout": 60, "required": True}
        server.configure("hub.sqlite3", [restart, up])
        server.snap("restore", "baseline")
        assert users() == ["alice"]
        assert server.post("/hub/api/users/carol", {})[1]["name"] == "carol"
        assert journal_mode(tmp_path / "hub.sqlite3") == "delete"


def test_datasette_needs_nothing(tmp_path: Path) -> None:
    needs("datasette")
    execute(tmp_path / "db.sqlite3", "CREATE TABLE item (name)", "INSERT INTO item VALUES ('first')")
    port = free_port()
    program = [sys.executable, "-m", "datasette", "db.sqlite3", "--port", str(port)]
    with serving(tmp_path, program, port, "/-/versions.json") as server:

        def names() -> Any:
            return [row["name"] for row in server.get("/db/item.json?_shape=array")[1]]

        up = {"http": f"GET http://127.0.0.1:{port}/-/versions.json", "required": True}
        server.configure("db.sqlite3", [up])
        server.snap("tag", "baseline")
        assert names() == ["first"]
        execute(tmp_path / "db.sqlite3", "INSERT INTO item VALUES ('second')", "ALTER TABLE item ADD COLUMN size")
        assert names() == ["first", "second"]
        server.snap("restore", "baseline")
        assert server.get("/db/item.json?_shape=array")[1] == [{"rowid": 1, "name": "first"}]


def test_the_cache_of_directus_is_cleared(tmp_path: Path) -> None:
    directus = os.environ.get("DIRECTUS", "") or shutil.which("directus")
    if not directus:
        pytest.skip("Directus is not installed: npm install directus, and name its cli.js in DIRECTUS")
    port = free_port()
    program = [
        *("env", "DB_CLIENT=sqlite3", "DB_FILENAME=db.sqlite3", f"SECRET={TOKEN}", f"PORT={port}", "HOST=127.0.0.1"),
        *("ADMIN_EMAIL=admin@example.com", "ADMIN_PASSWORD=s3cret", f"ADMIN_TOKEN={TOKEN}", "TELEMETRY=false"),
        *("CACHE_ENABLED=false", directus),
    ]
    assert os.spawnvp(os.P_WAIT, "env", ["env", "-C", os.fspath(tmp_path), *program[1:], "bootstrap"]) == 0
    with serving(tmp_path, [*program, "start"], port, "/server/ping", {"Authorization": f"Bearer {TOKEN}"}) as server:
        fields = [{"field": "id", "type": "integer", "schema": {"is_primary_key": True, "has_auto_increment": True}}]
        made = server.post("/collections", {"collection": "item", "schema": {}, "meta": {}, "fields": fields})
        assert made[0] == 200, made
        assert server.post("/items/item", {})[0] == 200
        server.configure("db.sqlite3", [])
        server.snap("tag", "baseline")
        field = {"field": "size", "type": "integer", "schema": {}, "meta": {}}
        assert server.post("/fields/item", field)[0] == 200
        assert server.get("/items/item")[1] == {"data": [{"id": 1, "size": None}]}
        server.snap("restore", "baseline")
        assert server.get("/items/item")[0] == 500
        server.snap("undo")
        clear = f"POST http://127.0.0.1:{port}/utils/cache/clear?system=true"
        hook = {"http": clear, "headers": {"Authorization": "Bearer $ADMIN_TOKEN"}, "until": 200, "required": True}
        server.configure("db.sqlite3", [hook])
        server.snap("restore", "baseline", ADMIN_TOKEN=TOKEN)
        assert server.get("/items/item") == (200, {"data": [{"id": 1}]})
        assert journal_mode(tmp_path / "db.sqlite3") == "delete"


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        for statement in statements:
            connection.execute(statement)

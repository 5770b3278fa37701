"""What Django does to its database: migrations that re-create tables, users that come and go, sessions."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.server import DjangoProject
from tests.real.oracle import Seen, Watched, watched

USERS = """
from django.contrib.auth.models import Group, User
from shop.models import Order, Product
tea = Product.objects.create(name="tea")
for number in range(30):
    user = User.objects.create_user(f"user{number}", f"user{number}@example.org", "one two")
    user.groups.add(Group.objects.get_or_create(name=f"group {number % 3}")[0])
    Order.objects.create(customer=user).products.add(tea)
"""
SESSIONS = """
from django.contrib.sessions.backends.db import SessionStore
for number in range(20):
    session = SessionStore()
    session["basket"] = "x" * 300 * number
    session.set_expiry(-1 if number % 2 else 3600)
    session.save()
"""
DELETED = """
from django.contrib.auth.models import User
User.objects.filter(username__endswith="7").delete()
User.objects.filter(username="user3").update(first_name="Carl", is_staff=True)
"""
ALTERED = """
from django.db import connection, models
from shop.models import Order, Product
with connection.schema_editor() as editor:
    longer = models.CharField(max_length=200, null=True)
    longer.set_attributes_from_name("name")
    editor.alter_field(Product, Product._meta.get_field("name"), longer)
    added = models.IntegerField(default=5)
    added.set_attributes_from_name("stars")
    editor.add_field(Product, added)
    noted = models.TextField(null=True)
    noted.set_attributes_from_name("noted")
    editor.add_field(Order, noted)
"""


def _step(database: Watched, project: DjangoProject, *arguments: str, **variables: str) -> Seen:
    """Run one of Django's commands; return what it changed, and start again from there."""
    project.manage(*arguments, **variables)
    seen = database.check()
    database.tag()
    return seen


def test_what_django_changes_is_what_sql_finds(tmp_path: Path) -> None:
    project = DjangoProject(tmp_path / "shop.sqlite3", "wal", persistent=False)
    for migration in (["contenttypes"], ["auth", "0001"]):
        project.manage("migrate", *migration)
    with watched(project.database, tmp_path) as database:
        seen = _step(database, project, "migrate")
        assert "auth_user" in seen.schema
        assert {"auth_permission", "django_migrations", "django_content_type"} <= seen.tables.keys()

        name = ["--username", "ada", "--email", "ada@example.org"]
        seen = _step(database, project, "createsuperuser", "--noinput", *name, DJANGO_SUPERUSER_PASSWORD="secret")
        assert [len(part) for part in seen.tables["auth_user"]] == [0, 1]
        assert set(seen.tables) == {"auth_user"}

        seen = _step(database, project, "shell", "-c", USERS)
        assert len(seen.tables["auth_user"].come) == 30

        seen = _step(database, project, "shell", "-c", DELETED)
        assert [len(part) for part in seen.tables["auth_user"]] == [4, 1]
        assert [len(part) for part in seen.tables["shop_order_products"]] == [3, 0]

        seen = _step(database, project, "shell", "-c", SESSIONS)
        assert set(seen.tables) == {"django_session"}
        seen = _step(database, project, "clearsessions")
        assert [len(part) for part in seen.tables["django_session"]] == [10, 0]

        seen = _step(database, project, "shell", "-c", ALTERED)
        assert {"shop_product", "shop_order"} <= seen.schema


def test_migrations_that_go_back_are_what_sql_finds(tmp_path: Path) -> None:
    project = DjangoProject(tmp_path / "shop.sqlite3", "delete", persistent=False)
    project.manage("migrate")
    project.manage("shell", "-c", USERS)
    with watched(project.database, tmp_path) as database:
        seen = _step(database, project, "migrate", "auth", "0003")
        assert {"auth_user", "auth_group"} <= seen.schema
        assert len(seen.tables["django_migrations"].gone) == 9

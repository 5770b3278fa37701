"""The hybrid flow on a running Django project: clean up through the admin, verify, and restore what was forgotten."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.server import COMMAND_TIMEOUT, DjangoProject, DjangoServer, environment
from tests.e2e.shop import ADMIN, COFFEE, PASSWORD, TEA, Shop, migrate

POLICY = """
databases: {{default: {database}}}
store: {store}
ignore:
  tables: [django_session, django_admin_log]
  columns: [auth_user.last_login]
"""
NOT_CLEAN, RESTORED = 1, 3
ROUNDS = 4


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = DjangoProject(tmp_path_factory.mktemp("migrated") / "shop.sqlite3", "delete", persistent=False)
    migrate(project)
    project.manage("migrate", "shop", "0002")
    return project.database


@pytest.fixture(params=["delete", "wal"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[Shop]:
    """Run a shop that has a policy, and whose state is tagged; server and database end unharmed."""
    project = DjangoProject(tmp_path / "shop.sqlite3", request.param, persistent=True)
    shutil.copyfile(migrated, project.database)
    policy = POLICY.format(database=project.database, store=tmp_path / "store")
    (tmp_path / "snapstore.yaml").write_text(policy)
    with DjangoServer(project, tmp_path / "server.log", threads=False) as server:
        shop = Shop(server, tmp_path / "store")
        _snap(shop, "tag", "baseline")
        yield shop
        assert server.is_running
        assert "Traceback" not in server.log, server.log
        assert shop.check("integrity_check") == "('ok',)"
        assert shop.check("foreign_key_check") == ""


def _snap(shop: Shop, *arguments: str, code: int = 0) -> Any:
    """Run the command in the folder with the policy, demand an exit code, and return its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "snapstore", *arguments, "--json"],
        cwd=shop.store.parent,
        env=environment() | {"XDG_CONFIG_HOME": os.fspath(shop.store.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_TIMEOUT,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def _verified(shop: Shop, *options: str, code: int = 0) -> tuple[Any, Any]:
    """Return what `verify` says, and of it what it says of the database."""
    said = _snap(shop, "verify", "baseline", *options, code=code)
    return said, said["databases"]["default"]


def _order(shop: Shop, name: str) -> int:
    """Make a user with an order; return the user's id."""
    shop.admin.add_user(name)
    user = shop.admin.users()[name]
    shop.admin.submit("/admin/shop/order/add/", customer=user, products=[TEA, COFFEE])
    return user


def _delete(shop: Shop, model: str, key: int) -> None:
    shop.admin.submit(f"/admin/shop/{model}/{key}/delete/", post="yes")


def _newest(shop: Shop, model: str) -> int:
    """Return the greatest key in the admin's list, which has the newest first."""
    text = shop.admin.get(f"/admin/shop/{model}/").text
    return max(int(part.split("/")[0]) for part in text.split(f"/admin/shop/{model}/")[1:] if part[0].isdigit())


def test_a_user_that_cleanup_forgets_is_found_with_all_that_hangs_on_it(shop: Shop) -> None:
    user = _order(shop, "carl")
    shop.admin.submit("/admin/shop/review/add/", product=TEA, text="weak")
    _delete(shop, "review", _newest(shop, "review"))

    said, found = _verified(shop, code=NOT_CLEAN)
    assert (said["verdict"], said["ok"]) == ("leaked", False)
    counts = {"auth_user": 1, "shop_order": 1, "shop_order_products": 2}
    assert {name: one["added"] for name, one in found["tables"].items()} == counts
    assert not any(one["removed"] or one["changed"] for one in found["tables"].values())
    under = {"shop_order_products": 2, "shop_order": 1}
    assert found["leaks"] == [{"table": "auth_user", "key": {"id": user}, "under": under, "of": None, "label": "carl"}]

    shop.admin.delete_user("carl")
    said, found = _verified(shop)
    assert (said["verdict"], found["tables"]) == ("drifted", {})


def test_a_review_that_cleanup_forgets_is_found_under_the_row_it_belongs_to(shop: Shop) -> None:
    _order(shop, "carl")
    shop.admin.submit("/admin/shop/review/add/", product=COFFEE, text="strong")
    review = _newest(shop, "review")
    shop.admin.delete_user("carl")

    _, found = _verified(shop, code=NOT_CLEAN)
    of = {"table": "shop_product", "key": {"id": COFFEE}}
    leak = {"table": "shop_review", "key": {"id": review}, "under": {}, "of": of, "label": None}
    assert found["leaks"] == [leak]


def test_a_cleanup_that_deletes_too_much_is_found(shop: Shop) -> None:
    _delete(shop, "product", TEA)
    said, found = _verified(shop, code=NOT_CLEAN)
    assert said["verdict"] == "damaged"
    assert {name: one["removed"] for name, one in found["tables"].items()} == {
        "shop_product": 1,
        "shop_order_products": 1,
    }


def test_the_server_answers_with_the_old_state_after_a_failed_verify(shop: Shop) -> None:
    old, cookies, users = shop.state(), shop.admin.cookies, shop.admin.users()
    inode = shop.inode
    _order(shop, "carl")
    failing = shop.state()
    said, _ = _verified(shop, "--restore-on-fail", "--label", "checkout", code=RESTORED)
    assert (said["verdict"], said["restored"], said["label"]) == ("leaked", True, "checkout")

    assert shop.state() == old
    assert shop.inode == inode
    admin = Browser(shop.server.address, cookies)
    assert admin.is_logged_in
    assert admin.users() == users
    assert _verified(shop)[0]["ok"]

    _snap(shop, "restore", said["forensic"])
    assert shop.state().tables == failing.tables


def test_a_cleanup_that_works_never_raises_an_alarm(shop: Shop) -> None:
    for number in range(ROUNDS):
        shop.admin.log_out()
        shop.admin.log_in(ADMIN, PASSWORD)
        name = f"guest{number}"
        _order(shop, name)
        shop.admin.submit("/admin/shop/product/add/", name=f"milk {number}")
        shop.admin.submit(
            "/admin/shop/review/add/", product=_newest(shop, "product"), text="white " * 900 * (number + 1)
        )
        _delete(shop, "product", _newest(shop, "product"))
        shop.admin.delete_user(name)
        said, found = _verified(shop, "--label", name)
        assert said["verdict"] in ("clean", "drifted")
        assert (said["ok"], found["tables"], found["rows"], found["leaks"]) == (True, {}, [], [])
        assert "django_session" in found["drift"]["ignored_tables"]
        shop.admin.log_out()
        assert _verified(shop)[0]["ok"]
        shop.admin.log_in(ADMIN, PASSWORD)


def test_without_a_policy_a_login_is_no_clean_state(shop: Shop) -> None:
    shop.admin.log_out()
    shop.admin.log_in(ADMIN, PASSWORD)
    (shop.store.parent / "snapstore.yaml").unlink()
    places = ["--db", os.fspath(shop.project.database), "--store", os.fspath(shop.store)]
    _, found = _verified(shop, *places, code=NOT_CLEAN)
    assert set(found["tables"]) == {"django_session", "auth_user"}
    assert [row["columns"] for row in found["rows"] if row["table"] == "auth_user"] == [["last_login"]]


def test_clean_removes_what_was_forgotten_and_keeps_sessions(shop: Shop) -> None:
    (shop.store.parent / "snapstore.yaml").unlink()
    places = ["--db", os.fspath(shop.project.database), "--store", os.fspath(shop.store)]
    old, users, inode = shop.state(), shop.admin.users(), shop.inode
    for _ in range(2):
        shop.admin.log_out()
        shop.admin.log_in(ADMIN, PASSWORD)
        _order(shop, "carl")
        shop.admin.submit("/admin/shop/review/add/", product=TEA, text="weak")
        said = _snap(shop, "clean", "baseline", "--keep", "django_session", *places)
        assert said["changed"]
        cleaned = said["databases"]["default"]["tables"]
        assert {name: one["removed"] for name, one in cleaned.items() if one["removed"]} == {
            "auth_user": 1,
            "shop_order": 1,
            "shop_order_products": 2,
            "shop_review": 1,
            "django_admin_log": 3,
        }
        assert cleaned["auth_user"]["changed"] == 1

        assert shop.admin.is_logged_in
        assert shop.admin.users() == users
        assert shop.state() == old
        assert shop.inode == inode
        _, found = _verified(shop, *places, code=NOT_CLEAN)
        assert set(found["tables"]) == {"django_session"}

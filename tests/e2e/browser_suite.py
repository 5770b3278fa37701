"""A suite of the shop, run by pytest in a process of its own, against a server that is running.

SUITE_BEHAVIOUR says what its last test does: tidy, forget, break, or stay (until it is ended).
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser

BEHAVIOUR = os.environ["SUITE_BEHAVIOUR"]


@pytest.fixture
def admin() -> Browser:
    browser = Browser(os.environ["SUITE_ADDRESS"])
    browser.log_in("ada", "the password of ada")
    return browser


@pytest.fixture
def guest(admin: Browser) -> Iterator[str]:
    admin.add_user("guest")
    yield "guest"
    admin.delete_user("guest")


def test_a_guest_is_listed(admin: Browser, guest: str) -> None:
    assert guest in admin.users()


def test_an_order_is_taken(admin: Browser) -> None:
    admin.add_user("forgotten")
    admin.submit("/admin/shop/order/add/", customer=admin.users()["forgotten"], products=[1, 2])
    if BEHAVIOUR == "stay":
        Path("pid").write_text(str(os.getpid()))
        time.sleep(60)
    assert BEHAVIOUR != "break"
    if BEHAVIOUR == "tidy":
        admin.delete_user("forgotten")

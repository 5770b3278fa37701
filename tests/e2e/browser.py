"""A browser with its cookies, as far as Django's admin needs one, and a conversation that keeps its connection."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from http.cookiejar import Cookie, CookieJar
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

TIMEOUT = 30.0  # seconds
USER_ROW = re.compile(r'class="field-username"><a href="/admin/auth/user/(\d+)/change/[^"]*">([^<]+)</a>')
CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Page:
    """What a request ended at, after every redirection."""

    path: str
    text: str


class Browser:
    """A user of the admin at an address; starts with the cookies of another one where given."""

    def __init__(self, address: str, cookies: Iterable[Cookie] = ()) -> None:
        self._address = address
        self._jar = CookieJar()
        for cookie in cookies:
            self._jar.set_cookie(cookie)
        self._opener = build_opener(HTTPCookieProcessor(self._jar))

    @property
    def cookies(self) -> list[Cookie]:
        return list(self._jar)

    @property
    def is_logged_in(self) -> bool:
        return self.get("/admin/").path == "/admin/"

    def log_in(self, name: str, password: str) -> None:
        self.submit("/admin/login/?next=/admin/", username=name, password=password)
        assert self.is_logged_in

    def log_out(self) -> None:
        self._post("/admin/logout/", _csrf_token(self.get("/admin/")), {})
        assert not self.is_logged_in

    def users(self) -> dict[str, int]:
        """Return the names and ids that the admin's list of users shows."""
        return {name: int(key) for key, name in USER_ROW.findall(self.get("/admin/auth/user/").text)}

    def add_user(self, name: str) -> None:
        self.submit("/admin/auth/user/add/", username=name, password1="one two", password2="one two")

    def delete_user(self, name: str) -> None:
        self.submit(f"/admin/auth/user/{self.users()[name]}/delete/", post="yes")

    def submit(self, path: str, **fields: object) -> Page:
        """Open the page of a form, fill it in and send it; the form must be accepted."""
        page = self._post(path, _csrf_token(self.get(path)), fields)
        assert page.path != urlsplit(path).path, page.text
        return page

    def get(self, path: str) -> Page:
        return self._open(path, None)

    def _post(self, path: str, csrf_token: str, fields: dict[str, object]) -> Page:
        return self._open(path, urlencode(fields | {"csrfmiddlewaretoken": csrf_token}, doseq=True).encode())

    def _open(self, path: str, form: bytes | None) -> Page:
        with self._opener.open(self._address + path, form, timeout=TIMEOUT) as answer:
            return Page(urlsplit(answer.url).path, answer.read().decode())


class Conversation:
    """Requests over one connection that stays open, which the server answers from one thread."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = HTTPConnection(host, port, timeout=TIMEOUT)

    def __enter__(self) -> Conversation:
        self._connection.connect()
        self._connection.auto_open = 0  # a connection that the server closed is not opened again
        return self

    def __exit__(self, *raised: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Page:
        self._connection.request("GET", path)
        with self._connection.getresponse() as answer:
            page = Page(path, answer.read().decode())
            assert answer.status == HTTPStatus.OK, page
        return page


def _csrf_token(page: Page) -> str:
    found = CSRF_TOKEN.search(page.text)
    assert found, f"no form at {page.path}"
    return found.group(1)

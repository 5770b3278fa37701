"""Hooks in the configuration: `before_restore` and `after_restore`, lists of commands, requests and signals."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

from snapstore.config.reader import Node
from snapstore.hooks.hook import Command, Hook, Request, Signal

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_KINDS = ("run", "http", "signal")
_BELONGS = {"headers": "http", "until": "http", "pid_file": "signal"}
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token (RFC 9110, 5.6.2)
_PORTS = {"http": 80, "https": 443}
_LEAST_STATUS, _MOST_STATUS = 200, 599


def read_hooks(node: Node) -> tuple[Hook, ...]:
    """Read a list of hooks. Raises ConfigurationError."""
    return tuple(map(_hook, node.items("hooks")))


def _hook(node: Node) -> Hook:
    values = node.fields(_KEYS)
    kinds = [kind for kind in _KINDS if kind in values]
    if len(kinds) != 1:
        raise node.error("must have one of 'run', 'http' and 'signal'")
    kind = kinds[0]
    for key, owner in _BELONGS.items():
        if key in values and owner != kind:
            raise node.error(f"has '{key}', which belongs to '{owner}'")
    common = {key: values[key] for key in ("timeout", "required") if key in values}
    return Hook(kind, _DOES[kind](node, values), **common)


def _command(_node: Node, values: dict[str, Any]) -> Command:
    return Command(values["run"])


def _request(_node: Node, values: dict[str, Any]) -> Request:
    more = {key: values[key] for key in ("headers", "until") if key in values}
    return Request(**values["http"], **more)


def _signal(node: Node, values: dict[str, Any]) -> Signal:
    if "pid_file" not in values:
        raise node.error("needs 'pid_file': a signal goes to the process whose number is in a file")
    found: signal.Signals = values["signal"]
    return Signal(found.value, found.name, values["pid_file"])


_DOES: dict[str, Callable[[Node, dict[str, Any]], Command | Request | Signal]] = {
    "run": _command,
    "http": _request,
    "signal": _signal,
}


def _request_line(node: Node) -> dict[str, Any]:
    """Read `POST http://127.0.0.1:8055/path`; without a method it is a GET."""
    from urllib.parse import urlsplit  # few configurations have requests

    words = node.text().split()
    method, url = words if len(words) == 2 else ("GET", *words) if len(words) == 1 else ("", "")  # noqa: PLR2004
    if method not in METHODS:
        methods = ", ".join(METHODS)
        raise node.error(f"must be a method ({methods}) and an address, such as 'POST http://127.0.0.1:8000/'")
    if not _URL.fullmatch(url):
        raise node.error("must be an address with http or https, in ASCII")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise node.error(f"has an invalid address: {str(error).lower()}") from error
    if parts.username is not None or parts.password is not None:
        raise node.error("must not have a password in its address, which is printed; use 'headers'")
    if not host:
        raise node.error("has an address without a host")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return {
        "method": method,
        "url": url,
        "is_secure": parts.scheme == "https",
        "host": host,
        "port": port or _PORTS[parts.scheme],
        "target": target,
    }


def _headers(node: Node) -> dict[str, str]:
    found = {}
    for name, (key, value) in node.entries().items():
        if not _HEADER_NAME.fullmatch(name):
            raise key.problem(f"'{name}' is no name of a header")
        if not (text := value.text()).isprintable():
            raise value.error("has a character that HTTP does not allow")
        found[name] = text
    return found


def _status(node: Node) -> int:
    status = node.count(most=_MOST_STATUS)
    if status < _LEAST_STATUS:
        raise node.error(f"must be from {_LEAST_STATUS} to {_MOST_STATUS}")
    return status


def _signal_name(node: Node) -> signal.Signals:
    name = node.text().upper()
    known = {one.name: one for one in signal.Signals}
    found = known.get(name) or known.get(f"SIG{name}")
    if found is None:
        raise node.error("must be the name of a signal, such as HUP")
    return found


def _time(node: Node) -> float:
    seconds = node.seconds()
    if not seconds:
        raise node.error("must be more than 0 seconds")
    return seconds


_KEYS: dict[str, Callable[[Node], Any]] = {
    "run": Node.text,
    "http": _request_line,
    "headers": _headers,
    "until": _status,
    "signal": _signal_name,
    "pid_file": Node.path,
    "timeout": _time,
    "required": Node.flag,
}

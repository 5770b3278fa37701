"""`remotes:` in the configuration: where snapshots are shared. Credentials are never in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from snapstore.config.reader import Node
from snapstore.config.remote_urls import AZURE, GCS, S3, VARIABLES, read_endpoint, read_url
from snapstore.history.names import RESERVED
from snapstore.remotes.settings import MOST_CONCURRENCY, POLICIES, RemoteSettings

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
_PROJECT = re.compile(r"\w[\w.+ -]{0,99}")
_SECRETS = MappingProxyType(
    {
        "access_key": "AWS_ACCESS_KEY_ID",
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "aws_access_key_id": "AWS_ACCESS_KEY_ID",
        "key": VARIABLES[S3],
        "secret": "AWS_SECRET_ACCESS_KEY",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "token": "AWS_SESSION_TOKEN",
        "session_token": "AWS_SESSION_TOKEN",
        "credentials": VARIABLES[GCS],
        "service_account": VARIABLES[GCS],
        "service_account_key": VARIABLES[GCS],
        "account": "AZURE_STORAGE_ACCOUNT_NAME",
        "account_name": "AZURE_STORAGE_ACCOUNT_NAME",
        "account_key": "AZURE_STORAGE_ACCOUNT_KEY",
        "sas_token": "AZURE_STORAGE_SAS_TOKEN",
        "connection_string": VARIABLES[AZURE],
        "user": VARIABLES[S3],
        "username": VARIABLES[S3],
        "password": VARIABLES[S3],
    }
)
"""Keys that other programs have for credentials, with the environment variable to use."""
OF_OBJECT_STORAGE = ("endpoint", "region", "profile", "allow_http", "unsafe_single_writer")


def read_remotes(node: Node) -> Mapping[str, RemoteSettings]:
    """Read all of them, by name: each a URL, or a mapping. Raises ConfigurationError."""
    found: dict[str, RemoteSettings] = {}
    for name, (key, value) in node.entries().items():
        if problem := name_problem(name, found):
            raise key.problem(f"name of remote '{name}' is invalid: {problem}")
        found[name] = _remote(name, value)
    return found


def name_problem(name: str, others: Mapping[str, object]) -> str | None:
    """Return what is wrong with the name of a remote beside others, None if nothing is.

    It becomes the name of a folder, which may not know upper case from lower case, and the begin of a revision.
    """
    if name in RESERVED:
        return "it is reserved"
    if not NAME.fullmatch(name):
        return "it must have up to 64 letters, digits, '.', '_' and '-' only, and not begin with '.' or '-'"
    same = next((one for one in others if one.lower() == name.lower()), None)
    return f"there is '{same}' already" if same is not None else None


def project_problem(name: str) -> str | None:
    """Return what is wrong with the name of a project, None if nothing is."""
    if _PROJECT.fullmatch(name) and not name.endswith(" "):
        return None
    return "it must have up to 100 letters, digits, spaces and . _ + - only, and begin with a letter or a digit"


def read_project(node: Node) -> str:
    """Read the name that the project has on remotes. Raises ConfigurationError."""
    name = node.text()
    if problem := project_problem(name):
        raise node.error(f"is invalid: {problem}")
    return name


def _remote(name: str, node: Node) -> RemoteSettings:
    if node.is_text:
        return RemoteSettings(name, _url(node))
    _refuse_secrets(node)
    values = node.fields(_KEYS)
    if "url" not in values:
        raise node.error("must have 'url'")
    settings = RemoteSettings(name, **values)
    entries = node.entries()
    if settings.signing_key is not None and settings.signers is None:
        raise entries["signing_key"][0].problem(f"'{node.key}' must have 'signers', too: a push checks what it signs")
    if settings.is_folder:
        for key in OF_OBJECT_STORAGE:
            if key in entries:
                raise entries[key][0].problem(f"'{node.key}' is a folder: '{key}' belongs to object storage")
    elif settings.endpoint is not None:
        settings = settings._replace(endpoint=_endpoint(entries["endpoint"][1], allow_http=settings.allow_http))
    return settings


def _refuse_secrets(node: Node) -> None:
    for key, (at, _) in node.entries().items():
        if variable := _SECRETS.get(key.lower().replace("-", "_")):
            raise at.problem(f"'{node.key}.{key}' does not belong in a file: set {variable} in the environment")


def _url(node: Node) -> str:
    folder = os.path.dirname(os.path.abspath(node.place[0]))
    try:
        return read_url(node.text(), folder)
    except ValueError as error:
        raise node.error(str(error)) from error


def _endpoint(node: Node, *, allow_http: bool) -> str:
    try:
        return read_endpoint(node.text(), allow_http=allow_http)
    except ValueError as error:
        raise node.error(str(error)) from error


def _globs(node: Node) -> tuple[str, ...]:
    """Read globs of names: one, or a list."""
    return (node.text(),) if node.is_text else node.names()


_KEYS: dict[str, Callable[[Node], Any]] = {
    "url": _url,
    "endpoint": Node.text,
    "region": Node.text,
    "profile": Node.text,
    "allow_http": Node.flag,
    "unsafe_single_writer": Node.flag,
    "read_only": Node.flag,
    "pull": _globs,
    "push": _globs,
    "policy": lambda node: node.one_of(POLICIES),
    "signers": Node.path,
    "signing_key": Node.path,
    "concurrency": lambda node: node.count(most=MOST_CONCURRENCY),
}

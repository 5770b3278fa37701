"""Where a remote is: a URL of object storage, or a folder. Secrets in it are refused, since it is printed."""

from __future__ import annotations

import os
from urllib.parse import SplitResult, unquote, urlsplit

from snapstore.files import as_path
from snapstore.remotes.places import is_loopback

S3, GCS, AZURE, FILE = "s3", "gs", "az", "file"
OBJECT_STORES = (S3, GCS, AZURE)
VARIABLES = {
    S3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    GCS: "GOOGLE_APPLICATION_CREDENTIALS",
    AZURE: "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""The environment variables for credentials, by scheme."""
_HTTP, _HTTPS = "http", "https"


def read_url(text: str, folder: str) -> str:
    """Return a URL of object storage without a slash at its end, or the absolute path of a folder.

    A relative path is relative to `folder`. Raises ValueError, whose message is what is wrong with the URL.
    """
    if "\0" in text or not text.strip():
        raise ValueError("must be a URL or a path")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return os.path.normpath(os.path.join(os.path.abspath(folder), os.path.expanduser(as_path(text))))
    scheme = scheme.lower()
    if scheme == FILE:
        return _folder_of(rest)
    if scheme not in OBJECT_STORES:
        known = ", ".join(f"{one}://" for one in (*OBJECT_STORES, FILE))
        more = "; the address of a server goes into 'endpoint'" if scheme in (_HTTP, _HTTPS) else ""
        raise ValueError(f"must begin with {known}, or be a path{more}")
    if not rest.isprintable() or " " in rest:
        raise ValueError("has a character that no URL has")
    parts = _split(f"{scheme}://{rest}")
    _refuse_secrets(parts, VARIABLES[scheme])
    if not parts.netloc:
        raise ValueError(f"must have a {'container' if scheme == AZURE else 'bucket'}: {scheme}://NAME/PREFIX")
    path = "/".join(filter(None, parts.path.split("/")))
    if any(part in (".", "..") for part in path.split("/")):
        raise ValueError("must not have '.' or '..' in its path")
    return f"{scheme}://{parts.netloc}/{path}".rstrip("/")


def read_endpoint(text: str, *, allow_http: bool) -> str:
    """Return the address of a server of object storage. Raises ValueError."""
    parts = _split(text)
    if parts.scheme not in (_HTTP, _HTTPS) or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError("must be an address with https, such as https://minio.example.org:9000")
    _refuse_secrets(parts, VARIABLES[S3])
    if parts.scheme == _HTTP and not allow_http and not is_loopback(parts.hostname):
        raise ValueError("must begin with https://, unless http is allowed ('allow_http: true', --allow-http)")
    return text.rstrip("/")


def _folder_of(rest: str) -> str:
    """Return the path in `file://HOST/PATH`. Raises ValueError."""
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise ValueError("must be file:///PATH, with an absolute path")
    path = unquote(path, errors="surrogateescape")
    if "\0" in path:
        raise ValueError("contains a zero character")
    return os.path.normpath("/" + path.lstrip("/"))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is no valid URL: {str(error).lower()}") from error
    return parts


def _refuse_secrets(parts: SplitResult, variables: str) -> None:
    if "@" in parts.netloc:
        raise ValueError(f"must not have a user or a key in it; set {variables} in the environment")
    if parts.query or parts.fragment:
        raise ValueError(f"must not have '?' or '#' in it; credentials go into {variables} in the environment")

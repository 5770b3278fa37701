"""Where a remote in object storage is: bucket, prefix, and the endpoint, which may be in the environment."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from snapstore.errors import ConfigurationError
from snapstore.remotes.settings import RemoteSettings

SCHEMES = S3, GOOGLE, AZURE = ("s3", "gs", "az")
_VARIABLES = {
    S3: ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    GOOGLE: ("GOOGLE_BASE_URL",),
    AZURE: ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""The variables that name an endpoint; the first one that is set wins."""
_USUAL = {S3: "https://s3.amazonaws.com", GOOGLE: "https://storage.googleapis.com"}


class Place(NamedTuple):
    """A bucket (a container in Azure), and what all keys in it begin with; `endpoint` is None for the usual one."""

    scheme: str
    bucket: str
    prefix: str
    endpoint: str | None

    @property
    def service(self) -> str | None:
        """The URL of the service, None where only obstore knows it."""
        return self.endpoint or _USUAL.get(self.scheme)


def place_of(settings: RemoteSettings, environ: Mapping[str, str]) -> Place:
    """Return where a remote is. Raises ConfigurationError for a URL or an endpoint that cannot be used."""
    parts = urlsplit(settings.url)
    if parts.scheme not in SCHEMES or not parts.netloc:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise ConfigurationError(f"cannot use '{settings.url}': a remote is a folder or begins with {known}")
    return Place(parts.scheme, parts.netloc, parts.path.strip("/"), _endpoint(settings, parts.scheme, environ))


def _endpoint(settings: RemoteSettings, scheme: str, environ: Mapping[str, str]) -> str | None:
    """Return the endpoint that is configured or in the environment, None without one. Raises ConfigurationError."""
    if settings.endpoint:
        return _checked("endpoint", settings.endpoint, settings)
    for name in _VARIABLES[scheme]:
        if value := environ.get(name):
            return _checked(name, value, settings)
    return None


def _checked(source: str, endpoint: str, settings: RemoteSettings) -> str:
    """Return an endpoint without a slash at its end. Raises ConfigurationError, which repeats no credentials."""
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"{source} is not a valid URL: {str(error).lower()}") from error
    if "@" in parts.netloc or parts.query:
        raise ConfigurationError(f"{source} must not have credentials in it")
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"{source} '{endpoint}' must be a URL such as https://storage.example.org")
    if parts.scheme == "http" and not settings.allow_http and not is_loopback(host):
        problem = ConfigurationError(f"{source} '{endpoint}' must begin with https://")
        problem.hint = f"'allow_http: true' at the remote '{settings.name}' permits http, which everybody can read"
        raise problem
    return endpoint.rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

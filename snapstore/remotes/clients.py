"""The clients of obstore for one bucket: their credentials, limits and retries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from snapstore import __version__
from snapstore.errors import ConfigurationError, ExtraMissing
from snapstore.remotes.credentials import environment, find_credentials
from snapstore.remotes.places import AZURE, GOOGLE, S3, Place
from snapstore.remotes.settings import RemoteSettings

if TYPE_CHECKING:
    from obstore.store import AzureStore, ClientConfig, GCSStore, RetryConfig, S3Store

    Client = S3Store | GCSStore | AzureStore

SMALL_BYTES = 1 << 20  # what is sent before the idle limit is over
_LONGEST_SECONDS = 3600
_PACK_BYTES = 17 << 20  # and a little more than a pack has: one client sends all of them


class Limits(NamedTuple):
    """How long a remote is waited for: seconds, bytes a second, and how often a request is tried again."""

    connect: float = 5.0
    idle: float = 30.0
    """Without any byte from the server."""
    slowest: int = 32 << 10
    """A transfer may take `idle`, and its bytes at this rate."""
    retries: int = 6
    """With pauses of about 0.1, 0.25, 0.6, 1.2, 2.4 and 4.8 s, at random around those."""

    def seconds_for(self, size: int) -> float:
        """Return how long a transfer may take."""
        return self.idle + size / self.slowest


class Clients:
    """Makes a client when it is first needed. Each has connections of its own, so there are two and no more.

    Raises ExtraMissing where obstore is not installed, CredentialsMissing.
    """

    def __init__(self, place: Place, settings: RemoteSettings, environ: Mapping[str, str], limits: Limits) -> None:
        try:
            from obstore import exceptions, store
        except ModuleNotFoundError as error:
            if error.name != "obstore":
                raise
            raise ExtraMissing(settings.url) from error
        self.errors: tuple[type[Exception], ...] = (exceptions.BaseError, FileNotFoundError, PermissionError)
        """What requests raise."""
        self._classes = store
        self._place = place
        self._settings = settings
        self._credentials = find_credentials(place.scheme, settings, environ)
        self._limits = limits
        self._made: dict[float, Client] = {}
        self._lock = Lock()

    @property
    def usual(self) -> Client:
        """For all but large uploads: it waits as long as bytes come."""
        return self._client(0.0)

    def for_upload(self, size: int) -> Client:
        """Return one for objects of a size; a limit to silence would count while a body is sent."""
        if size <= SMALL_BYTES:
            return self.usual
        packs = -(-size // _PACK_BYTES)
        return self._client(self._limits.seconds_for(packs * _PACK_BYTES))

    def _client(self, seconds: float) -> Client:
        with self._lock:
            if seconds not in self._made:
                self._made[seconds] = self._make(seconds)
            return self._made[seconds]

    def _make(self, seconds: float) -> Client:
        """Return a client whose requests take at most so long, 0 for an idle limit alone. Raises ConfigurationError."""
        common: dict[str, Any] = {
            "prefix": self._place.prefix or None,
            "client_options": self._options(seconds),
            "retry_config": self._retries(),
        }
        try:
            return _MAKERS[self._place.scheme](self, common)
        except Exception as error:
            raise ConfigurationError(f"cannot use '{self._settings.url}': {str(error).splitlines()[0]}") from error

    def _amazon(self, common: dict[str, Any]) -> Client:
        if self._credentials.provider:
            common["credential_provider"] = self._credentials.provider
        config: dict[str, Any] = {"virtual_hosted_style_request": False}
        if region := self._settings.region or self._credentials.region:
            config["region"] = region
        if self._place.endpoint:
            config |= {"endpoint": self._place.endpoint, "aws_endpoint_url_s3": self._place.endpoint}
            if self._place.endpoint.startswith("http:"):  # TLS would notice; some servers do not check what is signed
                config["checksum_algorithm"] = "SHA256"
        elif "." not in self._place.bucket:  # no certificate is valid for more than one label
            config["virtual_hosted_style_request"] = True
        return self._classes.S3Store(self._place.bucket, config=config, **common)  # type: ignore[arg-type]

    def _google(self, common: dict[str, Any]) -> Client:
        config: dict[str, Any] = {"base_url": self._place.endpoint} if self._place.endpoint else {}
        return self._classes.GCSStore(self._place.bucket, config=config, **common)  # type: ignore[arg-type]

    def _azure(self, common: dict[str, Any]) -> Client:
        config: dict[str, Any] = {"endpoint": self._place.endpoint} if self._place.endpoint else {}
        return self._classes.AzureStore(self._place.bucket, config=config, **common)  # type: ignore[arg-type]

    def _options(self, seconds: float) -> ClientConfig:
        endpoint = self._place.endpoint or ""
        options: ClientConfig = {
            "allow_http": endpoint.startswith("http:"),
            "connect_timeout": timedelta(seconds=self._limits.connect),
            "timeout": timedelta(seconds=seconds or _LONGEST_SECONDS),
            "user_agent": f"snapstore/{__version__}",
        }
        if not seconds:
            options["read_timeout"] = timedelta(seconds=self._limits.idle)
        if (bundle := _bundle(environment())) and not endpoint.startswith("http:"):
            options["root_certificate"] = bundle
        return options

    def _retries(self) -> RetryConfig:
        return {
            "max_retries": self._limits.retries,
            "retry_timeout": timedelta(seconds=2 * self._limits.idle),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=8),
                "base": 4,
            },
        }


_MAKERS = {S3: Clients._amazon, GOOGLE: Clients._google, AZURE: Clients._azure}


def _bundle(environ: Mapping[str, str]) -> bytes | None:
    """Return the certificates that AWS_CA_BUNDLE names, as the AWS CLI takes them. Raises ConfigurationError."""
    if not (path := environ.get("AWS_CA_BUNDLE")):
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigurationError(f"AWS_CA_BUNDLE '{path}': {(error.strerror or str(error)).lower()}") from error

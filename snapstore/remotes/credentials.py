"""Credentials for object storage: from the variables that each provider's own tools read, or from an AWS profile.

They are looked for before anything is sent, so that what is missing can be named. The address of an instance's metadata
is never asked unasked: outside the cloud that would wait for a timeout, and inside it may be another tenant's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TypedDict

from snapstore.errors import ConfigurationError, CredentialsMissing
from snapstore.remotes.places import AZURE, GOOGLE, S3
from snapstore.remotes.settings import RemoteSettings

_YES = {"1", "true", "yes", "on"}
_TOOL_SECONDS = 60
_REFRESHED = timedelta(minutes=10)  # after it boto3, which renews credentials by itself, is asked again
_DYNAMIC = (
    "role_arn",
    "sso_session",
    "sso_start_url",
    "credential_process",
    "web_identity_token_file",
    "login_session",
)
_FOUND_BY_THE_LIBRARY = {
    S3: (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_METADATA_ENDPOINT",
    ),
    GOOGLE: (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_BEARER_TOKEN",
        "GCE_METADATA_HOST",
    ),
    AZURE: (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "IDENTITY_ENDPOINT",
        "MSI_ENDPOINT",
    ),
}
"""Variables by which obstore itself finds credentials; the last ones of each say that this is an instance."""
_ANONYMOUS = {S3: "AWS_SKIP_SIGNATURE", GOOGLE: "GOOGLE_SKIP_SIGNATURE", AZURE: "AZURE_SKIP_SIGNATURE"}
_WANTED = {
    S3: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or 'profile' at the remote"
    "; AWS_EC2_METADATA_DISABLED=false uses the role of the instance",
    GOOGLE: "set GOOGLE_APPLICATION_CREDENTIALS to a key file, or run 'gcloud auth application-default login'"
    "; GCE_METADATA_HOST=metadata.google.internal uses the account of the instance",
    AZURE: "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN"
    "; AZURE_USE_AZURE_CLI=true uses the account of 'az login'",
}


class Answer(TypedDict):
    """What obstore takes for credentials of S3; `expires_at` is None for those that do not expire."""

    access_key_id: str
    secret_access_key: str
    token: str | None
    expires_at: datetime | None


@dataclass(frozen=True)
class StaticKeys:
    """An access key of S3, its secret, and the token of a temporary one. It prints without what is secret."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def __call__(self) -> Answer:
        """Return them as obstore takes them."""
        return {
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
            "token": self.token,
            "expires_at": None,
        }


@dataclass(frozen=True)
class Credentials:
    """What was found: a function that obstore calls, None where obstore finds them; and the region of the profile."""

    provider: Callable[[], Answer] | None = None
    region: str | None = None


def environment() -> Mapping[str, str]:
    """Return the variables of this process, which obstore reads as well."""
    return os.environ


def find_credentials(scheme: str, settings: RemoteSettings, environ: Mapping[str, str]) -> Credentials:
    """Return the credentials for a remote. Raises CredentialsMissing, ConfigurationError."""
    if scheme != S3 and settings.profile:
        raise ConfigurationError(f"'profile' at the remote '{settings.name}' is for s3:// only")
    if environ.get(_ANONYMOUS[scheme], "").lower() in _YES:
        return Credentials()
    if scheme == S3 and (found := _of_amazon(settings, environ)):
        return found
    if any(environ.get(name) for name in _FOUND_BY_THE_LIBRARY[scheme]) or _is_allowed(scheme, environ):
        return Credentials()
    raise CredentialsMissing(settings.url, _WANTED[scheme])


def _is_allowed(scheme: str, environ: Mapping[str, str]) -> bool:
    """Return whether the user has asked for what is not in a variable: of an instance, a login, the files of a tool."""
    if scheme == S3:
        return environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "false"
    if scheme == AZURE:
        return environ.get("AZURE_USE_AZURE_CLI", "").lower() in _YES
    home = environ.get("HOME", "")
    return os.path.exists(os.path.join(home, ".config/gcloud/application_default_credentials.json"))


def _of_amazon(settings: RemoteSettings, environ: Mapping[str, str]) -> Credentials | None:
    """Return the credentials of the configured profile, of the variables, or of the usual profile; None without."""
    if settings.profile:
        return _of_profile(settings.profile, settings.url, environ)
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials(StaticKeys(key, secret, environ.get("AWS_SESSION_TOKEN") or None))
    if any(environ.get(name) for name in _FOUND_BY_THE_LIBRARY[S3]):
        return None
    if profile := environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE"):
        return _of_profile(profile, settings.url, environ)
    has_usual_one = any("default" in one for one in _profiles(environ))
    return _of_profile("default", settings.url, environ) if has_usual_one else None


def _of_profile(name: str, url: str, environ: Mapping[str, str]) -> Credentials:
    """Return the credentials of a profile: its own keys, else what boto3 or the AWS CLI make of it.

    Raises CredentialsMissing.
    """
    config, credentials = _profiles(environ)
    section = config.get(name, {}) | credentials.get(name, {})
    if not section:
        raise CredentialsMissing(url, f"the profile '{name}' is not in {_path(environ, 'config')}")
    region = section.get("region")
    key, secret = section.get("aws_access_key_id"), section.get("aws_secret_access_key")
    if key and secret and not any(option in section for option in _DYNAMIC):
        return Credentials(StaticKeys(key, secret, section.get("aws_session_token")), region)
    if find_spec("boto3"):
        return Credentials(_checked(_Boto3(name, url)), region)
    if tool := shutil.which("aws", path=environ.get("PATH")):
        return Credentials(_checked(_CommandLine(tool, name, url, environ)), region)
    raise CredentialsMissing(url, _needs_tool(name))


def _needs_tool(profile: str) -> str:
    return f"the profile '{profile}' needs version 2 of the AWS CLI, or: pip install boto3"


def _checked(provider: Callable[[], Answer]) -> Callable[[], Answer]:
    """Ask once, here and now: an error in a thread of obstore would be told in its words. Raises CredentialsMissing."""
    answers = [provider()]
    return lambda: answers.pop() if answers else provider()


@dataclass(frozen=True)
class _Boto3:
    profile: str
    url: str

    def __call__(self) -> Answer:
        """Return what boto3 has for a profile. Raises CredentialsMissing."""
        import boto3
        from botocore.exceptions import BotoCoreError

        try:
            found = boto3.Session(profile_name=self.profile).get_credentials()
            keys = found.get_frozen_credentials() if found else None
        except BotoCoreError as error:
            raise CredentialsMissing(self.url, f"the profile '{self.profile}': {_one_line(str(error))}") from error
        if keys is None:
            raise CredentialsMissing(self.url, f"the profile '{self.profile}' has no credentials")
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": datetime.now(UTC) + _REFRESHED,
        }


@dataclass(frozen=True)
class _CommandLine:
    path: str
    profile: str
    url: str
    environ: Mapping[str, str] = field(repr=False)

    def __call__(self) -> Answer:
        """Return what `aws configure export-credentials` has for a profile. Raises CredentialsMissing."""
        words = ("configure", "export-credentials", "--profile", self.profile)
        shown = " ".join(("aws", *words))
        try:
            done = subprocess.run(
                [self.path, *words, "--format", "process"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TOOL_SECONDS,
                check=False,
                env=dict(self.environ),
            )
            if "Invalid choice" in done.stderr:
                raise CredentialsMissing(self.url, _needs_tool(self.profile))
            if done.returncode:
                raise CredentialsMissing(self.url, f"'{shown}' says: {_one_line(done.stderr)}")
            found = json.loads(done.stdout)
            expires = found.get("Expiration")
            return {
                "access_key_id": found["AccessKeyId"],
                "secret_access_key": found["SecretAccessKey"],
                "token": found.get("SessionToken"),
                "expires_at": datetime.fromisoformat(expires) if expires else None,
            }
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, AttributeError) as error:
            raise CredentialsMissing(self.url, f"'{shown}' failed: {type(error).__name__}") from error


def _profiles(environ: Mapping[str, str]) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Return the profiles of the file of configuration, and of that of credentials, by name."""
    config = {
        name.removeprefix("profile ").strip(): section
        for name, section in _sections(_path(environ, "config")).items()
        if name == "default" or name.startswith("profile ")
    }
    return config, _sections(_path(environ, "credentials"))


def _path(environ: Mapping[str, str], which: str) -> str:
    variable = "AWS_CONFIG_FILE" if which == "config" else "AWS_SHARED_CREDENTIALS_FILE"
    return os.path.expanduser(environ.get(variable) or os.path.join("~", ".aws", which))


def _sections(path: str) -> dict[str, dict[str, str]]:
    """Return the sections of a file of the AWS CLI; nothing where it is missing or unreadable."""
    parser = ConfigParser(default_section="", interpolation=None, strict=False)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, Error):
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "nothing"

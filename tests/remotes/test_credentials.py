"""Where credentials and the endpoint of object storage are looked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from snapstore.errors import ConfigurationError, CredentialsMissing
from snapstore.remotes.credentials import StaticKeys, find_credentials
from snapstore.remotes.places import AZURE, GOOGLE, S3, place_of
from snapstore.remotes.settings import RemoteSettings
from tests.support import raised

REMOTE = RemoteSettings("origin", "s3://team/shop")
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}

Environ = dict[str, str]


@pytest.fixture
def environ(tmp_path: Path) -> Environ:
    """Return variables that name files of the AWS CLI, which are not there yet, and a home without anything."""
    return {
        "HOME": str(tmp_path),
        "PATH": "",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


@pytest.mark.parametrize(
    ("scheme", "named"),
    [
        (S3, ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "profile")),
        (GOOGLE, ("GOOGLE_APPLICATION_CREDENTIALS",)),
        (AZURE, ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY")),
    ],
)
def test_what_is_missing_is_named(environ: Environ, scheme: str, named: tuple[str, ...]) -> None:
    settings = REMOTE._replace(url=f"{scheme}://team/shop")
    error = raised(CredentialsMissing, 13, find_credentials, scheme, settings, environ)
    assert error.message == f"no credentials for '{scheme}://team/shop'"
    assert all(name in (error.hint or "") for name in named)


@pytest.mark.parametrize("missing", list(KEYS))
@pytest.mark.parametrize("value", [None, ""])
def test_half_a_key_is_none(environ: Environ, missing: str, value: str | None) -> None:
    half = {**environ, **KEYS}
    del half[missing]
    if value is not None:  # what CI systems make of a secret that does not exist
        half[missing] = value
    raised(CredentialsMissing, 13, find_credentials, S3, REMOTE, half)


@pytest.mark.parametrize(("token", "found"), [(None, None), ("", None), ("token", "token")])
def test_keys_are_found_in_the_variables(environ: Environ, token: str | None, found: str | None) -> None:
    variables = {**environ, **KEYS} | ({} if token is None else {"AWS_SESSION_TOKEN": token})
    assert find_credentials(S3, REMOTE, variables).provider == StaticKeys("id", "secret", found)


@pytest.mark.parametrize(
    ("scheme", "name", "value"),
    [
        (S3, "AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
        (S3, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        (S3, "AWS_EC2_METADATA_DISABLED", "false"),
        (S3, "AWS_SKIP_SIGNATURE", "true"),
        (GOOGLE, "GOOGLE_APPLICATION_CREDENTIALS", "/key.json"),
        (AZURE, "AZURE_STORAGE_SAS_TOKEN", "sv=..."),
    ],
)
def test_what_obstore_finds_is_left_to_it(environ: Environ, scheme: str, name: str, value: str) -> None:
    settings = REMOTE._replace(url=f"{scheme}://team/shop")
    assert find_credentials(scheme, settings, {**environ, name: value}).provider is None


@pytest.mark.parametrize("value", ["true", ""])
def test_the_instance_is_not_asked_unasked(environ: Environ, value: str) -> None:
    variables = {**environ, "AWS_EC2_METADATA_DISABLED": value}
    error = raised(CredentialsMissing, 13, find_credentials, S3, REMOTE, variables)
    assert "AWS_EC2_METADATA_DISABLED=false" in (error.hint or "")


def test_a_profile_with_keys_needs_no_tool(environ: Environ, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = us-east-2\n[profile ci]\nregion = eu-central-1\n")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = 100%secret\n"
        "[ci]\naws_access_key_id = c\naws_secret_access_key = s\naws_session_token = t\n"
    )
    found = find_credentials(S3, REMOTE._replace(profile="ci"), {**environ, **KEYS})
    assert (found.provider, found.region) == (StaticKeys("c", "s", "t"), "eu-central-1")
    found = find_credentials(S3, REMOTE, {**environ, "AWS_PROFILE": "ci"})
    assert found.provider == StaticKeys("c", "s", "t")
    found = find_credentials(S3, REMOTE, environ)
    assert (found.provider, found.region) == (StaticKeys("d", "100%secret"), "us-east-2")


def test_a_profile_that_is_not_there_is_named(environ: Environ) -> None:
    error = raised(CredentialsMissing, 13, find_credentials, S3, REMOTE._replace(profile="ci"), environ)
    assert error.hint == f"the profile 'ci' is not in {environ['AWS_CONFIG_FILE']}"


def with_tool(environ: Environ, folder: Path, script: str) -> Environ:
    """Return variables with a program `aws` on the path, and a profile that needs it."""
    (folder / "config").write_text("[profile sso]\nsso_session = team\nregion = eu-west-1\n")
    tool = folder / "aws"
    tool.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
    tool.chmod(0o755)
    return {**environ, "PATH": str(folder)}


def test_another_profile_is_exported_by_the_command_line(environ: Environ, tmp_path: Path) -> None:
    answer = (
        '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t",'
        ' "Expiration": "2030-01-01T00:00:00+00:00"}'
    )
    variables = with_tool(environ, tmp_path, f"print({answer!r} if sys.argv[1:5:3] == ['configure', 'sso'] else '')")
    found = find_credentials(S3, REMOTE._replace(profile="sso"), variables)
    assert found.provider is not None
    assert found.region == "eu-west-1"
    keys = found.provider()
    assert (keys["access_key_id"], keys["secret_access_key"], keys["token"]) == ("a", "s", "t")
    assert keys["expires_at"] is not None
    assert keys["expires_at"].year == 2030


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("sys.exit('Error when retrieving token\\nfrom sso: Token has expired')", "from sso: Token has expired"),
        (
            "sys.exit('usage: aws ...\\n\\naws: error: argument subcommand: Invalid choice')",
            "needs version 2 of the AWS",
        ),
        ("print('{}')", "failed: KeyError"),
        ("print('no JSON')", "failed: JSONDecodeError"),
    ],
)
def test_what_the_command_line_says_is_passed_on(environ: Environ, tmp_path: Path, script: str, words: str) -> None:
    variables = with_tool(environ, tmp_path, script)
    error = raised(CredentialsMissing, 13, find_credentials, S3, REMOTE._replace(profile="sso"), variables)
    assert words in (error.hint or "")


def test_a_profile_that_needs_a_tool_says_so(environ: Environ, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile sso]\nsso_session = team\n")
    error = raised(CredentialsMissing, 13, find_credentials, S3, REMOTE._replace(profile="sso"), environ)
    assert "needs version 2 of the AWS CLI" in (error.hint or "")


def test_a_profile_is_for_amazon_alone(environ: Environ) -> None:
    settings = REMOTE._replace(url="gs://team/shop", profile="ci")
    raised(ConfigurationError, 13, find_credentials, GOOGLE, settings, environ)


def test_the_endpoint_is_configured_or_in_the_variables() -> None:
    variables = {"AWS_ENDPOINT_URL_S3": "https://s3.example.org/", "AWS_ENDPOINT_URL": "https://other.example.org"}
    assert place_of(REMOTE, {}) == (S3, "team", "shop", None)
    assert place_of(REMOTE, variables).endpoint == "https://s3.example.org"
    assert place_of(REMOTE._replace(endpoint="https://mine.example.org"), variables).endpoint == (
        "https://mine.example.org"
    )


@pytest.mark.parametrize(
    "endpoint", ["http://s3.example.org", "s3.example.org", "https://", "https://key:secret@x.org"]
)
def test_an_endpoint_in_the_variables_is_checked(endpoint: str) -> None:
    error = raised(ConfigurationError, 13, place_of, REMOTE, {"AWS_ENDPOINT_URL_S3": endpoint})
    assert error.message.startswith("AWS_ENDPOINT_URL_S3 ")
    assert "secret" not in error.message

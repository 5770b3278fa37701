"""Remotes in the configuration: what they become, what is wrong with others, and that no secret may be in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore.config.configuration import Configuration
from snapstore.config.keys import load
from snapstore.config.locations import Locations
from snapstore.errors import ConfigurationError, NoRemote, UntrustedConfiguration
from snapstore.remotes.settings import RemoteSettings

WHOLE = """\
remotes:
  origin:
    url: s3://team/shop/
    endpoint: https://minio.example.org:9000/
    region: auto
    profile: ci
    read_only: true
    pull: [baseline, 'release-*']
    push: baseline
    policy: always
    signers: allowed_signers
    signing_key: ~/key
    concurrency: 4
    unsafe_single_writer: true
"""


def loaded(folder: Path, text: str) -> Configuration:
    (folder / "snapstore.yaml").write_text(text)
    return load(os.fspath(folder / "snapstore.yaml"))


def test_a_remote_has_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert loaded(tmp_path, WHOLE).remotes == {
        "origin": RemoteSettings(
            "origin",
            "s3://team/shop",
            endpoint="https://minio.example.org:9000",
            region="auto",
            profile="ci",
            unsafe_single_writer=True,
            read_only=True,
            pull=("baseline", "release-*"),
            push=("baseline",),
            policy="always",
            signers=os.fspath(tmp_path / "allowed_signers"),
            signing_key="/home/somebody/key",
            concurrency=4,
        )
    }


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("s3://bucket", "s3://bucket"),
        ("S3://bucket//a//b/", "s3://bucket/a/b"),
        ("gs://bucket/a", "gs://bucket/a"),
        ("az://container/a", "az://container/a"),
        ("file:///srv/a%20b/", "/srv/a b"),
        ("file://localhost/srv", "/srv"),
        ("/srv/../mnt/team/", "/mnt/team"),
        ("~/team", "/home/somebody/team"),
        ("team", "{folder}/team"),
        ("./team/../other", "{folder}/other"),
    ],
)
def test_a_url_or_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, url: str) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    found = loaded(tmp_path, f"remotes: {{origin: '{given}'}}\n").remotes["origin"]
    assert found == RemoteSettings("origin", url.format(folder=tmp_path))
    assert found.is_folder == (url[0] in "/{")


@pytest.mark.parametrize(
    ("remote", "problem"),
    [
        ("http://bucket/a", "goes into 'endpoint'"),
        ("ftp://bucket/a", r"must begin with s3://, gs://, az://, file://, or be a path"),
        ("s3://", "must have a bucket"),
        ("az:///a", "must have a container"),
        ("s3://AKIA:secret@bucket/a", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"),
        ("az://key@container", "AZURE_STORAGE_ACCOUNT_KEY in the environment"),
        ("'s3://bucket/a?X-Amz-Signature=1'", "credentials go into AWS_ACCESS_KEY_ID"),
        ("'s3://bucket/a#b'", "must not have"),
        ("'s3://bucket/a b'", "has a character"),
        ("s3://bucket/../other", "must not have '.' or '..'"),
        ("file://host/a", "must be file:///PATH"),
        ("{endpoint: 'https://a'}", "must have 'url'"),
        ("{url: 's3://b', access_key: AKIA}", "set AWS_ACCESS_KEY_ID in the environment"),
        ("{url: 's3://b', secret-key: x}", "set AWS_SECRET_ACCESS_KEY in the environment"),
        ("{url: 'az://b', sas_token: x}", "set AZURE_STORAGE_SAS_TOKEN in the environment"),
        ("{url: 's3://b', endpoint: 'http://minio.corp:9000'}", "must begin with https://"),
        ("{url: 's3://b', endpoint: 'minio.corp:9000'}", "must be an address"),
        ("{url: 's3://b', endpoint: 'https://key:secret@minio.corp'}", "must not have a user"),
        ("{url: 's3://b', endpoint: 'https://minio.corp:port'}", "no valid URL"),
        ("{url: team, endpoint: 'https://a'}", "'endpoint' belongs to object storage"),
        ("{url: team, unsafe_single_writer: true}", "'unsafe_single_writer' belongs to object storage"),
        ("{url: team, policy: sometimes}", "must be one of missing, always, never"),
        ("{url: team, concurrency: 65}", "must be from 1 to 64"),
        ("{url: team, pulls: [a]}", "unknown key 'pulls'"),
        ("[a]", "must be a mapping"),
        ("", "must be text"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, remote: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as raised:
        loaded(tmp_path, f"database: a\nremotes:\n  origin: {remote}\n")
    assert raised.value.line == 3
    assert "secret@" not in str(raised.value)
    assert "AKIA" not in str(raised.value)


def test_http_is_for_this_machine_or_for_those_who_allow_it(tmp_path: Path) -> None:
    for endpoint, more in (("http://127.0.0.1:1", ""), ("http://[::1]:1", ""), ("http://localhost", "")):
        assert loaded(tmp_path, f"remotes: {{a: {{url: 's3://b', endpoint: '{endpoint}'{more}}}}}\n").remotes
    allowed = "remotes: {a: {url: 's3://b', endpoint: 'http://corp', allow_http: true}}\n"
    assert loaded(tmp_path, allowed).remotes["a"].allow_http


@pytest.mark.parametrize("name", ["HEAD", "live", "latest", ".a", "-a", "a/b", "a b", "ä", "''", "a" * 65])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="invalid"):
        loaded(tmp_path, f"remotes: {{{name}: team}}\n")


def test_names_that_a_folder_might_not_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is 'origin' already"):
        loaded(tmp_path, "remotes:\n  origin: a\n  Origin: b\n")


def test_the_default_is_the_one_named_or_the_only_one(tmp_path: Path) -> None:
    both = "remotes: {a: x, b: y}\n"
    assert loaded(tmp_path, "remotes: {a: x}\n").remote_settings().name == "a"
    assert loaded(tmp_path, f"{both}remote: b\n").remote_settings().name == "b"
    assert loaded(tmp_path, f"{both}remote: b\n").remote_settings("a").name == "a"
    with pytest.raises(NoRemote, match="several") as raised:
        loaded(tmp_path, both).remote_settings()
    assert raised.value.known == ("a", "b")
    with pytest.raises(NoRemote, match="no remote named 'c'"):
        loaded(tmp_path, both).remote_settings("c")
    with pytest.raises(NoRemote, match="no remote is configured"):
        loaded(tmp_path, "database: a\n").remote_settings()


def test_a_default_that_is_no_remote(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'remote' names no remote: 'c' is not in 'remotes'") as raised:
        loaded(tmp_path, "remotes: {a: x}\nremote: c\n")
    assert raised.value.line == 2


def test_the_project_is_called_as_configured_else_as_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "-my  shop (2)"
    folder.mkdir()
    loaded(folder, "database: a\n")
    assert Locations(environ={}, folder=os.fspath(folder)).project_name == "my-shop-2-"
    loaded(folder, "database: a\nproject: Shop 2\n")
    assert Locations(environ={}, folder=os.fspath(folder)).project_name == "Shop 2"
    assert loaded(folder, "project: Shop 2\nremotes: {origin: team}\n").remotes["origin"].project == "Shop 2"
    for wrong in ("'a/b'", '"a\\nb"', "'a '", "-a", "a" * 101):
        with pytest.raises(ConfigurationError, match="'project' is invalid"):
            loaded(folder, f"project: {wrong}\n")


def test_remotes_of_a_file_that_is_found_and_not_trusted_do_not_count(tmp_path: Path) -> None:
    loaded(tmp_path, "database: a.db\nremotes: {origin: team}\n")
    assert Locations(environ={}, folder=os.fspath(tmp_path)).remote_settings().name == "origin"
    (tmp_path / "snapstore.yaml").chmod(0o666)
    with pytest.raises(UntrustedConfiguration):
        Locations(environ={}, folder=os.fspath(tmp_path)).remote_settings("origin")
    with pytest.raises(NoRemote):
        Locations(db="a.db", environ={}, folder=os.fspath(tmp_path)).remote_settings("origin")

"""Where signers are configured, only what one of them signed counts, and everything else is refused."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from snapstore.errors import CannotSign, ConfigurationError, RemoteDamaged, RemoteRewound, RemoteUnsigned
from snapstore.remotes.keys import log_key
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.signatures import Signatures, Untrusted
from tests.contents import execute
from tests.remotes.teams import (
    PROJECT,
    Machine,
    allow,
    checkpoint,
    forge,
    last_entry,
    make_key,
    make_remote,
    refused,
    seen_of,
    sign,
)
from tests.support import raised

AT = "2026-01-31T12:00:00.000000Z"
LINE = b'{"n":1}\n'


class Team(NamedTuple):
    """A remote, and who may push: `anna` may, `mallory` has a key of her own and may not."""

    folder: Path
    remote: Path
    anna: Path
    mallory: Path
    signers: Path
    machine: Callable[..., Machine]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """Make a remote, keys, and what makes machines; those have the allowed signers, and no key unless it is given."""
    with ExitStack() as stack:
        remote = make_remote(tmp_path / "remote")
        anna, mallory = (make_key(tmp_path / name) for name in ("anna", "mallory"))
        signers = allow(tmp_path / "signers", anna)

        def machine(name: str, key: Path | None = None, **settings: str) -> Machine:
            signing = {"signing_key": os.fspath(key)} if key else {}
            given = {"signers": os.fspath(signers), **signing, **settings}
            made = stack.enter_context(Machine(tmp_path / name, remote, **given))
            made.snap.tag("mine")
            return made

        yield Team(tmp_path, remote, anna, mallory, signers, machine)


def pushed(machine: Machine, name: str = "baseline") -> str:
    """Change a row, tag that, push it; return the snapshot."""
    execute(machine.databases["default"], "INSERT INTO item(name) VALUES (hex(randomblob(8)))")
    taken = machine.snap.tag(name, force=True)
    machine.snap.push([name])
    return taken.snapshot


def unsigned(team: Team, name: str) -> Machine:
    """Return a machine that knows of no signers."""
    made = team.machine(name)
    made.use()
    return made


def test_what_a_signer_pushed_is_pulled(team: Team) -> None:
    desk, worker = team.machine("desk", team.anna), team.machine("worker")
    snapshots = [pushed(desk) for _ in range(3)]
    assert last_entry(team.remote).read_bytes().endswith(b"-----END SSH SIGNATURE-----\n")
    assert worker.snap.pull(["baseline"]).refs[0].to == snapshots[-1]
    assert worker.snap.restore("baseline", force=True).snapshot == snapshots[-1]
    assert worker.snap.fetch().requests == 1
    assert not list(team.folder.glob("**/*.sig"))


def test_whoever_has_no_signers_reads_signed_entries_too(team: Team) -> None:
    snapshot = pushed(team.machine("desk", team.anna))
    assert unsigned(team, "worker").snap.pull(["baseline"]).refs[0].to == snapshot


def test_an_unsigned_entry_is_refused_by_who_saw_the_signed_ones_and_by_who_did_not(team: Team) -> None:
    desk, worker, fresh = team.machine("desk", team.anna), team.machine("worker"), team.machine("fresh")
    pushed(desk)
    worker.snap.pull(["baseline"])
    forge(team.remote)
    for machine in (worker, fresh, desk):
        with refused(machine, RemoteUnsigned) as error:
            machine.snap.fetch()
        assert error.value.message.endswith("is not trusted: it is not signed")
        assert error.value.entry == 2
        with refused(machine, RemoteUnsigned):
            machine.snap.pull(["baseline"])
    with refused(fresh, RemoteUnsigned):
        fresh.snap.remote_tags()
    with refused(desk, RemoteUnsigned):
        desk.snap.push(["baseline:other"])
    last_entry(team.remote).unlink()  # what ends it: nobody has seen the entry
    assert worker.snap.fetch().up_to_date
    pushed(desk)
    assert worker.snap.fetch().entry == 2


NO_SIGNATURE, NO_SIGNER = "what follows it is not an SSH signature", "its signature is of none of the signers"
WRONG: dict[str, tuple[Callable[[Team, bytes, bytes], bytes], str]] = {
    "of somebody else": (lambda team, line, _: sign(team.mallory, line), NO_SIGNER),
    "of another line": (lambda _, line, old: line + old, "its signature is not of it"),
    "of another namespace": (lambda team, line, _: sign(team.anna, line, "git"), "its signature is not of it"),
    "words": (lambda _, line, _old: line + b"signed by anna\n", NO_SIGNATURE),
    "too long": (lambda _, line, old: line + old.replace(b"\n", b"\n" + b"A" * 40_000 + b"\n", 1), NO_SIGNATURE),
    "damaged": (lambda _, line, old: line + old[:60] + b"/////" + old[65:], NO_SIGNER),
    "two": (lambda team, line, old: sign(team.anna, line) + old, NO_SIGNATURE),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_signature_is_refused(team: Team, how: str) -> None:
    desk, worker = team.machine("desk", team.anna), team.machine("worker")
    pushed(desk)
    worker.snap.pull(["baseline"])
    entry = forge(team.remote)
    old = (team.remote / log_key(1)).read_bytes().partition(b"\n")[2]
    made, problem = WRONG[how]
    (team.remote / log_key(entry.n)).write_bytes(made(team, entry.encode(), old))
    with refused(worker, RemoteUnsigned) as error:
        worker.snap.fetch()
    assert error.value.problem == problem


def test_a_signature_for_another_project_does_not_count(team: Team) -> None:
    pushed(team.machine("desk", team.anna))
    worker = team.machine("worker")
    (team.remote / "format").write_text("snapstore-remote 1\nproject billing\nfeatures \n")
    with refused(worker, RemoteDamaged):
        worker.snap.fetch()
    assert f"is of project '{PROJECT}', not of 'billing'" in raised(RemoteDamaged, 20, worker.snap.fetch).detail


def test_a_signer_covers_what_is_before(team: Team) -> None:
    """What nobody signed counts once a signer has built on it, which that signer has to want."""
    careless = unsigned(team, "careless")
    first = pushed(careless, "first")
    desk, worker = team.machine("desk", team.anna), team.machine("worker")
    desk.snap.tag("second")
    with refused(desk, RemoteUnsigned):
        desk.snap.push(["second"])
    with refused(desk, RemoteUnsigned):
        desk.snap.accept_remote()
    assert desk.snap.accept_remote(unsigned=True).entry == 1
    with refused(worker, RemoteUnsigned):
        worker.snap.pull(["first"])
    desk.snap.push(["second"])
    assert worker.snap.pull(["first", "second"]).refs[0].to == first
    assert checkpoint(team.remote, 2).exists()


@contextmanager
def log_of(machine: Machine) -> Iterator[RemoteLog]:
    """Give the log of a machine's remote, not read yet."""
    snap = machine.snap
    with snap._log(snap.books(create=True), snap.locations.remote_settings()) as log:
        yield log


def test_to_accept_a_rewound_log_does_not_accept_an_unsigned_one(team: Team) -> None:
    desk, worker = team.machine("desk", team.anna), team.machine("worker")
    pushed(desk)
    pushed(desk)
    worker.snap.fetch()
    last_entry(team.remote).unlink()
    with refused(worker, RemoteRewound):
        worker.snap.fetch()
    worker.snap.accept_remote()
    assert worker.snap.fetch().entry == 1
    forge(team.remote)
    with refused(worker, RemoteUnsigned):
        worker.snap.accept_remote()


def test_what_was_accepted_stays_accepted_until_there_is_more(team: Team) -> None:
    pushed(unsigned(team, "careless"))
    worker = team.machine("worker")
    worker.snap.accept_remote(unsigned=True)
    assert worker.snap.fetch().up_to_date
    os.utime(last_entry(team.remote))
    assert worker.snap.fetch().up_to_date
    forge(team.remote)
    with refused(worker, RemoteUnsigned):
        worker.snap.fetch()


def test_what_was_seen_before_there_were_signers_is_checked(team: Team) -> None:
    pushed(unsigned(team, "careless"))
    worker = unsigned(team, "worker")
    worker.snap.fetch()
    worker.use(signers=os.fspath(team.signers))
    for verb in (worker.snap.fetch, worker.snap.remote_tags, lambda: worker.snap.show("origin/baseline")):
        with refused(worker, RemoteUnsigned):
            verb()


def test_a_signer_who_is_not_one_any_more_is_noticed(team: Team) -> None:
    pushed(team.machine("desk", team.anna))
    worker = team.machine("worker")
    worker.snap.fetch()
    allow(team.signers, team.mallory)
    with refused(worker, RemoteUnsigned):
        worker.snap.fetch()
    allow(team.signers, team.mallory, team.anna)
    assert worker.snap.fetch().up_to_date


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ('valid-before="20260131"', False),
        ('valid-after="20260101",valid-before="20260301"', True),
        ('valid-after="20260301"', False),
        ('namespaces="git"', False),
        ('namespaces="git,snapstore"', True),
    ],
)
def test_a_key_counts_for_as_long_as_the_signers_say(team: Team, options: str, counts: bool) -> None:
    allow(team.signers, team.anna, options=options)
    signatures = Signatures(RemoteSettings("origin", "/remote", signers=os.fspath(team.signers)))
    data = sign(team.anna, LINE)
    if counts:
        signatures.check(data, AT)
    else:
        with pytest.raises(Untrusted, match="signature"):
            signatures.check(data, AT)
    with pytest.raises(Untrusted, match="no valid time"):
        signatures.check(data, "yesterday")


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_other_kinds_of_keys_sign_too(team: Team, kind: str) -> None:
    """Two signatures by a key of some kinds differ, so an entry is signed once, however often it is sent."""
    key = make_key(team.folder / kind, kind)
    allow(team.signers, key)
    snapshot = pushed(team.machine("desk", key))
    assert team.machine("worker").snap.pull(["baseline"]).refs[0].to == snapshot


def test_a_key_of_the_agent_is_given_by_its_public_half(team: Team) -> None:
    socket = team.folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        environment = {**os.environ, "SSH_AUTH_SOCK": os.fspath(socket)}
        locked = make_key(team.folder / "locked")
        subprocess.run(["ssh-add", "-q", locked], env=environment, check=True, timeout=60)
        locked.unlink()
        allow(team.signers, locked)
        settings = RemoteSettings("origin", "/remote", signers=os.fspath(team.signers), signing_key=f"{locked}.pub")
        data = Signatures(settings, environment).signed(LINE, AT)
        Signatures(settings).check(data, AT)
    finally:
        agent.terminate()
        agent.wait(60)
    raised(CannotSign, 13, Signatures(settings, environment).signed, LINE, AT)


def test_a_key_with_a_passphrase_does_not_wait_for_one(team: Team) -> None:
    locked = make_key(team.folder / "locked", passphrase="secret")
    allow(team.signers, locked)
    desk = team.machine("desk", locked)
    desk.snap.tag("baseline")
    error = raised(CannotSign, 13, desk.snap.push, ["baseline"])
    assert (error.key, "passphrase" in error.problem) == (os.fspath(locked), True)
    assert not (team.remote / "log").exists()


def test_who_may_not_sign_pushes_nothing(team: Team) -> None:
    desk = team.machine("desk")
    desk.snap.tag("baseline")
    assert "no 'signing_key' is configured" in raised(CannotSign, 13, desk.snap.push, ["baseline"]).problem
    assert desk.snap.push(["baseline"], dry_run=True).dry_run
    desk.use(signers=os.fspath(team.signers), signing_key=os.fspath(team.mallory))
    assert "of none of the signers" in raised(CannotSign, 13, desk.snap.push, ["baseline"]).problem
    desk.use(signers=os.fspath(team.signers), signing_key=os.fspath(team.folder / "lost"))
    assert raised(CannotSign, 13, desk.snap.push, ["baseline"]).problem == "no such file"
    assert not (team.remote / "log").exists()


def test_a_key_without_signers_is_an_error_of_the_configuration(team: Team) -> None:
    desk = team.machine("desk")
    with pytest.raises(ConfigurationError, match="must have 'signers', too"):
        desk.use(signing_key=os.fspath(team.anna))
        desk.snap.fetch()


def test_without_ssh_keygen_nothing_is_taken(team: Team) -> None:
    pushed(team.machine("desk", team.anna))
    worker = team.machine("worker")
    worker.snap.locations._environ = {**worker.snap.locations.environ, "PATH": "/nowhere"}
    with refused(worker, ConfigurationError, 13) as error:
        worker.snap.fetch()
    assert "ssh-keygen is not installed" in error.value.message


def test_signers_that_cannot_be_read_are_an_error_of_the_configuration(team: Team) -> None:
    pushed(team.machine("desk", team.anna))
    worker = team.machine("worker")
    team.signers.unlink()
    with refused(worker, ConfigurationError, 13):
        worker.snap.fetch()
    os.mkfifo(team.signers)
    with refused(worker, ConfigurationError, 13):
        worker.snap.fetch()


def test_checkpoints_are_signed_and_one_that_is_not_is_passed_over(team: Team) -> None:
    desk = team.machine("desk", team.anna)
    snapshot = [pushed(desk) for _ in range(6)][-1]
    with log_of(desk) as log:
        log.read()
        log.write_checkpoint()
    kept = checkpoint(team.remote, 6)
    assert kept.read_bytes().endswith(b"-----END SSH SIGNATURE-----\n")
    quick = team.machine("quick").snap.fetch().requests
    whole = kept.read_bytes()
    kept.write_bytes(whole.partition(b"\n")[0] + b"\n")
    reader = team.machine("reader")
    assert reader.snap.fetch().requests == quick + 5
    assert reader.snap.pull(["baseline"]).refs[0].to == snapshot
    for number in range(1, 6):  # as a prune does
        (team.remote / log_key(number)).unlink()
    late = team.machine("late")
    with refused(late, RemoteUnsigned):
        late.snap.fetch()
    kept.write_bytes(whole)
    assert late.snap.fetch().entry == 6


def test_a_forged_checkpoint_after_the_newest_entry_is_refused(team: Team) -> None:
    desk = team.machine("desk", team.anna)
    pushed(desk)
    entry = forge(team.remote)
    line = seen_of(desk.store_folder)
    assert line is not None
    forged = line.partition(b"\n")[0].replace(b'"n":1,', b'"n":2,') + b"\n"
    checkpoint(team.remote, entry.n).write_bytes(sign(team.mallory, forged))
    fresh = team.machine("fresh")
    with refused(fresh, RemoteUnsigned):
        fresh.snap.fetch()


def test_temporary_files_are_private(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in place of ssh-keygen looks at what it is given."""
    tools = team.folder / "tools"
    tools.mkdir()
    (tools / "ssh-keygen").write_text(
        f'#!/bin/sh\nfor one; do last="$one"; done\nstat -c %a "$last" "${{last%/*}}" >> {team.folder}/modes\nexit 1\n'
    )
    (tools / "ssh-keygen").chmod(stat.S_IRWXU)
    settings = RemoteSettings("origin", "/remote", signers=os.fspath(team.signers), signing_key=os.fspath(team.anna))
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    old = os.umask(0)
    try:
        raised(CannotSign, 13, Signatures(settings, environment).signed, LINE, AT)
    finally:
        os.umask(old)
    assert (team.folder / "modes").read_text().split() == ["600", "700"]

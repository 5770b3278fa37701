"""SSH signatures of the entries of a log and of its checkpoints, made and checked by ssh-keygen(1), as Git does it.

A signature is that of the line, in the namespace `snapstore`, and follows the line. Who may sign is in a file of
allowed signers; a key counts if it was valid at the time that the line itself names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType

from snapstore.errors import CannotSign, ConfigurationError
from snapstore.regular import open_named
from snapstore.remotes.digest import digest
from snapstore.remotes.settings import RemoteSettings
from snapstore.timestamps import parse

NAMESPACE = "snapstore"
_SIGNATURE = re.compile(rb"-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+\n-----END SSH SIGNATURE-----\n")
_MOST_BYTES = 1 << 14  # of a signature; one by an RSA key of 16,384 bits with a certificate has less
_MOST_SIGNERS_BYTES = 1 << 20
_MOST_PRINCIPALS = 20  # that one key is tried for
_SECONDS = 60.0  # for an agent that asks its user
_ASKPASS, _ASKPASS_REQUIRE = "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_TOO_OLD = ("usage:", "Unsupported operation", "unknown option", "illegal option")


class Untrusted(ValueError):
    """A line is not signed, or by nobody who may."""


class Signatures:
    """Signs and checks lines of one remote, as its settings say; `environ` are the variables for ssh-keygen."""

    def __init__(self, settings: RemoteSettings, environ: Mapping[str, str] = _NOTHING) -> None:
        self._name = settings.name
        self._signers_path = settings.signers
        self._key = settings.signing_key
        self._environ = environ

    @property
    def are_required(self) -> bool:
        """Whether only what is signed counts."""
        return self._signers_path is not None

    @cached_property
    def signers(self) -> str:
        """The digest of the file of allowed signers, empty without one. Raises ConfigurationError."""
        return digest(self._allowed) if self.are_required else ""

    def check_can_sign(self) -> None:
        """Find out early what keeps a push from being signed. Raises CannotSign, ConfigurationError."""
        if not self.are_required:
            return
        if self._key is None:
            raise CannotSign(self._name, None, "no 'signing_key' is configured, and only signed pushes are accepted")
        if not os.path.isfile(self._key):
            raise CannotSign(self._name, self._key, "no such file")
        _ = self._program, self._allowed

    def signed(self, line: bytes, at: str) -> bytes:
        """Return a line with its signature, where signatures are required; `at` is the time that it names.

        Raises CannotSign, ConfigurationError.
        """
        if not self.are_required:
            return line
        self.check_can_sign()
        data = line + self._signature(line)
        try:
            self.check(data, at)
        except Untrusted as error:
            raise CannotSign(self._name, self._key, f"{error} ({self._signers_path})") from error
        return data

    def check(self, data: bytes, at: str) -> None:
        """Check that a line is followed by a signature of it, of one of the signers. Raises Untrusted."""
        line, feed, signature = data.partition(b"\n")
        if not signature:
            raise Untrusted("it is not signed")
        if len(signature) > _MOST_BYTES or not _SIGNATURE.fullmatch(signature):
            raise Untrusted("what follows it is not an SSH signature")
        when = f"-Overify-time={_local(at)}"
        with _folder({"signature": signature, "signers": self._allowed}) as folder:
            files = ("-s", os.path.join(folder, "signature"), "-f", os.path.join(folder, "signers"))
            found = self._run("-Y", "find-principals", when, *files)
            principals = found.stdout.decode("utf-8", "surrogateescape").splitlines() if found.returncode == 0 else []
            for principal in principals[:_MOST_PRINCIPALS]:
                verify = ("-Y", "verify", when, "-n", NAMESPACE, "-I", principal, *files)
                if self._run(*verify, text=line + feed).returncode == 0:
                    return
        raise Untrusted("its signature is not of it" if principals else "its signature is of none of the signers")

    def _signature(self, line: bytes) -> bytes:
        assert self._key is not None
        with _folder({"line": line}) as folder:
            path = os.path.join(folder, "line")
            done = self._run("-q", "-Y", "sign", "-n", NAMESPACE, "-f", self._key, path, asks=_has_terminal())
            if done.returncode == 0:
                return _contents(path + ".sig", _MOST_BYTES)
        problem = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1] or f"exit code {done.returncode}"
        raise CannotSign(self._name, self._key, problem)

    @cached_property
    def _program(self) -> str:
        if found := shutil.which("ssh-keygen", path=self._environ.get("PATH")):
            return found
        error = ConfigurationError(f"remote '{self._name}' has 'signers', and ssh-keygen is not installed")
        error.hint = "install OpenSSH's client; only ssh-keygen can check signatures"
        raise error

    @cached_property
    def _allowed(self) -> bytes:
        """The file of allowed signers: read once, so that what was checked is what its digest says."""
        assert self._signers_path is not None
        try:
            return _contents(self._signers_path, _MOST_SIGNERS_BYTES)
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise ConfigurationError(f"cannot read the signers '{self._signers_path}': {problem.lower()}") from error

    def _run(self, *arguments: str, text: bytes = b"", asks: bool = False) -> subprocess.CompletedProcess[bytes]:
        """Run ssh-keygen, which may ask its user only if it `asks`: else it has no terminal to wait at."""
        environ = {**self._environ, "LC_ALL": "C"}
        if not asks and _ASKPASS not in environ:
            environ[_ASKPASS_REQUIRE] = "never"
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=None if asks else text,
                capture_output=True,
                env=environ,
                timeout=None if asks else _SECONDS,
                start_new_session=not asks,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CannotSign(self._name, self._key, f"ssh-keygen did not answer within {_SECONDS:g} s") from error
        if done.returncode and any(sign in done.stderr.decode("utf-8", "replace") for sign in _TOO_OLD):
            too_old = ConfigurationError(f"the ssh-keygen at '{self._program}' is too old to check signatures")
            too_old.hint = "OpenSSH 8.2 and later can"
            raise too_old
        return done


def _contents(path: str, most: int) -> bytes:
    """Return what a file has. Raises OSError; ValueError if it is longer than `most` bytes."""
    with open(open_named(path), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"longer than {most:,} bytes")
    return data


@contextmanager
def _folder(files: Mapping[str, bytes]) -> Iterator[str]:
    """Give a private folder with some files for as long as the body runs."""
    with tempfile.TemporaryDirectory(prefix="snapstore-") as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb", opener=_private) as file:
                file.write(data)
        yield folder


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)


def _has_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def _local(at: str) -> str:
    """Return a time as ssh-keygen takes it, which is in the time zone of this machine. Raises Untrusted."""
    try:
        return parse(at).astimezone().strftime("%Y%m%d%H%M%S")
    except (ValueError, OverflowError, OSError) as error:
        raise Untrusted("it has no valid time") from error

"""Remotes: nothing there (exit code 10), busy (11), unknown (12, 13), a guard (14), unreachable (17), damaged (20)."""

from __future__ import annotations

from shlex import quote

from snapstore.errors.base import SnapError
from snapstore.errors.configuration import ConfigurationError
from snapstore.errors.refused import Refused
from snapstore.errors.revisions import UnknownRevision


class NoRemote(ConfigurationError):
    """No remote is configured under this name, or none at all; `known` are the names that are."""

    code = "no-remote"

    def __init__(self, name: str | None, known: tuple[str, ...] = ()) -> None:
        self.name = name
        self.known = known
        if name is not None:
            super().__init__(f"no remote named '{name}'")
            self.hint = f"the remotes are {', '.join(known)}" if known else "'snap remote add NAME URL' adds one"
        elif known:
            super().__init__(f"several remotes are configured ({', '.join(known)}), and none is the default")
            self.hint = "name one; 'remote: NAME' in the configuration makes it the default"
        else:
            super().__init__("no remote is configured")
            self.hint = "'snap remote add origin URL' adds one"


class ExtraMissing(ConfigurationError):
    """The package for object storage is not installed."""

    code = "extra-missing"

    def __init__(self, url: str) -> None:
        super().__init__(f"cannot use '{url}': the package 'obstore' is not installed")
        self.url = url
        self.hint = "pip install 'snapstore[remote]'"


class RemoteUnsafe(ConfigurationError):
    """The server ignores the condition that an object must be new, so two pushes could destroy each other."""

    code = "remote-unsafe"

    def __init__(self, name: str, url: str) -> None:
        super().__init__(f"the server of '{url}' does not support create-only writes: it overwrites objects")
        self.name = name
        self.url = url
        self.hint = f"if only one machine ever pushes: 'unsafe_single_writer: true' at the remote '{name}'"


class CredentialsMissing(ConfigurationError):
    """There are no credentials for a remote; `wanted` says where they were looked for."""

    code = "credentials-missing"

    def __init__(self, url: str, wanted: str) -> None:
        super().__init__(f"no credentials for '{url}'")
        self.url = url
        self.wanted = wanted
        self.hint = wanted


class CannotSign(ConfigurationError):
    """A push to a remote with signers cannot be signed; `key` is the configured one, None without."""

    code = "cannot-sign"

    def __init__(self, remote: str, key: str | None, problem: str) -> None:
        with_key = f" with '{key}'" if key else ""
        super().__init__(f"cannot sign a push to '{remote}'{with_key}: {problem}")
        self.remote = remote
        self.key = key
        self.problem = problem
        self.hint = "'signing_key' is a private key without a passphrase, or one that ssh-agent has ('ssh-add')"


class NotARemote(SnapError):
    """There is nothing of snapstore's at this URL."""

    code = "not-a-remote"
    exit_code = 10

    def __init__(self, url: str) -> None:
        super().__init__(f"no snapstore remote at '{url}'")
        self.url = url
        self.hint = f"check the URL; 'snap remote add NAME {quote(url)}' creates a remote there"


class RemoteNotEmpty(Refused):
    """The folder or prefix for a new remote holds something else."""

    code = "remote-not-empty"
    hint = "choose an empty folder or prefix, or one that does not exist yet"

    def __init__(self, url: str) -> None:
        super().__init__(f"'{url}' holds something else: no remote is created there")
        self.url = url


class RemoteBusy(SnapError):
    """Other pushes were quicker until the deadline."""

    code = "remote-busy"
    exit_code = 11
    hint = "what was uploaded stays there: the same push goes on with it; --timeout waits longer"

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(f"other pushes to '{url}' were quicker for {seconds:g} s")
        self.url = url
        self.seconds = seconds


class UnknownOnRemote(UnknownRevision):
    """The remote has no tag of this name."""

    code = "unknown-revision"

    def __init__(self, name: str, remote: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(f"{remote}/{name}", tuple(f"{remote}/{one}" for one in nearest))
        self.name = name
        self.remote = remote
        self.nearest = nearest
        if not nearest:
            self.hint = f"'snap tags -r {remote}' lists the tags of the remote"


class NotFastForward(Refused):
    """A name points to something else there than we know of; to move it would lose what somebody pushed or took."""

    code = "not-fast-forward"

    def __init__(self, name: str, remote: str, pulling: bool) -> None:
        other = f"{remote}/{name}"
        if pulling:
            super().__init__(f"'{name}' has moved here and on '{remote}' since the last pull or push")
        else:
            super().__init__(f"'{other}' has moved to a snapshot that this store never had under that name")
        self.name = name
        self.remote = remote
        self.pulling = pulling
        self.hint = f"'snap diff {quote(name)} {quote(other)}' shows the difference; --force replaces it"


class RemotePinned(Refused):
    """A pinned name on a remote."""

    code = "remote-pinned"

    def __init__(self, name: str, remote: str) -> None:
        super().__init__(f"'{remote}/{name}' is pinned")
        self.name = name
        self.remote = remote
        self.hint = "--force moves or removes it"


class RemoteReadOnly(Refused):
    """The configuration says that nothing is pushed to this remote."""

    code = "remote-read-only"

    def __init__(self, name: str) -> None:
        super().__init__(f"remote '{name}' is read-only")
        self.name = name
        self.hint = f"its configuration has 'read_only: true' at 'remotes: {name}'"


class OtherProject(Refused):
    """A remote holds the snapshots of another project than before, or than is configured."""

    code = "other-project"

    def __init__(self, remote: str, found: str, wanted: str) -> None:
        super().__init__(f"remote '{remote}' is of project '{found}', not of '{wanted}'")
        self.remote = remote
        self.found = found
        self.wanted = wanted
        self.hint = f"if it was moved on purpose: 'snap remote accept {quote(remote)}'"


class RemoteTooNew(Refused):
    """A remote has a format, or a feature, that this release does not know."""

    code = "remote-too-new"
    hint = "upgrade snapstore"

    def __init__(self, url: str, found: str) -> None:
        super().__init__(f"the remote at '{url}' needs a newer snapstore: {found}")
        self.url = url
        self.found = found


class RemoteUnreachable(SnapError):
    """The remote does not answer."""

    code = "remote-unreachable"
    exit_code = 17

    def __init__(self, url: str, problem: str, hint: str | None = None) -> None:
        super().__init__(f"cannot reach '{url}': {problem}")
        self.url = url
        self.problem = problem
        self.hint = hint or "check the URL, the network and the proxy"


class RemoteRefused(SnapError):
    """The remote answers, and refuses the request that `action` names."""

    code = "remote-refused"
    exit_code = 17

    def __init__(self, url: str, action: str, problem: str, hint: str | None = None) -> None:
        super().__init__(f"'{url}' refused to {action}: {problem}")
        self.url = url
        self.action = action
        self.problem = problem
        self.hint = hint


class RemoteDamaged(SnapError):
    """What a remote holds is not what its log says."""

    code = "remote-damaged"
    exit_code = 20

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(f"the remote at '{url}' is damaged: {detail}")
        self.url = url
        self.detail = detail
        self.hint = "nothing here has changed; 'snap fsck --remote' checks all of it"


class RemoteRewound(SnapError):
    """The log of a remote is older than, or another one than, what this store has seen of it."""

    code = "remote-rewound"
    exit_code = 20

    def __init__(self, remote: str, url: str, detail: str) -> None:
        super().__init__(f"the log of remote '{remote}' at '{url}' was rewound or replaced: {detail}")
        self.remote = remote
        self.url = url
        self.detail = detail
        self.hint = f"find out why; 'snap remote accept {quote(remote)}' takes it as it is now"


class RemoteUnsigned(SnapError):
    """An entry of the log is not signed by one of the configured signers."""

    code = "remote-unsigned"
    exit_code = 20

    def __init__(self, url: str, entry: int, problem: str) -> None:
        super().__init__(f"entry {entry} of the log at '{url}' is not trusted: {problem}")
        self.url = url
        self.entry = entry
        self.problem = problem
        self.hint = "'signers' in the configuration names who may push; 'snap remote accept --unsigned' passes once"

"""What a hook is: a command, an HTTP request, or a signal. The configuration makes them (config/hooks.py)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

DEFAULT_TIMEOUT = 10.0
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Command(NamedTuple):
    """A line for the shell."""

    line: str

    @property
    def text(self) -> str:
        """What is done, for messages."""
        return self.line


class Request(NamedTuple):
    """An HTTP request. `headers` may name environment variables; `until` is the status to wait for, None for any 2xx.

    `target` is path and query. `url` has no password in it.
    """

    method: str
    url: str
    is_secure: bool
    host: str
    port: int
    target: str
    headers: Mapping[str, str] = _NO_HEADERS
    until: int | None = None

    @property
    def text(self) -> str:
        """What is done, for messages; without the headers, which may be secret."""
        return f"{self.method} {self.url}"


class Signal(NamedTuple):
    """A signal to the process whose number is in a file; `pid_file` is absolute, `name` is such as `SIGHUP`."""

    number: int
    name: str
    pid_file: str

    @property
    def text(self) -> str:
        """What is done, for messages."""
        return f"{self.name} to the process in {self.pid_file}"


class Hook(NamedTuple):
    """One hook; `timeout` in seconds. A restore whose `required` hook fails is not a success."""

    kind: str
    does: Command | Request | Signal
    timeout: float = DEFAULT_TIMEOUT
    required: bool = False


class HookSettings(NamedTuple):
    """The hooks of a configuration, in order."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()

    def for_copy(self) -> HookSettings:
        """Return the hooks that hold for a copy of the databases too; others reach the server of the original."""
        return HookSettings(_commands(self.before), _commands(self.after))


def _commands(hooks: tuple[Hook, ...]) -> tuple[Hook, ...]:
    return tuple(one for one in hooks if isinstance(one.does, Command))


NO_SETTINGS = HookSettings()

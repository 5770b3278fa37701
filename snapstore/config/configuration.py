"""What a configuration says, with the defaults; keys.py reads the file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapstore.actions.upkeep import NEVER, Automatic
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.errors import BadName, NoRemote
from snapstore.history.retention import Retention
from snapstore.hooks.hook import NO_SETTINGS, HookSettings
from snapstore.store import DEFAULT_TIMEOUT
from snapstore.suite.policy import SuitePolicy

if TYPE_CHECKING:
    from snapstore.remotes.settings import RemoteSettings
    from snapstore.trees.settings import TreeSettings

_DEFAULT_SUITE = SuitePolicy()
_NO_RULES = Retention()
_NO_DATABASES: Mapping[str, str] = MappingProxyType({})
_NO_FILES: Mapping[str, TreeSettings] = MappingProxyType({})
_NO_REMOTES: Mapping[str, RemoteSettings] = MappingProxyType({})


class PruneSettings(NamedTuple):
    """What `prune` keeps without rules of its own, the grace for the rest, and when a prune starts by itself.

    `grace` is None where the file leaves it to `prune`.
    """

    policy: Retention = _NO_RULES
    grace: timedelta | None = None
    auto: Automatic = NEVER


NO_PRUNE_SETTINGS = PruneSettings()


class Baseline(NamedTuple):
    """The state that comparisons are against and that suites begin with, where no other is named: a tag.

    `make` is the command that makes it, None where it is taken by hand, `inputs` what it is made of (policy.Recipe).
    """

    name: str
    make: str | None = None
    inputs: tuple[str, ...] = ()
    timeout: float = 600.0


class Configuration(NamedTuple):
    """What a configuration file says, and the defaults for the rest; paths are absolute. `file` is None without one.

    `shared` opens the store to a group, or closes it to all but its owner; None leaves it as it is. `remote` is the one
    that is meant where none is named, `project_name` what the project is called on remotes; None where it is not said.
    """

    file: str | None = None
    databases: Mapping[str, str] = _NO_DATABASES
    store: str | None = None
    shared: bool | None = None
    baseline: Baseline | None = None
    backup_name: str = _DEFAULT_SUITE.backup_name
    timeout: float = DEFAULT_TIMEOUT
    policy: Policy = NOTHING_IGNORED
    suite: SuitePolicy = _DEFAULT_SUITE
    prune: PruneSettings = NO_PRUNE_SETTINGS
    hooks: HookSettings = NO_SETTINGS
    files: Mapping[str, TreeSettings] = _NO_FILES
    remotes: Mapping[str, RemoteSettings] = _NO_REMOTES
    remote: str | None = None
    project_name: str | None = None

    def remote_settings(self, name: str | None = None) -> RemoteSettings:
        """Return a remote, by default the one that `remote` names, or the only one. Raises NoRemote."""
        name = name or self.default_remote
        if name is None or name not in self.remotes:
            raise NoRemote(name, tuple(self.remotes))
        return self.remotes[name]._replace(project=self.project_name)

    def check_tag(self, name: str) -> None:
        """Raise BadName for a new tag that would read as one on a remote."""
        remote, slash, _ = name.partition("/")
        if slash and remote in self.remotes:
            raise BadName(name, f"it stands for a tag on the remote '{remote}'")

    @property
    def default_remote(self) -> str | None:
        """The remote that is meant where none is named, None if there is none or nobody can say which."""
        return self.remote or (next(iter(self.remotes)) if len(self.remotes) == 1 else None)

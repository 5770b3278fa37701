"""The configuration: exit code 13."""

from __future__ import annotations

from shlex import quote

from snapstore.errors.base import SnapError

_EXAMPLE = "'snap config --example' shows every key, its values and its default"


class ConfigurationError(SnapError):
    """The configuration has an invalid key or value; `line` counts from 1, `nearest` is a key that exists."""

    code = "configuration"
    exit_code = 13

    def __init__(
        self, problem: str, file: str | None = None, line: int | None = None, nearest: str | None = None
    ) -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{problem}")
        self.problem = problem
        self.file = file
        self.line = line
        self.nearest = nearest
        self.hint = f"did you mean '{nearest}'?" if nearest else _EXAMPLE if file and line else None


class UntrustedConfiguration(ConfigurationError):
    """A configuration was found that somebody else may have written: it would run commands as this user."""

    code = "untrusted-configuration"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"'{path}' was found and is not trusted: {problem}")
        self.path = self.file = path
        self.problem = problem
        self.hint = f"if you trust it, name it: --config {quote(path)}, or SNAPSTORE_CONFIG"


class NoDatabaseNamed(SnapError):
    """Neither the options nor the configuration name a database; `file` is the configuration, if there is one."""

    code = "configuration"
    exit_code = 13
    hint = "'snap init' writes a configuration; or name the database with --db PATH"

    def __init__(self, file: str | None) -> None:
        where = f"'{file}' names none" if file else "there is no snapstore.yaml here or in a folder above"
        super().__init__(f"no database given: {where}")
        self.file = file


class UnknownRule(SnapError):
    """A rule names a table or column that no database has; `kind` says which of the two."""

    code = "configuration"
    exit_code = 13

    def __init__(self, kind: str, rule: str, nearest: str | None = None) -> None:
        super().__init__(f"no {kind} matches '{rule}'")
        self.kind = kind
        self.rule = rule
        self.nearest = nearest
        self.hint = f"did you mean '{nearest}'?" if nearest else "'snap show HEAD' lists the tables"

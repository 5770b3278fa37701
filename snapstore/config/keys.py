"""The configuration file: its keys, and how each is read. `config.example.yaml` explains them to users."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snapstore.actions.upkeep import NEVER, Automatic
from snapstore.compare.ignore_rules import SEQUENCES, Policy, Reference
from snapstore.compare.labels import Label
from snapstore.compare.row_rules import RowRule
from snapstore.compare.verdicts import VERDICTS
from snapstore.config.configuration import Baseline, Configuration, PruneSettings
from snapstore.config.reader import Node, read_yaml
from snapstore.errors import BadName, SqlFailed
from snapstore.history.names import check_name
from snapstore.history.retention import Retention, parse_duration
from snapstore.hooks.hook import Hook, HookSettings
from snapstore.project import DEFAULT
from snapstore.suite.policy import (
    AUTO,
    DECISIONS,
    DEFAULT_DECISIONS,
    KEEP,
    LATE,
    MODES,
    CleanupStep,
    Recipe,
    SuitePolicy,
)

if TYPE_CHECKING:
    from snapstore.remotes.settings import RemoteSettings
    from snapstore.trees.settings import TreeSettings

MOST_EXIT_CODE = 125  # a shell uses those above for itself


def load(path: str) -> Configuration:
    """Read a file. Raises ConfigurationError naming the key, the file and the line."""
    root = read_yaml(path)
    values = _fields(root) if root else {}
    rules = {key: values.pop(key) for key in ("sequences", "keep", "references", "labels") if key in values}
    policy = Policy(**values.pop("ignore", {}), **rules)
    shared = {key: values[key] for key in ("backup_name", "timeout") if key in values}
    baseline = (
        _suite_baseline(values["baseline"], os.path.dirname(os.path.abspath(path))) if "baseline" in values else {}
    )
    suite = SuitePolicy(**{**baseline, **_of_run(values.pop("run", {}))}, **shared, rows=policy)
    hooks = HookSettings(values.pop("before_restore", ()), values.pop("after_restore", ()))
    if root and suite.push_states not in (None, *values.get("remotes", ())):
        node = root.entries()["run"][1].entries()["push_states"][1]
        raise node.error(f"names no remote: '{suite.push_states}' is not in 'remotes'")
    named = {"project_name": values.pop("project")} if "project" in values else {}
    return Configuration(os.path.abspath(path), **values, **named, policy=policy, suite=suite, hooks=hooks)


def _suite_baseline(found: Baseline, folder: str) -> dict[str, Any]:
    """Return fields of a SuitePolicy."""
    recipe = Recipe(found.name, found.make, found.inputs, folder, found.timeout) if found.make else None
    return {"baseline": found.name, "takes_baseline": True, "recipe": recipe}


def _baseline(node: Node) -> Baseline:
    """Read the baseline: its name, or a mapping that says how it is made."""
    if node.is_text:
        return Baseline(_tag_name(node))
    values = node.fields(_BASELINE_KEYS)
    if "name" not in values or "make" not in values:
        raise node.error("must have 'name' and 'make'")
    return Baseline(**values)


def _of_run(values: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a SuitePolicy; a baseline for runs alone has to exist."""
    return {**values, "takes_baseline": False} if "baseline" in values else values


def _fields(root: Node) -> dict[str, Any]:
    both = [key for name, (key, _) in root.entries().items() if name in ("database", "databases")]
    if len(both) > 1:
        raise both[1].error("has both 'database' and 'databases'")
    values = root.fields(_KEYS)
    if "database" in values:
        values["databases"] = {DEFAULT: values.pop("database")}
    if "project" in values and "remotes" in values:
        remotes = values["remotes"].items()
        values["remotes"] = {name: one._replace(project=values["project"]) for name, one in remotes}
    if values.get("remote") not in (None, *values.get("remotes", ())):
        raise root.entries()["remote"][1].error(f"names no remote: '{values['remote']}' is not in 'remotes'")
    return {**values, **values.pop("store", {})}


def _row_rules(node: Node) -> tuple[RowRule, ...]:
    """Read conditions by table: one, or a list of which one has to be true."""
    found = []
    for table, (_, value) in node.entries().items():
        conditions = [value] if value.is_text else value.items("conditions")
        found += [RowRule(table, _condition(one), *one.place) for one in conditions]
    return tuple(found)


def _condition(node: Node) -> str:
    from snapstore.database.condition import check  # most configurations have none

    text = node.text()
    try:
        check(text)
    except SqlFailed as error:
        raise node.error(f"is no condition on one row: {error}") from error
    return text


def _databases(node: Node) -> dict[str, str]:
    found = {name: value.path() for name, (_, value) in node.entries().items()}
    if not found:
        raise node.error("names no database")
    return found


def _files(node: Node) -> Mapping[str, TreeSettings]:
    from snapstore.config.files import read_files  # most configurations have none

    return read_files(node)


def _remotes(node: Node) -> Mapping[str, RemoteSettings]:
    from snapstore.config.remotes import read_remotes  # most configurations have none

    return read_remotes(node)


def _project(node: Node) -> str:
    from snapstore.config.remotes import read_project  # as above

    return read_project(node)


def _store(node: Node) -> dict[str, Any]:
    """Read the store: its path, or a mapping."""
    values = {"path": node.path()} if node.is_text else node.fields(_STORE_KEYS)
    shared = {"shared": values["shared"] == "group"} if "shared" in values else {}
    return {"store": values.get("path"), **shared}


def _references(node: Node) -> tuple[Reference, ...]:
    """Read what refers to what: columns, and a table or a column of one; null where a column refers to nothing."""
    pairs = ((name, value) for name, (_, value) in node.entries().items())
    return tuple(Reference(name, None if value.is_nothing else value.text()) for name, value in pairs)


def _hooks(node: Node) -> tuple[Hook, ...]:
    from snapstore.config.hooks import read_hooks  # most configurations have none

    return read_hooks(node)


def _labels(node: Node) -> tuple[Label, ...]:
    """Read the column that people know a table's rows by; null where there is none."""
    pairs = ((name, value) for name, (_, value) in node.entries().items())
    return tuple(Label(name, None if value.is_nothing else value.text()) for name, value in pairs)


def _tag_name(node: Node) -> str:
    name = node.text()
    try:
        check_name(name, is_new=False)  # the store may have it
    except BadName as error:
        raise node.error(f"is invalid: {error}") from error
    return name


def _steps(node: Node) -> tuple[CleanupStep, ...]:
    return tuple(map(_step, node.items("steps")))


def _step(node: Node) -> CleanupStep:
    """Read one step: a line for the shell, or a mapping."""
    if node.is_text:
        line = node.text()
        return CleanupStep(line, command=line)
    values = node.fields(_STEP_KEYS)
    if ("command" in values) == ("sql" in values):
        raise node.error("must have either 'command' or 'sql'")
    return CleanupStep(values.pop("name", values.get("command") or values.get("sql")), **values)


def _one_of(*words: str) -> Callable[[Node], str]:
    return lambda node: node.one_of(words)


def _run(node: Node) -> dict[str, Any]:
    """Read fields of a SuitePolicy."""
    values = node.fields(_RUN_KEYS)
    if "verdicts" in values:
        values["decisions"] = {**DEFAULT_DECISIONS, **values.pop("verdicts")}
    return values


def _duration(node: Node) -> timedelta:
    try:
        return parse_duration(node.text())
    except ValueError as error:
        raise node.error(f"is invalid: {error}") from error


def _prune(node: Node) -> PruneSettings:
    values = node.fields(_PRUNE_KEYS)
    others = {name: values.pop(name) for name in ("grace", "auto") if name in values}
    settings = PruneSettings(Retention(**values), **others)
    if settings.auto != NEVER and settings.policy.is_empty:
        raise node.error("with 'auto' needs a rule that says what to keep")
    return settings


_STORE_KEYS: dict[str, Callable[[Node], Any]] = {"path": Node.path, "shared": _one_of("owner", "group")}
_BASELINE_KEYS: dict[str, Callable[[Node], Any]] = {
    "name": _tag_name,
    "make": Node.text,
    "inputs": Node.names,
    "timeout": Node.seconds,
}
_STEP_KEYS: dict[str, Callable[[Node], Any]] = {
    "name": Node.text,
    "command": Node.text,
    "sql": Node.text,
    "database": Node.text,
    "timeout": Node.seconds,
}
_RUN_KEYS: dict[str, Callable[[Node], Any]] = {
    "mode": _one_of(*MODES),
    "baseline": Node.text,
    "cleanup": _steps,
    "attempts": Node.count,
    "backoff": Node.seconds,
    "quiet": lambda node: None if node.is_text and node.text() == AUTO else node.seconds(),
    "quiet_limit": Node.seconds,
    "verdicts": lambda node: node.fields(dict.fromkeys(VERDICTS, _one_of(*DECISIONS))),
    "late": _one_of(*LATE),
    "keep_backup": Node.flag,
    "keep": _one_of(*KEEP),
    "keep_states": Node.count,
    "push_states": Node.text,
    "ledger_suites": Node.count,
    "exit_restored": lambda node: node.count(most=MOST_EXIT_CODE),
}
_PRUNE_KEYS: dict[str, Callable[[Node], Any]] = {
    "keep_last": Node.number,
    "keep_hourly": Node.number,
    "keep_daily": Node.number,
    "keep_weekly": Node.number,
    "keep_monthly": Node.number,
    "keep_yearly": Node.number,
    "keep_within": _duration,
    "keep_tags": Node.names,
    "tags": Node.flag,
    "grace": _duration,
    "auto": lambda node: Automatic(**node.fields({"snapshots": Node.count, "size": Node.size})),
}
_KEYS: dict[str, Callable[[Node], Any]] = {
    "database": Node.path,
    "databases": _databases,
    "files": _files,
    "store": _store,
    "baseline": _baseline,
    "backup_name": _tag_name,
    "timeout": Node.seconds,
    "ignore": lambda node: node.fields({"tables": Node.names, "columns": Node.names, "rows": _row_rules}),
    "sequences": _one_of(*SEQUENCES),
    "keep": Node.names,
    "references": _references,
    "before_restore": _hooks,
    "after_restore": _hooks,
    "labels": _labels,
    "run": _run,
    "prune": _prune,
    "project": _project,
    "remotes": _remotes,
    "remote": Node.text,
}

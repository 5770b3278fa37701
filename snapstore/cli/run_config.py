"""The part of the configuration under `run:`: how `snap run` treats a suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from snapstore.actions.verdicts import VERDICTS
from snapstore.cli.nodes import Nodes
from snapstore.hybrid.policy import DECISIONS, DEFAULT_DECISIONS, MODES, CleanupStep


def read_run(nodes: Nodes, key: str, node: yaml.Node) -> dict[str, Any]:
    """Return fields of a SuitePolicy. Raises ConfigurationError."""
    readers: dict[str, Callable[[str, yaml.Node], Any]] = {
        "mode": lambda name, one: nodes.one_of(name, one, MODES),
        "baseline": nodes.text,
        "cleanup": lambda name, one: _steps(nodes, name, one),
        "attempts": nodes.count,
        "backoff": nodes.seconds,
        "quiet": nodes.seconds,
        "quiet_limit": nodes.seconds,
        "verdicts": lambda name, one: _decisions(nodes, name, one),
        "keep_backup": nodes.flag,
        "ledger_suites": nodes.count,
    }
    values = {}
    for name, one in nodes.mapping(key, node):
        nodes.check_known(name, readers)
        values[name.value] = readers[name.value](f"{key}.{name.value}", one)
    if "verdicts" in values:
        values["decisions"] = values.pop("verdicts")
    return values


def _steps(nodes: Nodes, key: str, node: yaml.Node) -> tuple[CleanupStep, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise nodes.error(f"'{key}' has to be a list of steps", node)
    return tuple(_step(nodes, f"{key}[{number}]", one) for number, one in enumerate(node.value))


def _step(nodes: Nodes, key: str, node: yaml.Node) -> CleanupStep:
    """Read one step: a line for the shell, or a mapping."""
    if isinstance(node, yaml.ScalarNode):
        line = nodes.text(key, node)
        return CleanupStep(line, command=line)
    values: dict[str, Any] = {}
    for name, one in nodes.mapping(key, node):
        nodes.check_known(name, ("name", "command", "sql", "database", "timeout"))
        values[name.value] = (nodes.seconds if name.value == "timeout" else nodes.text)(f"{key}.{name.value}", one)
    if ("command" in values) == ("sql" in values):
        raise nodes.error(f"'{key}' has to have either 'command' or 'sql'", node)
    return CleanupStep(values.pop("name", values.get("command") or values.get("sql")), **values)


def _decisions(nodes: Nodes, key: str, node: yaml.Node) -> dict[str, str]:
    decisions: dict[str, str] = dict(DEFAULT_DECISIONS)
    for name, one in nodes.mapping(key, node):
        nodes.check_known(name, VERDICTS)
        decisions[name.value] = nodes.one_of(f"{key}.{name.value}", one, DECISIONS)
    return decisions

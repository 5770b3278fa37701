"""The part of the configuration under `prune:`: what stays, the grace for the rest, and when it is done by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import yaml

from snapstore.actions.prune import DEFAULT_GRACE
from snapstore.actions.upkeep import NEVER, Automatic
from snapstore.cli.nodes import Nodes
from snapstore.history.retention import Retention, parse_duration

COUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?")
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class PruneSettings(NamedTuple):
    """What a configuration says about pruning."""

    policy: Retention = Retention()
    grace: timedelta = DEFAULT_GRACE
    auto: Automatic = NEVER


def read_prune(nodes: Nodes, key: str, node: yaml.Node) -> PruneSettings:
    """Read the mapping. Raises ConfigurationError."""
    readers: dict[str, Callable[[str, yaml.Node], Any]] = {
        **dict.fromkeys(COUNTS, nodes.number),
        "keep_within": lambda name, one: _duration(nodes, name, one),
        "keep_tags": nodes.names,
        "tags": nodes.flag,
        "grace": lambda name, one: _duration(nodes, name, one),
        "auto": lambda name, one: _automatic(nodes, name, one),
    }
    values: dict[str, Any] = {}
    for name, one in nodes.mapping(key, node):
        nodes.check_known(name, readers)
        values[name.value] = readers[name.value](f"{key}.{name.value}", one)
    around = {name: values.pop(name) for name in ("grace", "auto") if name in values}
    settings = PruneSettings(Retention(**values), **around)
    if settings.auto != NEVER and settings.policy.is_empty:
        raise nodes.error(f"'{key}.auto' needs a rule that says what to keep", node)
    return settings


def _duration(nodes: Nodes, key: str, node: yaml.Node) -> timedelta:
    try:
        return parse_duration(nodes.text(key, node))
    except ValueError as error:
        raise nodes.error(f"'{key}': {error}", node) from error


def _automatic(nodes: Nodes, key: str, node: yaml.Node) -> Automatic:
    readers: dict[str, Callable[[str, yaml.Node], int]] = {
        "snapshots": nodes.count,
        "size": lambda name, one: _size(nodes, name, one),
    }
    values = {}
    for name, one in nodes.mapping(key, node):
        nodes.check_known(name, readers)
        values[name.value] = readers[name.value](f"{key}.{name.value}", one)
    return Automatic(**values)


def _size(nodes: Nodes, key: str, node: yaml.Node) -> int:
    found = _SIZE.fullmatch(nodes.text(key, node).strip())
    if not found:
        raise nodes.error(f"'{key}' has to be a size such as 500MB or 2GB", node)
    return int(float(found[1]) * _FACTORS[found[2]])

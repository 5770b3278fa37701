"""Options and ini keys of the pytest plugin, and the marker that overrides them for a test.

Each option has an ini key of the same meaning: `--snap-db` and `snapstore_db`. The command line comes first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

MARKER = (
    "snapstore(off=False, mode=None, leaks=None, baseline=None): how snapstore looks after the database for this test"
    " (docs/pytest.md of snapstore)"
)
MODES = ("verify", "repair", "restore")
LEAKS = ("fail", "warn", "pass")
KEEP = ("failed", "left", "never")
SCOPES = ("function", "class", "module", "session")
WORKER = "{worker}"
MAIN = "master"  # pytest-xdist's name for the process that is not a worker
VARIABLE = "SNAPSTORE_TEST_DB"
"""The environment variable that tells the application under test the path of its process's database."""

TAKE = "take-baseline"
_TAKE_HELP = "make the present state the baseline if it does not exist"

# name, default, words, help
OPTIONS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("db", "", (), "the database under test; {worker} stands for gw0, gw1, ..., or master"),
    ("source", "", (), "the database that {worker} is a copy of, if snapstore.yaml names none"),
    ("config", "", (), "the configuration file, instead of the nearest snapstore.yaml"),
    ("store", "", (), "the store"),
    ("baseline", "", (), "the tag to begin with, instead of that of snapstore.yaml; it has to exist"),
    ("mode", "repair", MODES, "after a test: verify, repair what was left, or restore whenever a page differs"),
    ("leaks", "warn", LEAKS, "the outcome of a test that leaves rows behind: fail, warn or pass"),
    ("keep", "", KEEP, "whose failing states get a name: failed, left (something behind, too), never [as configured]"),
    ("scope", "function", SCOPES, "verify after each function, class or module, or after the session"),
)


class PluginOptions(NamedTuple):
    """The plugin's options; an empty text means none."""

    db: str
    source: str
    config: str
    store: str
    baseline: str | None
    mode: str
    leaks: str
    keep: str
    scope: str
    take_baseline: bool


@dataclass(frozen=True)
class TestOptions:
    """The options of one test, as its markers change them."""

    __test__ = False

    mode: str
    leaks: str
    baseline: str | None
    off: bool = False

    def verdicts(self) -> dict[str, str]:
        """Return what the session does about each verdict."""
        if self.off:
            return dict.fromkeys(("drifted", "leaked", "damaged", "schema-changed"), "pass")
        bad = "restore" if self.mode != "verify" else "warn"
        drifted = "restore" if self.mode == "restore" else "pass"
        return {"drifted": drifted, **dict.fromkeys(("leaked", "damaged", "schema-changed"), bad)}


def add_options(parser: pytest.Parser) -> None:
    """Declare options and ini keys."""
    group = parser.getgroup("snapstore", "snapstore: the database after each test")
    group.addoption("--snap", action="store_true", default=False, help="look after the database under test")
    parser.addini("snapstore", "look after the database under test, as --snap does", type="bool", default=False)
    for name, default, words, description in OPTIONS:
        text = f"{description} [{default}]" if default else description
        group.addoption(f"--snap-{name}", dest=f"snapstore_{name}", choices=words or None, default=None, help=text)
        parser.addini(f"snapstore_{name}", text, default=default)
    group.addoption(
        f"--snap-{TAKE}", dest="snapstore_take_baseline", action="store_true", default=False, help=_TAKE_HELP
    )
    parser.addini("snapstore_take_baseline", _TAKE_HELP, type="bool", default=False)


def is_on(config: pytest.Config) -> bool:
    """Return whether the plugin is on."""
    given = getattr(config.option, "snap", None) or getattr(config.known_args_namespace, "snap", None)
    return bool(given or config.getini("snapstore"))


def named_db(config: pytest.Config) -> str:
    """Return the path given for this process's database, or an empty text; options need not be parsed yet."""
    given = getattr(config.known_args_namespace, "snapstore_db", None) or str(config.getini("snapstore_db"))
    worker = os.environ.get("PYTEST_XDIST_WORKER", MAIN)
    return os.path.join(config.rootpath, given.replace(WORKER, worker)) if given else ""


def options_of(config: pytest.Config) -> PluginOptions:
    """Return the plugin's options. Raises UsageError."""
    values: dict[str, Any] = {}
    for name, default, words, _ in OPTIONS:
        value = getattr(config.option, f"snapstore_{name}") or str(config.getini(f"snapstore_{name}"))
        if words and value not in (*words, default):
            raise _usage_error(f"snapstore_{name}: invalid value '{value}': expected {', '.join(words)}")
        values[name] = value
    take = config.option.snapstore_take_baseline or bool(config.getini("snapstore_take_baseline"))
    return PluginOptions(**{**values, "baseline": values["baseline"] or None, "take_baseline": take})


def options_for(node: pytest.Item | pytest.Collector, options: PluginOptions) -> TestOptions:
    """Return the options of a test; its nearest marker wins. Raises UsageError."""
    given: dict[str, object] = {}
    for marker in node.iter_markers("snapstore"):
        if marker.args:
            raise _usage_error(
                f"{node.nodeid}: the marker snapstore takes keyword arguments only: {MARKER.split(':', maxsplit=1)[0]}"
            )
        given = {**marker.kwargs, **given}
    known = {"mode": MODES, "leaks": LEAKS, "baseline": None, "off": None}
    for name, value in given.items():
        words = known.get(name)
        if name not in known or (words and value not in words):
            wanted = ", ".join(words) if words else ", ".join(known)
            raise _usage_error(f"{node.nodeid}: the marker snapstore has '{name}={value}', expected {wanted}")
    plain: dict[str, Any] = {"mode": options.mode, "leaks": options.leaks, "baseline": options.baseline}
    return TestOptions(**{**plain, **given})


def _usage_error(text: str) -> pytest.UsageError:
    from snapstore.integrations.pytest_report import told  # while the plugin is off, nothing of snapstore is loaded

    return pytest.UsageError(told(text))

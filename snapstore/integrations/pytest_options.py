"""Options and ini keys of the pytest plugin, and the marker that overrides them for a test.

Each option has an ini key of the same meaning: `--snap-db` and `snapstore_db`. The command line comes first.
"""

from __future__ import annotations

import os

import pytest

from snapstore.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MARKER = (
    "snapstore(off=False, mode=None, leaks=None, baseline=None): how the database is looked after for this test"
    " (docs/pytest.md of snapstore)"
)
MODES = ("verify", "repair", "restore")
LEAKS = ("fail", "warn", "pass")
SCOPES = ("function", "class", "module", "session")
WORKER = "{worker}"
MAIN = "master"  # pytest-xdist's name for the process that is no worker
VARIABLE = "SNAPSTORE_TEST_DB"
"""The environment variable that tells an application under test which database is its process's own."""

# name, default, words, help
OPTIONS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("db", "", (), "the database under test; {worker} stands for gw0, gw1, ..., or master"),
    ("source", "", (), "the database that {worker} copies are made of, where snapstore.yaml names none"),
    ("config", "", (), "the configuration, in place of the snapstore.yaml found"),
    ("store", "", (), "the store"),
    ("baseline", "", (), "the tag to begin with; taken where it does not exist"),
    ("mode", "repair", MODES, "after a test: verify, repair what was left, or restore whenever a page differs"),
    ("leaks", "warn", LEAKS, "what becomes of a test that leaves rows: fail, warn or pass"),
    ("scope", "function", SCOPES, "verify after each function, class, module or the session"),
)


class PluginOptions(Record):
    """What was asked for; empty texts are none."""

    db: str
    source: str
    config: str
    store: str
    baseline: str | None
    mode: str
    leaks: str
    scope: str


class TestOptions(Record):
    """The options of one test, with what its markers say."""

    __test__ = False

    mode: str
    leaks: str
    baseline: str | None
    off: bool = False

    def verdicts(self) -> dict[str, str]:
        """Return what the session is to do, by verdict."""
        if self.off:
            return dict.fromkeys(("drifted", "leaked", "damaged", "schema-changed"), "pass")
        bad = "restore" if self.mode != "verify" else "warn"
        drifted = "restore" if self.mode == "restore" else "pass"
        return {"drifted": drifted, **dict.fromkeys(("leaked", "damaged", "schema-changed"), bad)}


def add_options(parser: pytest.Parser) -> None:
    """Declare them."""
    group = parser.getgroup("snapstore", "snapstore: the database after each test")
    group.addoption("--snap", action="store_true", default=False, help="look after the database under test")
    parser.addini("snapstore", "look after the database under test, as --snap does", type="bool", default=False)
    for name, default, words, said in OPTIONS:
        text = f"{said} [{default}]" if default else said
        group.addoption(f"--snap-{name}", dest=f"snapstore_{name}", choices=words or None, default=None, help=text)
        parser.addini(f"snapstore_{name}", text, default=default)


def is_on(config: pytest.Config) -> bool:
    """Return whether the plugin was asked for."""
    said = getattr(config.option, "snap", None) or getattr(config.known_args_namespace, "snap", None)
    return bool(said or config.getini("snapstore"))


def named_db(config: pytest.Config) -> str:
    """Return the path that this process's database was given, empty where none was; before anything else is read."""
    given = getattr(config.known_args_namespace, "snapstore_db", None) or str(config.getini("snapstore_db"))
    worker = os.environ.get("PYTEST_XDIST_WORKER", MAIN)
    return os.path.join(config.rootpath, given.replace(WORKER, worker)) if given else ""


def options_of(config: pytest.Config) -> PluginOptions:
    """Return what was asked for. Raises UsageError."""
    values: dict[str, Any] = {}
    for name, _, words, _ in OPTIONS:
        value = getattr(config.option, f"snapstore_{name}") or str(config.getini(f"snapstore_{name}"))
        if words and value not in words:
            raise pytest.UsageError(f"snapstore_{name}: '{value}' is none of {', '.join(words)}")
        values[name] = value
    return PluginOptions(**{**values, "baseline": values["baseline"] or None})


def options_for(node: pytest.Item | pytest.Collector, options: PluginOptions) -> TestOptions:
    """Return the options with what markers say, the nearest one first. Raises UsageError."""
    said: dict[str, object] = {}
    for marker in node.iter_markers("snapstore"):
        if marker.args:
            raise pytest.UsageError(
                f"{node.nodeid}: the marker snapstore takes names only: {MARKER.split(':', maxsplit=1)[0]}"
            )
        said = {**marker.kwargs, **said}
    known = {"mode": MODES, "leaks": LEAKS, "baseline": None, "off": None}
    for name, value in said.items():
        words = known.get(name)
        if name not in known or (words and value not in words):
            wanted = ", ".join(words) if words else ", ".join(known)
            raise pytest.UsageError(f"{node.nodeid}: the marker snapstore: '{name}={value}' is none of {wanted}")
    plain: dict[str, Any] = {"mode": options.mode, "leaks": options.leaks, "baseline": options.baseline}
    return TestOptions(**{**plain, **said})

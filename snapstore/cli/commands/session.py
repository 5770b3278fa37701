"""`snap session`: the verbs beside a test run, as JSON-RPC 2.0 on standard input and output."""

from __future__ import annotations

import os
import signal
import sys

from snapstore.cli.command import Context, snap_command
from snapstore.cli.environment import environment_of
from snapstore.cli.hints import hint_for
from snapstore.cli.places import environment_says
from snapstore.cli.skipped import SWITCHED_OFF
from snapstore.errors import SnapError
from snapstore.session.orphanage import Orphaned, ends_when_orphaned
from snapstore.session.protocol import Request, encode, failure, fault_of
from snapstore.session.server import Server
from snapstore.session.setting import Setting
from snapstore.session.workplace import Workplace

EXAMPLES = """
snap session
echo '{"jsonrpc": "2.0", "id": 1, "method": "tags"}' | snap session
"""
ORPHANED = 0
NOBODY = Request(None, "", {})


@snap_command("session", EXAMPLES)
def command(context: Context) -> int:
    """Do what requests on standard input say, until there are no more.

    A request is one line of JSON-RPC 2.0, and so is its answer on standard output. Verbs are answered in
    milliseconds, since changes are followed and not looked for. docs/session.md has the methods.
    """
    try:
        setting = _setting(context)
    except SnapError as error:  # said on standard error too; a client knows it again by its fields
        os.write(sys.stdout.fileno(), encode(fault_of(NOBODY, failure(error, hint_for(error)))))
        raise
    if not sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the test runner, which decides what comes then
    source, sink = sys.stdin.fileno(), os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing but answers goes to the one who reads them
    workplace = Workplace(setting)
    try:
        with ends_when_orphaned(sink):
            Server(workplace, source, sink, context.output.note).run()
    except (Orphaned, BrokenPipeError):
        return ORPHANED
    finally:
        workplace.close()
    return 0


def _setting(context: Context) -> Setting:
    places = context.places
    return Setting(
        places.project,
        places.store_path,
        places.timeout,
        places.policy,
        places.suite_policy,
        environment_of(places),
        places.folder,
        SWITCHED_OFF if environment_says("E2E_NO_BACKUP") else "",
        hint_for,
    )

"""`snap session`: the verbs beside a test run, as JSON-RPC 2.0 on standard input and output."""

from __future__ import annotations

import os
import select
import signal
import sys

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.errors import SnapError
from snapstore.session.facade import SessionFacade
from snapstore.session.parent_watch import Abandoned, ends_when_abandoned
from snapstore.session.protocol import INTERRUPT, Request, encode, failure, fault_of
from snapstore.session.server import Server

EXAMPLES = """
snap session
echo '{"jsonrpc": "2.0", "id": 1, "method": "tags"}' | snap session
"""
ABANDONED = 0
_LONGEST_NOTE = 500  # characters: a pipe that can take any takes as many without blocking
NOBODY = Request(None, "", {})


@click.command("session", cls=SnapCommand, examples=EXAMPLES)
@click.pass_obj
def command(context: Context) -> int:
    """Serve JSON-RPC on standard input and output.

    A request is one line of JSON-RPC 2.0, and so is its response. Changes are tracked as they happen, so verbs take
    milliseconds. docs/session.md lists the methods.
    """
    try:
        facade = SessionFacade(context.locations)
    except SnapError as error:  # printed on standard error too; a client rebuilds it from its fields
        os.write(sys.stdout.fileno(), encode(fault_of(NOBODY, failure(error))))
        raise
    facade.pull_policy = context.pull_policy
    if not sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the test runner decides what follows an interrupt
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # the client blocks it until here
    signal.signal(INTERRUPT, lambda *_: facade.interrupt())
    source, sink = sys.stdin.fileno(), os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # only responses go to the client
    try:
        with ends_when_abandoned(sink):
            Server(facade, source, sink, lambda text: _note(context, text)).run()
    except (Abandoned, BrokenPipeError):
        return ABANDONED
    finally:
        facade.close()
    return 0


def _note(context: Context, text: str) -> None:
    """Print a line to standard error, unless nobody reads it: the session must go on."""
    poll = select.poll()
    poll.register(sys.stderr.fileno(), select.POLLOUT)
    if poll.poll(0):
        context.output.note(text[:_LONGEST_NOTE])

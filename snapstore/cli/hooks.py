"""What hooks did, as a command says it beside its result."""

from __future__ import annotations

from collections.abc import Sequence

from snapstore.cli.context import Context
from snapstore.cli.paint import style
from snapstore.results.hooks import HookRun, hook_text, required_failed

HOOK_FAILED = 1


def report_hooks(context: Context, hooks: Sequence[HookRun], warnings: Sequence[str] = ()) -> int:
    """Print warnings, and a line for each hook that ran; return the exit code: 1 where a required one failed."""
    of_hooks = set(map(hook_text, hooks))
    context.output.warn(text for text in warnings if text not in of_hooks)
    for one in hooks:
        context.output.note(
            f"snap: {hook_text(one)}" if one.ok else f"{style('warning:', fg='yellow')} {hook_text(one)}"
        )
    if required := required_failed(hooks):
        context.output.note(f"snap: exit code {HOOK_FAILED}: the state was changed, and a required hook failed")
    return HOOK_FAILED if required else 0

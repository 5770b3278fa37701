"""Completion for bash: as click's, with names quoted. What is inserted is run when Enter is pressed."""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

_SCRIPT = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    local -
    set -f  # a name is no pattern of file names

    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD COMP_LINE="${COMP_LINE:0:${COMP_POINT:-0}}" \\
        COMP_WORDBREAKS="$COMP_WORDBREAKS" %(complete_var)s=bash_complete "$1")

    for completion in $response; do
        type=${completion%%%%,*}
        value=${completion#*,}

        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            printf -v value %%q "$value"
            COMPREPLY+=("$value")
        fi
    done

    return 0
}

%(complete_func)s_setup() {
    complete -o nosort -F %(complete_func)s %(prog_name)s
}

%(complete_func)s_setup;
"""
_SIGNS = ":=@"  # of names, at which bash may begin a word


class QuotingBash(BashComplete):
    """Quotes what it offers, and completes names in which bash sees several words."""

    source_template = _SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that one: by the line, since bash splits words at signs."""
        args, incomplete = super().get_completion_args()
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        if words[:1] == split_arg_string(os.environ["COMP_WORDS"])[:1]:
            incomplete = "" if line[-1:].isspace() else words.pop()
            args = words[1:]
        self._typed = incomplete
        return args, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return the type and the value of a completion, without what bash takes for words before it."""
        breaks = [self._typed.rfind(sign) + 1 for sign in _SIGNS if sign in os.environ.get("COMP_WORDBREAKS", "")]
        start = self._typed[: max(breaks, default=0)]
        value: Any = item.value
        return f"{item.type},{str(value).removeprefix(start)}"


def register() -> None:
    """Have click use this class for bash."""
    add_completion_class(QuotingBash)

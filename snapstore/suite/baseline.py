"""The baseline of a suite: taken if it does not exist, and made again when what it is made of has changed."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.take import TakeOptions, take
from snapstore.errors import BaselineNotMade, ConfigurationError, DatabaseUnusable, NamePinned
from snapstore.files import translated
from snapstore.ids import ID_BYTES, object_id
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.regular import open_named
from snapstore.results.suites import BaselineMade
from snapstore.store import Store
from snapstore.suite.cleanup import DONE, CleanupRunner
from snapstore.suite.databases import Say, SuiteDatabases
from snapstore.suite.policy import CleanupStep, Recipe, SuitePolicy

_MADE_FROM = re.compile(rf"\(inputs ([0-9a-f]{{{2 * ID_BYTES}}})\)\Z")


def digest_of(recipe: Recipe) -> str:
    """Return a hash of the command, and of names and contents of the inputs. Raises ConfigurationError, FileError."""
    parts = [os.fsencode(recipe.make)]
    for path in sorted(set(_files(recipe))):
        whole = os.path.join(recipe.folder, path)
        with translated(whole), open(open_named(whole), "rb") as file:
            parts += [os.fsencode(path), object_id(file.read()).hex().encode()]
    return object_id(b"\0".join(parts)).hex()


def message_of(recipe: Recipe, text: str) -> str:
    """Return the message of a tag that holds the recipe's state: it carries the hash of the inputs."""
    return f"{text} (inputs {digest_of(recipe)})".lstrip()


def _files(recipe: Recipe) -> Iterator[str]:
    for pattern in recipe.inputs:
        paths = glob.glob(pattern, root_dir=recipe.folder, recursive=True, include_hidden=True)
        files = [path for path in paths if os.path.isfile(os.path.join(recipe.folder, path))]
        if not files:
            raise ConfigurationError(f"'baseline.inputs': no file matches '{pattern}' in '{recipe.folder}'")
        yield from files


@dataclass(frozen=True)
class BaselineMaker:
    """Makes the baseline of a policy ready before a suite of this name begins."""

    store: Store
    project: Project
    policy: SuitePolicy
    databases: SuiteDatabases
    runner: CleanupRunner
    say: Say
    progress: Progress = SILENT

    def ensure(self, suite: str) -> BaselineMade | None:
        """Take or make the baseline where that is needed; return it then.

        Raises BaselineNotMade, NamePinned, ConfigurationError, and what `take` raises.
        """
        name, recipe = self.policy.baseline, self.policy.recipe
        ref = self.store.refs.get(name) if name else None
        if name is None or self.policy.mode == "cleanup":
            return None
        if recipe is None or recipe.name != name:
            if ref or not self.policy.takes_baseline:
                return None
            return BaselineMade(name, self._take(name, f"before the suite {suite}"))
        made_from = _MADE_FROM.search(ref.message) if ref else None
        if made_from and made_from[1] == digest_of(recipe):
            return None
        if ref and ref.pinned:
            raise NamePinned(name)
        return self._make(recipe)

    def _make(self, recipe: Recipe) -> BaselineMade:
        """Run the command on the live databases and take the baseline; if it fails, restore the state before."""
        message = message_of(recipe, f"made by '{recipe.make}'")  # a change while it runs is one for the next suite
        kept = self._keep()
        is_made = False
        try:
            self.say(f"making the baseline: {recipe.make}")
            step = CleanupStep("the baseline", command=recipe.make, timeout=recipe.timeout)
            attempt = self.runner.run(step, 1)
            is_made = attempt.status == DONE
        finally:
            if not is_made and kept:
                restore(self.store, self.project, RestoreOptions(kept, force=True, safety=False))
        if not is_made:
            raise BaselineNotMade(recipe.name, recipe.make, attempt.status, attempt.detail)
        self.databases.wait_until_quiet()
        return BaselineMade(recipe.name, self._take(recipe.name, message), recipe.make, kept)

    def _keep(self) -> str | None:
        """Keep the present state, if there is one that can be read."""
        try:
            return self.databases.keep("before the baseline was made")
        except DatabaseUnusable:
            return None

    def _take(self, name: str, message: str) -> str:
        options = TakeOptions(name, message, "tag", timeout=self.policy.timeout)
        return take(self.store, self.project, options, self.progress).snapshot

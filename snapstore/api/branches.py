"""The verbs that have the databases follow the branches of a Git repository."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from snapstore.api.bound import Bound
from snapstore.api.watched import watched
from snapstore.errors import CannotFollow, DatabaseLocked, DatabaseUnusable, NoStore, SnapError, StoreLocked

if TYPE_CHECKING:
    from snapstore.actions.branch_owner import SwitchOptions
    from snapstore.git.repository import Repository
    from snapstore.history.refs import Ref
    from snapstore.results.branches import BranchState, GitInstalled, GitStatus, GitSynced, GitUninstalled
    from snapstore.store import Store

_UNTRACK = "'git rm --cached FILE' and a line in .gitignore leave the database to snapstore"


class Branches(Bound):
    """The part of `Snapstore` that follows branches."""

    def git_install(self) -> GitInstalled:
        """Install the hook. Raises CannotFollow, GitUnusable, FileError."""
        from snapstore.api.approval import approve
        from snapstore.git.hook_file import UNCHANGED, HookFile
        from snapstore.git.repository import CONFIGURATION, MADE, SINCE
        from snapstore.results.branches import GitInstalled
        from snapstore.timestamps import now

        repository = self._repository()
        config = self._configuration_in(repository)
        self._refuse_tracked(repository)
        file = HookFile(repository.hooks_folder)
        if repository.setting(CONFIGURATION) != config or not repository.setting(SINCE):
            repository.set(SINCE, now())
            repository.set(CONFIGURATION, config)
        approve(repository, self.locations.configuration)
        if not os.path.isdir(file.folder):
            repository.set(MADE, file.folder)
        how = file.install()
        self._begin(repository)
        notes: tuple[str, ...] = ()
        if how != UNCHANGED and repository.is_in_worktree(file.folder):
            notes = (f"'{file.path}' lies in the worktree: whatever rewrites it removes the hook",)
        elif how != UNCHANGED and not repository.owns(file.folder):
            notes = (f"'{file.path}' may serve other repositories: it does nothing in those without an install",)
        return GitInstalled(file.path, how, config, self._shown(repository.branch), notes)

    def git_uninstall(self) -> GitUninstalled:
        """Remove the hook; states that were kept stay. Raises GitUnusable, CannotFollow, FileError."""
        from contextlib import suppress

        from snapstore.git.hook_file import ABSENT, HookFile
        from snapstore.git.repository import MADE
        from snapstore.results.branches import GitUninstalled

        repository = self._repository()
        file = HookFile(repository.hooks_folder)
        how = file.uninstall()
        if file.folder != repository.own_hooks_folder:  # where core.hooksPath was set later
            earlier = HookFile(repository.own_hooks_folder).uninstall()
            how = earlier if how == ABSENT else how
        if repository.setting(MADE) == file.folder:
            with suppress(OSError):
                os.rmdir(file.folder)
        repository.unset_all()
        return GitUninstalled(file.path, how)

    def git_status(self) -> GitStatus:
        """Report. Raises GitUnusable, StoreDamaged."""
        from snapstore.git.hook_file import HookFile
        from snapstore.git.repository import CONFIGURATION
        from snapstore.results.branches import GitStatus

        repository = self._repository()
        file = HookFile(repository.hooks_folder)
        config = repository.setting(CONFIGURATION)
        warnings: list[str] = []
        holder = self._holder(repository, warnings)
        branch = self._shown(repository.branch)
        if holder and branch and holder != branch:
            warnings.append(f"the databases are those of '{holder}', not of '{branch}'; 'snap git sync' switches them")
        if file.is_installed != (config is not None):
            warnings.append("the hook is installed by half; 'snap git install' completes it")
        states = tuple(self._states(repository))
        return GitStatus(
            file.is_installed and config is not None, file.path, config, branch, holder, states, tuple(warnings)
        )

    @watched
    def git_sync(self, *, timeout: float | None = None) -> GitSynced:
        """Switch to the branch that is checked out. Raises CannotFollow, GitUnusable, and what `restore` raises."""
        return self.switch(self._repository(), lambda: None, timeout)

    def switch(self, repository: Repository, left: Callable[[], str | None], timeout: float | None) -> GitSynced:
        """Switch the databases; `left` returns the branch that Git left, where that is known."""
        from snapstore.actions.branch_owner import Ownership, SwitchOptions, ownership
        from snapstore.git.repository import SINCE
        from snapstore.history.branch_names import state_name
        from snapstore.results.branches import GitSynced

        branch = repository.branch
        if branch is None or repository.is_busy:
            why = "HEAD is detached" if branch is None else "a rebase or a bisection is under way"
            return GitSynced(self._shown(branch), None, None, None, None, 0.0, (f"{why}: nothing was done",))
        since, seconds, project = repository.setting(SINCE) or "", self.seconds(timeout), self.project
        with self.new_store(timeout) as store:
            name = state_name(branch)
            if ownership(store, project, since, seconds) == Ownership(name):
                return GitSynced(self._shown(branch), self._shown(branch), None, None, None, 0.0)
            self._refuse_tracked(repository)
            self._refuse_beside_suite(store)
            return self._switched(store, repository, SwitchOptions(branch, left, since, seconds))

    def _switched(self, store: Store, repository: Repository, options: SwitchOptions) -> GitSynced:
        """Switch between hooks, which run while no lock is held."""
        from dataclasses import replace

        from snapstore.actions.switch import switch, would_change

        with self.hooks.around(lambda: would_change(store, self.project, options)) as telling:
            done = switch(store, self.project, repository, options, self.progress)
            telling.changed = done.restored is not None and done.restored.changed
        return replace(done, warnings=(*done.warnings, *telling.warnings), hooks=tuple(telling.runs))

    def deleted_branches(self, store: Store) -> dict[str, str]:
        """Return the states of branches that were deleted, by tag; none where Git cannot say so for sure."""
        from snapstore.actions.branch_owner import states
        from snapstore.git.repository import CONFIGURATION
        from snapstore.history.branch_names import branch_of

        kept = [ref for ref in states(store, self.project.origin) if not ref.pinned]
        if not kept:
            return {}
        try:
            repository = self._repository()
            if repository.setting(CONFIGURATION) != self._configuration_in(repository):
                return {}
            there, renamed = repository.branches(), repository.renamed()
        except SnapError as error:
            self._say(f"states of branches stay: {error}")
            return {}
        holder = self._holder(repository, [])
        gone = [ref for ref in kept if not {branch_of(ref.name), renamed.get(branch_of(ref.name))} & there]
        return {ref.name: ref.snapshot for ref in gone if self._shown(branch_of(ref.name)) != holder}

    def _repository(self) -> Repository:
        from snapstore.git.repository import Repository

        return Repository.outside_hooks(self.locations.folder, self.locations.environ)

    def _configuration_in(self, repository: Repository) -> str:
        """Return the path of the configuration, relative to the top of the worktree. Raises CannotFollow."""
        from snapstore.git.repository import is_within

        path = self.locations.config_path
        if path is None:
            raise CannotFollow("there is no snapstore.yaml", "'snap init' writes one; every worktree has its own")
        path = os.path.abspath(path)
        if not is_within(os.path.dirname(path), repository.top):
            raise CannotFollow(
                f"'{path}' lies outside the worktree", "every worktree has to have its own snapstore.yaml"
            )
        return os.path.join(
            os.path.relpath(os.path.realpath(os.path.dirname(path)), repository.top), os.path.basename(path)
        ).removeprefix("./")

    def _begin(self, repository: Repository) -> None:
        """Note that the databases belong to the branch that is checked out, where nothing else is known."""
        from snapstore.actions.branch_owner import ownership
        from snapstore.errors import BadName
        from snapstore.git.repository import SINCE
        from snapstore.history.branch_names import state_name

        branch = repository.branch
        if branch is None or repository.is_busy:
            return
        since = repository.setting(SINCE) or ""
        with self.new_store() as store:
            if ownership(store, self.project, since, self.seconds(None)).name is None:
                try:
                    store.branches.add(self.project.origin, state_name(branch))
                except BadName as error:
                    self._say(f"warning: the state of this branch cannot be kept: {error}")

    def _holder(self, repository: Repository, warnings: list[str]) -> str | None:
        """Return the branch that the databases belong to, None where it is not known or cannot be found out now."""
        from snapstore.actions.branch_owner import ownership
        from snapstore.git.repository import SINCE
        from snapstore.history.branch_names import shown

        since = repository.setting(SINCE) or ""
        try:
            found = ownership(self.store(), self.project, since, self.seconds(None))
        except NoStore:
            return None
        except (DatabaseLocked, DatabaseUnusable, StoreLocked) as error:
            warnings.append(f"whose the databases are cannot be found out: {error}")
            return None
        name = found.arrival.row.name if found.arrival else found.name
        return shown(name) if name else None

    def _states(self, repository: Repository) -> Iterator[BranchState]:
        from snapstore.actions.branch_owner import states
        from snapstore.history.branch_names import branch_of

        try:
            kept: list[Ref] = states(self.store(), self.project.origin)
        except NoStore:
            return
        from snapstore.results.branches import BranchState

        there = repository.branches()
        for ref in kept:
            branch = branch_of(ref.name)
            yield BranchState(
                self._shown(branch) or "", ref.name, ref.snapshot, ref.updated, ref.pinned, branch in there
            )

    def _refuse_tracked(self, repository: Repository) -> None:
        """Raise CannotFollow for a database that Git itself switches."""
        if tracked := repository.tracked(self.project.databases.values()):
            raise CannotFollow(f"Git keeps '{tracked[0]}' itself", _UNTRACK)

    def _refuse_beside_suite(self, store: Store) -> None:
        """Raise RunInProgress while a suite runs on the databases."""
        from snapstore.suite.mark import refuse_beside_run

        refuse_beside_run(store, self.project)

    @staticmethod
    def _shown(branch: str | None) -> str | None:
        from snapstore.files import storable

        return storable(branch) if branch is not None else None

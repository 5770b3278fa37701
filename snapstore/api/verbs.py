"""The verbs: what both `Snapstore`, in this process, and `Session`, through a child process, can do.

The methods of a session are derived from this class, with their parameters and the help for each. Nothing but results
is imported, so that a client needs no SQLite library.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol

from snapstore.api.limits import ROWS_OF_DIFF, ROWS_OF_QUERY, ROWS_OF_VERIFY
from snapstore.results.answers import Answer, Exported
from snapstore.results.applies import Applied
from snapstore.results.branches import GitInstalled, GitStatus, GitSynced, GitUninstalled
from snapstore.results.checks import Checked
from snapstore.results.cleans import Cleaned
from snapstore.results.diffs import Diff, Suggestions
from snapstore.results.findings import Examined
from snapstore.results.names import Deleted, Moved, Removal, Tag
from snapstore.results.prunes import BroughtBack, Pruned
from snapstore.results.remotes import (
    Fetched,
    FetchedAll,
    Pulled,
    Pushed,
    RemoteAdded,
    RemoteChecked,
    RemotePruned,
    RemoteRemoved,
    Remotes,
    RemoteTags,
)
from snapstore.results.reports import Report
from snapstore.results.restores import Restored
from snapstore.results.sessions import Info, Released
from snapstore.results.snapshots import Listed, Shown, Taken
from snapstore.results.statuses import Status
from snapstore.results.stores import Stores
from snapstore.results.suites import SuiteBegun, SuiteEnded, TestBegun, TestEnded, TestFailed
from snapstore.results.verdicts import Verified

PathLike = str | os.PathLike[str]

# Parameters that several verbs have, each with its help.
Rev = Annotated[str, "a revision"]
OrBase = Annotated[str | None, "a revision; by default the baseline, or HEAD where none is configured"]
Message = Annotated[str | None, "what the state is"]
OnlyDb = Annotated[str | None, "one of several databases"]
Force = Annotated[bool, "pass the guards that `--force` passes"]
DryRun = Annotated[bool, "report what would be done, and change nothing"]
Ignore = Annotated[bool, "leave out what the configuration ignores"]
OnRemote = Annotated[str | None, "the name of a remote; by default the default one"]
Timeout = Annotated[float | None, "how long to wait for locks; by default as long as configured"]


class Verbs(Protocol):
    """All verbs. Each raises what is in `snapstore.errors`."""

    def tag(
        self,
        name: Annotated[str, "the name"],
        rev: Annotated[str | None, "the snapshot to name; by default one is taken of the live databases"] = None,
        *,
        message: Message = None,
        new: Annotated[bool, "refuse a name that exists"] = False,
        pin: Annotated[bool, "protect the name"] = False,
        force: Force = False,
        timeout: Timeout = None,
    ) -> Taken:
        """Take a snapshot of the live databases and name it, or name the snapshot `rev`."""

    def backup(self, *, message: Message = None, force: Force = False, timeout: Timeout = None) -> Taken:
        """Take the snapshot that `restore` brings back by default, under the backup's name."""

    def delete_backup(self, *, force: Force = False) -> Deleted:
        """Remove the backup's name."""

    def restore(
        self,
        rev: Annotated[
            str | None, "a revision; by default the backup while a suite is under way, else the baseline"
        ] = None,
        *,
        to: Annotated[PathLike | None, "write a copy to this path, and leave the live databases alone"] = None,
        only_db: OnlyDb = None,
        safety: Annotated[bool, "keep the present state, so that the restore can be undone"] = True,
        force: Force = False,
        dry_run: DryRun = False,
        timeout: Timeout = None,
    ) -> Restored:
        """Bring a snapshot back under open connections."""

    def undo(self, *, timeout: Timeout = None) -> Restored:
        """Take back the last restore, clean or undo."""

    def reset(self, *, timeout: Timeout = None) -> Restored:
        """Bring back the backup or the newest intact snapshot, whatever state the file is in."""

    def status(self, *, timeout: Timeout = None) -> Status:
        """Compare the live databases with the baseline, or with HEAD where none is configured."""

    def verify(
        self,
        rev: OrBase = None,
        *,
        label: Annotated[str | None, "what was run, for the record"] = None,
        strict: Annotated[bool, "fail where anything moved, though the rows are equal"] = False,
        restore_on_fail: Annotated[bool, "keep the failing state and restore the snapshot"] = False,
        by_bytes: Annotated[bool, "compare every page with the stored bytes, and no ids"] = False,
        rows: Annotated[int, "how many rows are named at most, of each database"] = ROWS_OF_VERIFY,
        timeout: Timeout = None,
    ) -> Verified:
        """Compare the live databases with a snapshot, and name the rows that differ."""

    def diff(
        self,
        a: Annotated[str | None, "a revision, `live` or `A..B`; by default the baseline, else HEAD"] = None,
        b: Annotated[str | None, "a revision or `live`; `live` by default"] = None,
        *,
        test: Annotated[str | None, "a test on record: what it began with, and what it left"] = None,
        tables: Annotated[Sequence[str], "names or globs that narrow it"] = (),
        limit: Annotated[int, "rows of each table at most, 0 for all"] = ROWS_OF_DIFF,
        ignore: Ignore = True,
        timeout: Timeout = None,
    ) -> Diff:
        """Compare two states row by row."""

    def suggest_ignore(
        self,
        a: Annotated[str | None, "a revision or `A..B`; by default the baseline, else HEAD"] = None,
        b: Annotated[str | None, "a later one, or `live`; `live` by default"] = None,
        *,
        of_tests: Annotated[bool, "propose rules for what every test of the last suite left"] = False,
        ignore: Ignore = True,
        timeout: Timeout = None,
    ) -> Suggestions:
        """Propose rules for what differs in run after run, from one state to another, or for what every test leaves."""

    def clean(
        self,
        rev: OrBase = None,
        *,
        keep: Annotated[Sequence[str], "tables to leave alone, names or globs"] = (),
        force: Force = False,
        dry_run: DryRun = False,
        timeout: Timeout = None,
    ) -> Cleaned:
        """Return the rows that differ to what a snapshot holds, and write nothing else."""

    def apply(
        self,
        file: Annotated[PathLike, "the path of a patch, which `snap diff --format sql` wrote"],
        *,
        only_db: OnlyDb = None,
        dry_run: DryRun = False,
        timeout: Timeout = None,
    ) -> Applied:
        """Apply a patch to a live database, all of it or nothing; it can be undone."""

    def query(
        self,
        rev: Annotated[str, "a revision or `live`"],
        sql: Annotated[str, "one SELECT"],
        *,
        only_db: OnlyDb = None,
        limit: Annotated[int, "rows at most, 0 for all"] = ROWS_OF_QUERY,
        timeout: Annotated[float | None, "how long to wait for locks, and how long the statement may run"] = None,
    ) -> Answer:
        """Run one SELECT on a snapshot or the live database."""

    def log(
        self,
        number: Annotated[int | None, "that many at most"] = None,
        *,
        everything: Annotated[bool, "automatic snapshots without a name and forgotten ones too"] = False,
        rev: Annotated[str | None, "`A..B`: taken after A, up to B; or one revision: up to it"] = None,
    ) -> list[Listed]:
        """List the snapshots, the newest first."""

    def tags(self) -> list[Listed]:
        """List the tags, by name."""

    def reflog(self, name: Annotated[str | None, "a tag; the live databases by default"] = None) -> list[Moved]:
        """List where the live databases were, or where a tag pointed, the newest first."""

    def show(self, rev: Rev) -> Shown:
        """Show what a snapshot holds: tables with row counts, sizes, content id, origin."""

    def export(
        self,
        rev: Rev,
        file: Annotated[PathLike, "the path to write to"],
        *,
        only_db: OnlyDb = None,
        force: Force = False,
        with_files: Annotated[bool, "write the files too, into a folder `FILE.files`"] = False,
    ) -> Exported:
        """Write a snapshot as a SQLite database of its own."""

    def import_(
        self,
        file: Annotated[PathLike, "the path of a SQLite database"],
        *,
        name: Annotated[str | None, "the name to give to the snapshot"] = None,
        only_db: Annotated[str | None, "the database that it is a state of; `default` by default"] = None,
        message: Message = None,
        force: Force = False,
        with_files: Annotated[bool, "take the files in the folder `FILE.files` too"] = False,
        timeout: Timeout = None,
    ) -> Taken:
        """Take a SQLite file from elsewhere into the store; the live databases are left alone."""

    def pin(self, name: Annotated[str, "a tag"]) -> Tag:
        """Protect a tag from being moved or removed."""

    def unpin(self, name: Annotated[str, "a tag"]) -> Tag:
        """Let a tag be moved and removed again."""

    def rename(self, old: Annotated[str, "a tag"], new: Annotated[str, "a name that does not exist"]) -> Tag:
        """Give a tag another name."""

    def rm(self, *revs: Annotated[str, "tags, or ids of snapshots"], force: Force = False) -> Removal:
        """Remove tags, and forget snapshots that are given by id: all of them, or none."""

    def prune(
        self,
        *,
        keep_last: Annotated[int | None, "keep the newest, that many"] = None,
        keep_hourly: Annotated[int | None, "keep the newest of each of that many hours"] = None,
        keep_daily: Annotated[int | None, "keep the newest of each of that many days"] = None,
        keep_weekly: Annotated[int | None, "keep the newest of each of that many weeks"] = None,
        keep_monthly: Annotated[int | None, "keep the newest of each of that many months"] = None,
        keep_yearly: Annotated[int | None, "keep the newest of each of that many years"] = None,
        keep_within: Annotated[str | None, "keep what is at most so much older than the newest: `7d`"] = None,
        keep_tags: Annotated[Sequence[str], "keep tags that match a glob; with `tags`"] = (),
        tags: Annotated[bool, "let the rules decide about tagged snapshots too"] = False,
        grace: Annotated[
            str | None, "how long what is forgotten can be brought back: `14d`; `0` for not at all"
        ] = None,
        all_projects: Annotated[bool, "apply the rules to each project of the store"] = False,
        gone: Annotated[
            str | None, "also forget projects whose databases have not been there for so long: `7d`"
        ] = None,
        dry_run: DryRun = False,
        timeout: Timeout = None,
    ) -> Pruned:
        """Forget the snapshots that no rule keeps, and free what nothing needs; without rules, as configured."""

    def stores(
        self,
        *,
        remove: Annotated[Sequence[str], "paths of stores to remove, whose databases are all gone"] = (),
        force: Annotated[bool, "remove them whatever they hold"] = False,
        timeout: Timeout = None,
    ) -> Stores:
        """List the stores of this user and the one in force, with their projects; remove some before."""

    def undo_prune(self) -> BroughtBack:
        """List the snapshots again that were forgotten last."""

    def remotes(self) -> Remotes:
        """List the remotes of the configuration, with what is known of them from the last contact."""

    def add_remote(
        self,
        name: Annotated[str, "what it is to be called"],
        url: Annotated[str, "the URL of object storage, or the path of a folder"],
        *,
        endpoint: Annotated[str | None, "the server, if it is not the provider's own"] = None,
        region: Annotated[str | None, "the region of the bucket"] = None,
        profile: Annotated[str | None, "a profile of the AWS configuration to take credentials from"] = None,
        allow_http: Annotated[bool, "let the endpoint be one without TLS"] = False,
        unsafe_single_writer: Annotated[bool, "take a server that overwrites: one machine alone may push"] = False,
        read_only: Annotated[bool, "never push there"] = False,
        project: Annotated[str | None, "the project that it is, or becomes, a remote of"] = None,
    ) -> RemoteAdded:
        """Add a remote to the configuration once it has answered; it is created where nothing is."""

    def remove_remote(self, name: Annotated[str, "a remote"]) -> RemoteRemoved:
        """Take a remote out of the configuration; nothing is deleted there."""

    def accept_remote(
        self,
        name: Annotated[str | None, "a remote; the default one by default"] = None,
        *,
        unsigned: Annotated[bool, "also if its newest entry is signed by none of its signers"] = False,
    ) -> Fetched:
        """Take a remote as it is now, after its log was replaced or rewound."""

    def git_install(self) -> GitInstalled:
        """Have the databases follow the branches of the Git repository that the configuration lies in."""

    def git_uninstall(self) -> GitUninstalled:
        """Remove the hook; the states of branches stay."""

    def git_status(self) -> GitStatus:
        """Report the hook, whose the databases are, and which branches have a state."""

    def git_sync(self, *, timeout: Timeout = None) -> GitSynced:
        """Keep the live state for its branch, and bring back that of the branch that is checked out."""

    def fsck(
        self,
        *,
        quick: Annotated[bool, "do not read the objects themselves"] = False,
        rebuild: Annotated[bool, "rebuild the catalog from packs and reflog first"] = False,
        heal: Annotated[bool, "store damaged objects again first, where they are intact elsewhere"] = False,
        timeout: Timeout = None,
    ) -> Checked:
        """Check the store: catalog, packs, every object, every snapshot."""

    def doctor(
        self, *, remotes: Annotated[bool, "ask the configured remotes, too: rights, clock, conditions"] = False
    ) -> Examined:
        """Examine the setup: environment, configuration, databases, store, locks, permissions, disk space."""

    def report(
        self, *, since: Annotated[str | None, "a date such as `2026-01-31`, or an age such as `7d`"] = None
    ) -> Report:
        """Measure how often cleanup and restore worked, which tests leak, and how long it takes."""

    def begin_suite(
        self,
        name: Annotated[str, "what is run, for the ledger"],
        *,
        command: Annotated[str | None, "the command line, for the ledger; the name by default"] = None,
        baseline: Annotated[
            str | None,
            "the state to start from, by default as configured; any other is kept, and this one restored;"
            " empty for the present state, so that nothing is compared with the configured one",
        ] = None,
        take_baseline: Annotated[
            bool | None, "make the present state the baseline if it does not exist; by default only a configured one"
        ] = None,
        mode: Annotated[str | None, "`hybrid`, `backup` or `cleanup`, by default as configured; or `chain`"] = None,
        backup_name: Annotated[str | None, "the backup's name; by default as configured"] = None,
        keep_backup: Annotated[bool | None, "leave the backup's name in place at the end"] = None,
        keep: Annotated[
            str | None, "whose states get a name: `failed` tests, also those that `left` something, `never`"
        ] = None,
        run: Annotated[str | None, "which run of a test runner this is: its suites are one in the ledger"] = None,
        resume: Annotated[bool, "go on with the suite of this run if it has not ended; the state stays"] = False,
        quiet: Annotated[
            float | str | None, "how long nobody may write before a test is verified; `auto` verifies at once"
        ] = None,
        verdicts: Annotated[
            Mapping[str, str] | None, "what follows from each verdict: `pass`, `warn`, `fail` or `restore`"
        ] = None,
    ) -> SuiteBegun:
        """Begin a suite: repair one that died, go to the baseline, take the backup."""

    def begin_test(
        self,
        label: Annotated[str, "which test, for the ledger"],
        *,
        scenario: Annotated[str | None, "a kind of test that the report counts together"] = None,
        again: Annotated[bool, "a retry: in a chain, restore what the last attempt began with"] = False,
    ) -> TestBegun:
        """Note that a test begins; one that was not ended is ended first."""

    def fail_test(
        self,
        label: Annotated[
            str | None, "which test, by default the one that runs; needed if no suite of this session does"
        ] = None,
        *,
        rev: Annotated[str | None, "a snapshot that has the state; by default that of the live databases"] = None,
    ) -> TestFailed:
        """Keep the state now as that of a failed test, before anything is torn down; else its end does so."""

    def end_test(
        self,
        outcome: Annotated[str, "`passed`, `failed`, `skipped` or `interrupted`"] = "passed",
        *,
        seconds: Annotated[float | None, "how long the test took"] = None,
        verdicts: Annotated[
            Mapping[str, str] | None, "what follows from each verdict for this test, in place of the suite's"
        ] = None,
        leaks: Annotated[
            str | None, "`fail` records a test that left something as failed, though its outcome is `passed`"
        ] = None,
        keep: Annotated[str | None, "`failed`, `left` or `never` for this test, in place of the suite's"] = None,
    ) -> TestEnded:
        """End a test: clean up, verify, and restore where the policy asks for it."""

    def end_suite(
        self,
        exit_code: Annotated[int | None, "that of the test runner"] = None,
        *,
        outcome: Annotated[
            str | None, "`passed`, `failed` or `interrupted`; by default what exit code and tests say"
        ] = None,
        pause: Annotated[bool, "leave state and backup as they are, for a suite of this run that resumes"] = False,
    ) -> SuiteEnded:
        """End the suite: the last test, the backup, the ledger."""

    def push(
        self,
        revs: Annotated[Sequence[str], "tags, `TAG:REMOTE_TAG` or `REV:REMOTE_TAG`; by default those configured"] = (),
        *,
        remote: OnRemote = None,
        everything: Annotated[bool, "all tags"] = False,
        delete: Annotated[Sequence[str], "names to remove on the remote"] = (),
        force: Force = False,
        dry_run: DryRun = False,
        timeout: Timeout = None,
    ) -> Pushed:
        """Make names of a remote point to snapshots of the store, and upload what they need."""

    def fetch(self, remote: OnRemote = None, *, timeout: Timeout = None) -> Fetched:
        """Read what is new in the log of a remote."""

    def fetch_all(self, *, timeout: Timeout = None) -> FetchedAll:
        """Fetch from all remotes."""

    def pull(
        self,
        tags: Annotated[Sequence[str], "tags of the remote; by default those configured, or the baseline"] = (),
        *,
        remote: OnRemote = None,
        everything: Annotated[bool, "all tags"] = False,
        force: Force = False,
        timeout: Timeout = None,
    ) -> Pulled:
        """Download what names of a remote point to, and make the same names of the store point there."""

    def prune_remote(
        self,
        remote: OnRemote = None,
        *,
        keep_last: Annotated[int | None, "keep the tags of the newest, that many"] = None,
        keep_hourly: Annotated[int | None, "keep the newest of each of that many hours"] = None,
        keep_daily: Annotated[int | None, "keep the newest of each of that many days"] = None,
        keep_weekly: Annotated[int | None, "keep the newest of each of that many weeks"] = None,
        keep_monthly: Annotated[int | None, "keep the newest of each of that many months"] = None,
        keep_yearly: Annotated[int | None, "keep the newest of each of that many years"] = None,
        keep_within: Annotated[str | None, "keep what is at most so much older than the newest: `7d`"] = None,
        keep_tags: Annotated[Sequence[str], "keep tags that match a glob"] = (),
        grace: Annotated[str | None, "how long what is not needed stays: `14d`, at least `1d`"] = None,
        at_once: Annotated[bool, "delete it now; a pull that is under way may fail"] = False,
        dry_run: DryRun = False,
        timeout: Timeout = None,
    ) -> RemotePruned:
        """Remove the tags of a remote that no rule keeps, and delete what no tag needs; without rules, no tag goes."""

    def fsck_remote(
        self,
        remote: OnRemote = None,
        *,
        quick: Annotated[bool, "do not read the packs"] = False,
        heal: Annotated[bool, "upload again what the store has of damaged packs"] = False,
        timeout: Timeout = None,
    ) -> RemoteChecked:
        """Check a remote: its log, that every pack and index is there, and that every tag can be pulled."""

    def remote_tags(self, remote: OnRemote = None) -> RemoteTags:
        """List the tags of a remote, as they were at the last contact."""

    def info(self) -> Info:
        """Report version, process, places, how changes of the databases are tracked, and methods."""

    def release(self) -> Released:
        """Close the connections to the databases, and the store unless a suite runs, for what needs them alone."""


METHODS = tuple(sorted(name.removesuffix("_") for name in vars(Verbs) if not name.startswith("_")))
"""The names of all verbs, as a session calls its methods."""

/** Numbers of rows by what happened to them. */
export interface Counts {
  added: number;
  removed: number;
  changed: number;
}
export interface RowChange {
  table: string;
  key: { [name: string]: unknown };
  change: 'added' | 'removed' | 'changed';
  before: { [name: string]: unknown } | null;
  after: { [name: string]: unknown } | null;
  columns?: string[];
  /** What people know the row by, such as its name. */
  label?: string | null;
}
export interface Leak {
  table: string;
  key: { [name: string]: unknown };
  under: { [name: string]: number };
  of?: { table: string; key: { [name: string]: unknown } } | null;
}
export interface KeyRange {
  first: { [name: string]: unknown };
  last: { [name: string]: unknown };
  rows: number;
}
/** The rows of a table that were left behind, or are gone, with what refers to them and what they refer to. */
export interface LeftBehind {
  table: string;
  rows: number;
  keys: KeyRange[];
  under: { [name: string]: number };
  of: { [name: string]: KeyRange[] };
  /** What people know the first few of them by, such as their names. */
  labels?: string[];
}
export interface SchemaChange {
  type: string;
  name: string;
  table: string;
  change: string;
  before: string | null;
  after: string | null;
}
export interface VerifiedDatabase {
  verdict: Verdict;
  tables: { [name: string]: Counts };
  rows: RowChange[];
  leaks: Leak[];
  left_behind?: LeftBehind[];
  gone?: LeftBehind[];
  schema: SchemaChange[];
  drift: { [name: string]: unknown };
  compared_with?: Against | null;
  /** The virtual table of each table in `tables` that only its module writes to. */
  derived?: { [name: string]: string };
}
export interface FileState {
  kind: 'file' | 'folder' | 'link';
  mode: number;
  time: number;
  bytes: number;
  content: string | null;
  target: string | null;
}
export interface FileChange {
  path: string;
  change: 'added' | 'removed' | 'changed' | 'drifted';
  before: FileState | null;
  after: FileState | null;
}
/** A folder, or a single file, of `files` in snapstore.yaml. */
export interface VerifiedFiles {
  path: string;
  verdict: Verdict;
  added: number;
  removed: number;
  changed: number;
  /** Entries whose mode or time alone differs. */
  drifted: number;
  paths: FileChange[];
  paths_left_out: number;
}
/** The snapshot that a verdict is against: as it was asked for, its id, and its tags. */
export interface Against {
  rev: string;
  snapshot: string;
  names: string[];
}
export type Verdict = 'clean' | 'drifted' | 'leaked' | 'damaged' | 'schema-changed' | 'unreadable' | 'unknown';
export interface Found {
  verdict: Verdict | null;
  /** Whether the check or the test passes. */
  ok: boolean;
  /** Whether the state is right now; null where nobody looked. */
  state_ok: boolean | null;
  restored: boolean;
  databases: { [name: string]: VerifiedDatabase };
  compared_with?: Against | null;
  /** What was found after a restore; null and empty if there was none. */
  verdict_after?: Verdict | null;
  databases_after?: { [name: string]: VerifiedDatabase };
  files?: { [name: string]: VerifiedFiles };
  files_after?: { [name: string]: VerifiedFiles };
  /** The states that the test failed with. */
  kept?: KeptState[];
}
/** The state that a test failed with: `snapstore restore NAME` brings it back. */
export interface KeptState {
  name: string;
  snapshot: string;
  label: string;
  /** What the test began with; null if that is not known. */
  began_with: Against | null;
  /** Where it is pushed at the end of the suite, and its name there; null where it is not. */
  remote?: string | null;
  remote_name?: string | null;
}
/** A test that was said to have failed: the state that was kept, or why it was not. */
export interface TestFailed {
  label: string;
  kept: KeptState | null;
  problem: string | null;
}
export interface Verified extends Found {
  against: string;
  forensic: string | null;
  seconds: number;
}
export interface TestEnded extends Found {
  label: string;
  outcome: string;
  verdict_after: Verdict | null;
  forensic: string | null;
  tables_after?: { [name: string]: { [name: string]: Counts } };
}
export interface Taken {
  snapshot: string;
  name: string;
  created: string;
  unchanged: boolean;
  skipped?: boolean;
  seconds: number;
}
export interface Restored {
  snapshot: string;
  changed: boolean;
  safety: string | null;
  databases: { [name: string]: { method: 'in-place' | 'replaced' | 'none'; pages_written: number; pages: number } };
  skipped?: boolean;
  seconds: number;
}
export interface Skipped {
  skipped: true;
}
/** A hook of snapstore.yaml that ran around a restore. */
export interface HookRun {
  when: 'before_restore' | 'after_restore';
  kind: 'run' | 'http' | 'signal';
  what: string;
  ok: boolean;
  detail: string;
  seconds: number;
  required: boolean;
  attempts: number;
}
export interface SuiteBegun {
  /** What was repaired; `found` says it in words, `forensic` is the snapshot of the state before. */
  repaired: { what: string; verdict: string; forensic: string | null; found: string }[];
  left_alone: string[];
  notes: string[];
  hooks?: HookRun[];
  /** Whether a paused suite goes on. */
  resumed?: boolean;
}
/** What a suite ended with: `text` in words, `restored` if the content of the backup was restored. */
export interface SuiteState {
  verdict: Verdict;
  text: string;
  restored: boolean;
  verdict_after: Verdict | null;
  kept: string | null;
  tables: { [name: string]: { [name: string]: Counts } };
  compared_with?: Against | null;
}
export interface SuiteEnded {
  ok: boolean;
  cleanup_failed: boolean;
  tests: TestEnded[];
  state: SuiteState | null;
  late: Late[];
  hooks: HookRun[];
  paused?: boolean;
  /** The names of the states that tests of the run failed with. */
  kept?: string[];
}
/** Rows written after a test was verified, and taken back; `after` is the test. */
export interface Late {
  after: string;
  verdict: Verdict;
  text: string;
  tables: { [name: string]: { [name: string]: Counts } };
  kept: string | null;
  state_ok: boolean;
}
export interface TestBegun {
  label: string;
  unfinished: TestEnded[];
  late: Late | null;
  /** What a test of a chain begins with, and whether that was restored for a retry. */
  snapshot?: string | null;
  brought_back?: boolean;
}
export interface Listed {
  snapshot: string;
  names: string[];
  created: string;
  message: string;
  pinned: boolean;
}
export type Parameters = { [name: string]: unknown };

/** Where the command, the databases and the store are. */
export interface Places {
  /** The command, as words or as a line: `docker exec -i backend snapstore`. Default: SNAPSTORE_COMMAND, `snapstore`. */
  command?: string | string[];
  /** The folder that the command runs in. */
  cwd?: string;
  /** The configuration file; the nearest `snapstore.yaml` otherwise. */
  config?: string;
  /** The database, if no configuration names it; `{worker}` stands for the number of the worker. */
  db?: string;
  /** The store; E2E_BACKUP_PATH otherwise. That of a worker lies inside it. */
  store?: string;
  /** The worker that has `db` as its own copy of the configuration's database; set where `db` has `{worker}`. */
  worker?: string;
  /** Prefixes of paths here, and what the command has in their place. */
  paths?: { [name: string]: string };
  env?: { [name: string]: string | undefined };
  /** Show the session's standard error; E2E_DEBUG otherwise. */
  verbose?: boolean;
}
export interface SuiteOptions {
  /** The state to start from. */
  baseline?: string | null;
  /** `chain`: each test begins with what the one before left, a retry with what its failed attempt began with. */
  mode?: 'hybrid' | 'backup' | 'cleanup' | 'chain';
  /** What to do about each verdict. */
  verdicts?: { [verdict in Verdict]?: 'pass' | 'warn' | 'fail' | 'restore' };
  /** Seconds without a write before a test is verified; `auto` (the default) verifies at once, and again after a commit. */
  quiet?: number | 'auto';
  keepBackup?: boolean;
  /** Whose failing states get a name: `failed` tests, also those that `left` something, or none. */
  keep?: 'failed' | 'left' | 'never';
  /** The run of a test runner: all suites of it are one suite in the report. */
  run?: string;
  /** Go on with the suite of that run if it was paused; the state stays as it is. */
  resume?: boolean;
}
/** Your own cleanup, through the page or the API; one that throws is tried again. */
export type Cleanup<Page = any> = (page: Page) => unknown;
export interface Options extends Places, SuiteOptions {
  cleanup?: Cleanup | Cleanup[];
  /** How many times a cleanup that throws is tried in all. */
  attempts?: number;
}
export interface CleanupResult extends Found {
  errors: Error[];
  /** The rows that were restored, by database and table, if no cleanup was given. */
  removed: { [name: string]: { [name: string]: Counts } };
  report: string;
}
export interface TornDown extends Found {
  errors: Error[];
  report: string;
}

export class SnapstoreError extends Error {
  readonly code: string;
  readonly hint: string | null;
  readonly exitCode: number | null;
  readonly fields: { [name: string]: unknown };
}

export class Session {
  constructor(options?: Places);
  readonly pid: number | undefined;
  readonly inSuite: boolean;
  call<T = any>(method: string, parameters?: Parameters): Promise<T>;
  tag(name: string, options?: Parameters): Promise<Taken>;
  backup(options?: Parameters): Promise<Taken>;
  deleteBackup(options?: Parameters): Promise<{ name: string; snapshot: string; skipped?: boolean }>;
  restore(rev?: string | null, options?: Parameters): Promise<Restored>;
  undo(): Promise<Restored>;
  reset(): Promise<Restored>;
  status(): Promise<{ state_ok: boolean; verdict: Verdict; databases: { [name: string]: unknown } }>;
  verify(rev?: string | null, options?: Parameters): Promise<Verified>;
  diff(a?: string | null, b?: string | null, options?: Parameters): Promise<any>;
  clean(rev?: string | null, options?: Parameters): Promise<any>;
  query(
    rev: string,
    sql: string,
    options?: Parameters,
  ): Promise<{ columns: string[]; rows: unknown[][]; truncated: boolean }>;
  tags(): Promise<Listed[]>;
  log(options?: Parameters): Promise<Listed[]>;
  show(rev: string): Promise<any>;
  export(rev: string, file: string, options?: Parameters): Promise<{ path: string; bytes: number }>;
  beginSuite(name: string, options?: Parameters): Promise<SuiteBegun>;
  beginTest(label: string, options?: Parameters): Promise<TestBegun>;
  failTest(label?: string, options?: { rev?: string }): Promise<TestFailed>;
  endTest(outcome?: string, options?: Parameters): Promise<TestEnded>;
  endSuite(options?: Parameters): Promise<SuiteEnded>;
  /** The differences of two snapshots as a page of HTML. */
  diffPage(a: string, b: string, title: string): Promise<string>;
  info(): Promise<{
    version: string;
    pid: number;
    store: string;
    backup_name: string;
    databases: { [name: string]: { path: string; tracking: string } };
  }>;
  close(): Promise<void>;
}

export class Suite {
  constructor(
    session: Session,
    options?: SuiteOptions & { env?: { [name: string]: string | undefined }; ownDatabase?: boolean },
  );
  readonly isOff: boolean;
  readonly isInsideRun: boolean;
  backup(): Promise<string | null>;
  begin(name: string): Promise<SuiteBegun>;
  beginTest(label: string, options?: { scenario?: string; again?: boolean }): Promise<TestBegun | null>;
  /**
   * Keep the state of the test that runs, which has just failed; `label` names a part of it that did. With `rev`, the
   * snapshot has the state.
   */
  failTest(label?: string, options?: { rev?: string }): Promise<TestFailed>;
  endTest(
    outcome?: string,
    seconds?: number,
    leaks?: 'fail' | 'warn' | 'pass',
    keep?: 'failed' | 'left' | 'never',
  ): Promise<Found>;
  end(options?: Parameters): Promise<SuiteEnded | null>;
  /** Leave it open, with its state, for another one of the same run that resumes it. */
  pause(): Promise<SuiteEnded | null>;
}

export function configure(options: Options): Promise<void>;
export function getSession(): Session;
export function closeSession(): Promise<void>;
export function backupDatabase(): Promise<Taken | Skipped>;
export function restoreDatabase(): Promise<Restored | Skipped>;
export function deleteBackup(): Promise<unknown>;
export function setupTestEnvironment(page?: unknown, options?: { name?: string }): Promise<SuiteBegun>;
export function teardownTestEnvironment(
  page?: unknown,
  options?: { cleanup?: Cleanup | Cleanup[]; outcome?: string },
): Promise<TornDown>;
export function enhancedCleanupTestData(
  page?: unknown,
  options?: { cleanup?: Cleanup | Cleanup[] },
): Promise<CleanupResult>;
export function emergencyReset(): Promise<Restored>;
export function backupName(session: Session): Promise<string>;
export function describe(found: Found): string;
export function hasWorker(options: Options): boolean;
export function isLeft(verdict: string | null | undefined): boolean;
export function placesOf(options: Options, worker?: number): Places;
export function workerIndex(env?: { [name: string]: string | undefined }): number;

/** Counts of rows by what happened to them. */
export interface Counts { added: number; removed: number; changed: number }
export interface RowChange {
  table: string;
  key: Record<string, unknown>;
  change: 'added' | 'removed' | 'changed';
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  columns?: string[];
}
export interface Leak {
  table: string;
  key: Record<string, unknown>;
  under: Record<string, number>;
  of?: { table: string; key: Record<string, unknown> } | null;
}
export interface SchemaChange { type: string; name: string; table: string; change: string; before: string | null; after: string | null }
export interface VerifiedDatabase {
  verdict: Verdict;
  tables: Record<string, Counts>;
  rows: RowChange[];
  leaks: Leak[];
  schema: SchemaChange[];
  drift: Record<string, unknown>;
}
export type Verdict = 'clean' | 'drifted' | 'leaked' | 'damaged' | 'schema-changed' | 'unreadable' | 'unknown';
export interface Found {
  verdict: Verdict | null;
  ok: boolean | null;
  restored: boolean;
  databases: Record<string, VerifiedDatabase>;
}
export interface Verified extends Found { ok: boolean; against: string; forensic: string | null; seconds: number }
export interface TestEnded extends Found { label: string; outcome: string; decision: string; final: Verdict | null; forensic: string | null }
export interface Taken { snapshot: string; name: string; created: string; unchanged: boolean; skipped?: boolean; seconds: number }
export interface Restored {
  snapshot: string;
  changed: boolean;
  safety: string | null;
  databases: Record<string, { method: 'in-place' | 'replaced' | 'none'; pages_written: number; pages: number }>;
  skipped?: boolean;
  seconds: number;
}
export interface Skipped { skipped: true }
export interface SuiteBegun {
  repaired: { what: string; verdict: string; forensic: string | null }[];
  left_alone: string[];
  notes: string[];
}
export interface Listed { snapshot: string; names: string[]; created: string; message: string; pinned: boolean }
export type Parameters = Record<string, unknown>;

/** Where the command, the databases and the store are. */
export interface Places {
  /** The command, as words or as a line: `docker exec -i backend snapstore`. Default: SNAPSTORE_COMMAND, `snapstore`. */
  command?: string | string[];
  /** The folder that the command runs in. */
  cwd?: string;
  /** The configuration file; the nearest `snapstore.yaml` otherwise. */
  config?: string;
  /** The database, where no configuration names it; `{worker}` stands for the number of the worker. */
  db?: string;
  /** The store; E2E_BACKUP_PATH otherwise. */
  store?: string;
  /** Beginnings of paths here, and what the command calls them. */
  paths?: Record<string, string>;
  env?: NodeJS.ProcessEnv;
  /** Show what the session says on standard error; E2E_DEBUG otherwise. */
  verbose?: boolean;
}
export interface SuiteOptions {
  /** The state to start from. */
  baseline?: string | null;
  mode?: 'hybrid' | 'backup' | 'cleanup';
  /** What follows from each verdict. */
  verdicts?: Partial<Record<Verdict, 'pass' | 'warn' | 'fail' | 'restore'>>;
  /** Seconds without a write before a test is verified. */
  quiet?: number;
  keepBackup?: boolean;
}
/** A cleanup of your own, through the page or the API; one that throws is tried again. */
export type Cleanup<Page = any> = (page: Page) => unknown;
export interface Options extends Places, SuiteOptions {
  cleanup?: Cleanup | Cleanup[];
  /** How often a cleanup that throws is tried in all. */
  attempts?: number;
}
export interface CleanupResult extends Found {
  ok: boolean;
  errors: Error[];
  /** The rows that were put back, by database and table, where no cleanup was given. */
  removed: Record<string, Record<string, Counts>>;
  report: string;
}
export interface TornDown extends Found { errors: Error[]; report: string }

export class SnapstoreError extends Error {
  readonly code: string;
  readonly hint: string | null;
  readonly exitCode: number | null;
  readonly fields: Record<string, unknown>;
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
  status(): Promise<{ clean: boolean; databases: Record<string, unknown> }>;
  verify(rev?: string | null, options?: Parameters): Promise<Verified>;
  diff(a?: string | null, b?: string | null, options?: Parameters): Promise<any>;
  clean(rev?: string | null, options?: Parameters): Promise<any>;
  query(rev: string, sql: string, options?: Parameters): Promise<{ columns: string[]; rows: unknown[][]; truncated: boolean }>;
  tags(): Promise<Listed[]>;
  log(options?: Parameters): Promise<Listed[]>;
  show(rev: string): Promise<any>;
  export(rev: string, file: string, options?: Parameters): Promise<{ path: string; bytes: number }>;
  beginSuite(name: string, options?: Parameters): Promise<SuiteBegun>;
  beginTest(label: string, options?: Parameters): Promise<{ label: string; unfinished: TestEnded[] }>;
  endTest(outcome?: string, options?: Parameters): Promise<TestEnded>;
  endSuite(options?: Parameters): Promise<{ ok: boolean; cleanup_failed: boolean; tests: TestEnded[] }>;
  info(): Promise<{ version: string; pid: number; store: string; backup_name: string; databases: Record<string, { path: string; tracking: string }> }>;
  close(): Promise<void>;
}

export class Suite {
  constructor(session: Session, options?: SuiteOptions & { env?: NodeJS.ProcessEnv; ownDatabase?: boolean });
  readonly isOff: boolean;
  readonly isInsideRun: boolean;
  backup(): Promise<string | null>;
  begin(name: string): Promise<SuiteBegun>;
  beginTest(label: string, options?: { scenario?: string }): Promise<void>;
  endTest(outcome?: string, seconds?: number): Promise<Found>;
  end(options?: Parameters): Promise<unknown>;
}

export function configure(options: Options): Promise<void>;
export function getSession(): Session;
export function closeSession(): Promise<void>;
export function backupDatabase(): Promise<Taken | Skipped>;
export function restoreDatabase(): Promise<Restored | Skipped>;
export function deleteBackup(): Promise<unknown>;
export function setupTestEnvironment(page?: unknown, options?: { name?: string }): Promise<SuiteBegun>;
export function teardownTestEnvironment(page?: unknown, options?: { cleanup?: Cleanup | Cleanup[]; outcome?: string }): Promise<TornDown>;
export function enhancedCleanupTestData(page?: unknown, options?: { cleanup?: Cleanup | Cleanup[] }): Promise<CleanupResult>;
export function emergencyReset(): Promise<Restored>;
export function backupName(session: Session): Promise<string>;
export function describe(found: Found): string;
export function hasWorker(options: Options): boolean;
export function isLeft(verdict: string | null | undefined): boolean;
export function placesOf(options: Options, worker?: number): Places;
export function workerIndex(env?: NodeJS.ProcessEnv): number;

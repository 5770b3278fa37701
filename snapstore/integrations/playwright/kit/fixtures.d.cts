import type {
  PlaywrightTestArgs, PlaywrightTestOptions, PlaywrightWorkerArgs, PlaywrightWorkerOptions, TestType,
} from '@playwright/test';
import type { Options, Session, Suite, Verified } from './snapstore.cjs';

export interface SnapstoreOptions extends Options {
  /** A snapshot that a worker's own database is made of, where `db` has `{worker}`. */
  from?: string;
  /** The store of that snapshot, where it is not the configuration's. */
  fromStore?: string;
}
export interface SnapstoreWorkerFixtures {
  snapstore: SnapstoreOptions;
  /** The worker's session and suite, and the path of its database where the options name one. */
  database: { session: Session; suite: Suite; path: string | null };
}
export interface SnapstoreTestFixtures {
  /** What becomes of a test that leaves rows behind; they are put right all the same. Default: fail. */
  snapstoreLeaks: 'fail' | 'warn' | 'pass';
  /** The state of the database in this test. */
  databaseState: { session: Session; verify(): Promise<Verified> };
}
export { expect } from '@playwright/test';
export const test: TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & SnapstoreTestFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & SnapstoreWorkerFixtures
>;
export const configured: TestType<
  PlaywrightTestArgs & PlaywrightTestOptions,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & { snapstore: SnapstoreOptions }
>;
export function withSnapstore<T extends {}, W extends {}>(
  base: TestType<T, W>,
): TestType<T & SnapstoreTestFixtures, W & SnapstoreWorkerFixtures>;

import type {
  PlaywrightTestArgs,
  PlaywrightTestOptions,
  PlaywrightWorkerArgs,
  PlaywrightWorkerOptions,
  TestType,
} from '@playwright/test';
import type { Options, Session, Suite, Verified } from './snapstore.cjs';

export interface SnapstoreOptions extends Options {
  /** The snapshot that a worker's own database is made from, if `db` has `{worker}`. */
  from?: string;
  /** The store of that snapshot, if it is not the configuration's. */
  fromStore?: string;
  /**
   * How long a state lives, until it is verified and restored: for a `test` (the default), for the tests of a `file` or of
   * an outermost `describe` block, or for the whole run (`suite`).
   */
  scope?: 'test' | 'file' | 'describe' | 'suite';
}
export interface SnapstoreWorkerFixtures {
  snapstore: SnapstoreOptions;
  /** The worker's session and suite, and the path of its database if the options name one. */
  database: { session: Session; suite: Suite; path: string | null };
}
export interface SnapstoreTestFixtures {
  /** The outcome of a test that leaves rows behind; the state is restored in any case. Default: fail. */
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
  PlaywrightTestArgs & PlaywrightTestOptions & Pick<SnapstoreTestFixtures, 'snapstoreLeaks'>,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & { snapstore: SnapstoreOptions }
>;
/**
 * Let the tests of this file, or of the describe block around the call, share a state: it is verified and restored after
 * the last of them. Call it before other hooks. `leaks` is what follows if rows are left (default: fail).
 */
export function shareState(
  test: { beforeAll: Function; afterAll: Function },
  options?: { leaks?: 'fail' | 'warn' | 'pass'; name?: string },
): void;
export function withSnapstore<T extends {}, W extends {}>(
  base: TestType<T, W>,
): TestType<T & SnapstoreTestFixtures, W & SnapstoreWorkerFixtures>;

'use strict';
// The functions for an end-to-end suite against a real backend on SQLite, for Playwright, Cypress or plain Node:
// back up, restore under the running server, clean up, verify. All of them share one session, which starts with the
// first call and ends with this process.

const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Session, SnapstoreError } = require('./session.cjs');
const { Suite, backupName, isLeft, says } = require('./suite.cjs');
const { describe } = require('./report.cjs');
const { escaped, log, warn, warnOfRepairs } = require('./console.cjs');

const ATTEMPTS = 3; // of a cleanup that fails
const BACKOFF = 200; // milliseconds before the second attempt, twice as long each time

let options = {};
let session = null;
let suite = null;

/** Set options, before the first call: see `Options` in snapstore.d.cts. */
async function configure(given) {
  await closeSession();
  options = { ...given };
}

/** The session that all functions share. */
function getSession() {
  session ??= new Session(placesOf(options));
  return session;
}

/** End the shared session; the next call starts another one. */
async function closeSession() {
  const ending = session;
  [session, suite] = [null, null];
  await ending?.close();
}

/** Take the backup that `restoreDatabase` brings back. */
async function backupDatabase() {
  if (isOff()) return skipped('backup');
  const taken = await getSession().backup();
  debug(`backed up as ${taken.name}${taken.unchanged ? ', unchanged' : ''}`);
  return taken;
}

/** Restore the backup, under the open connections of the server. */
async function restoreDatabase() {
  if (isOff()) return skipped('restore');
  const restored = await getSession().restore();
  const pages = Object.values(restored.databases).reduce((sum, one) => sum + one.pages_written, 0);
  debug(`restored: ${pages} pages written`);
  return restored;
}

/** Remove the backup's name, if there is one. */
async function deleteBackup() {
  if (isOff()) return skipped('delete');
  try {
    return await getSession().deleteBackup();
  } catch (error) {
    if (!['no-snapshot', 'no-store'].includes(error.code)) throw error;
    debug('there is no backup to delete');
    return { skipped: true };
  }
}

/**
 * Begin a test environment: repair what a killed run left, and take the backup.
 * `page` is not used; it is there so that existing calls work.
 */
async function setupTestEnvironment(page = null, { name = 'test environment' } = {}) {
  if (suite) throw new SnapstoreError('a test environment is already set up', { code: 'out-of-order' });
  if (getSession().inSuite) return ofFixtures();
  const beginning = new Suite(getSession(), { ownDatabase: hasWorker(options), ...options });
  const begun = await beginning.begin(name);
  warnOfRepairs(begun, getSession());
  await beginning.beginTest(name);
  suite = beginning;
  return begun;
}

/** Leave suite and test to the fixtures, which verify and restore after the test. */
function ofFixtures() {
  suite = new Suite(getSession(), { env: {} });
  suite.isBorrowed = true;
  return { repaired: [], left_alone: [], notes: ['the suite is that of the fixtures'] };
}

/** Clean up, verify, and restore if rows are left; return what was left, and whether it was restored. */
async function teardownTestEnvironment(page = null, { cleanup, outcome = 'passed' } = {}) {
  if (!suite) throw new SnapstoreError('no test environment was set up', { code: 'out-of-order' });
  const ending = suite;
  suite = null;
  if (ending.isBorrowed) return enhancedCleanupTestData(page, { cleanup });
  const errors = await cleanUp(steps(cleanup), page);
  const found = await ending.endTest(outcome);
  await ending.end();
  if (isLeft(found.verdict)) warn(describe(found));
  return { ...found, errors, report: describe(found) };
}

/**
 * Remove what a test created, and verify it: run the cleanup given here or to `configure`, with retries, and compare
 * the database with the backup. Without a cleanup, restore exactly the rows that differ.
 * Rows that are left are no error but part of the result: `ok` is false, `report` names table and key.
 */
async function enhancedCleanupTestData(page = null, { cleanup } = {}) {
  const todo = steps(cleanup);
  const errors = await cleanUp(todo, page);
  if (isOff())
    return {
      ok: !errors.length,
      state_ok: null,
      verdict: null,
      errors,
      removed: {},
      databases: {},
      report: 'not verified',
    };
  const rev = await backupName(getSession());
  const before = todo.length ? null : await getSession().verify(rev, { rows: 0 });
  if (before && isLeft(before.verdict)) await getSession().clean(rev);
  const found = await getSession().verify(rev);
  const removed = before ? tablesOf(before) : {};
  debug(`cleanup: ${describe(found)}`);
  return { ...found, ok: found.ok && !errors.length, errors, removed, report: describe(found) };
}

/** Restore the backup, or the newest intact snapshot, whatever state the file is in. */
async function emergencyReset() {
  return getSession().reset();
}

/** The options with `{worker}` in paths replaced by the number of the worker. */
function placesOf(given, worker = workerIndex()) {
  const put = (file) => file?.replaceAll('{worker}', String(worker));
  const { env = process.env, cwd } = given;
  const store = given.store ?? (env.SNAPSTORE_STORE ? undefined : env.E2E_BACKUP_PATH || undefined);
  const own = hasWorker(given) && !given.store?.includes('{worker}');
  const verbose = given.verbose ?? says(env, 'E2E_DEBUG');
  return {
    ...given,
    verbose,
    cwd: cwd && path.resolve(cwd),
    db: put(given.db),
    config: put(given.config),
    store: put(store),
    worker: own ? String(worker) : given.worker,
  };
}

/** The number of this worker among those that run side by side: 0, 1, ...; it survives a restart. */
function workerIndex(env = process.env) {
  return Number(env.TEST_PARALLEL_INDEX ?? 0);
}

/** Whether every worker has a database of its own. */
function hasWorker(given) {
  return Boolean(given.db?.includes('{worker}'));
}

async function cleanUp(todo, page) {
  const errors = [];
  for (const step of todo) {
    const error = await attempt(step, page);
    if (error) errors.push(error);
  }
  for (const error of errors) warn(`cleanup failed: ${escaped(error.message)}`);
  return errors;
}

/** Run a step until it does not throw; return what the last attempt threw, or null. */
async function attempt(step, page) {
  for (let number = 1; ; number += 1) {
    try {
      await step(page);
      return null;
    } catch (error) {
      debug(`cleanup, attempt ${number}: ${escaped(error.message)}`);
      if (number === (options.attempts ?? ATTEMPTS)) return error;
      await sleep(BACKOFF * 2 ** (number - 1));
    }
  }
}

function steps(cleanup) {
  return [cleanup ?? options.cleanup ?? []].flat();
}

function tablesOf(found) {
  return Object.fromEntries(Object.entries(found.databases).map(([name, { tables }]) => [name, tables]));
}

function isOff() {
  return says(options.env ?? process.env, 'E2E_NO_BACKUP');
}

function skipped(what) {
  warn(`${what}: skipped, E2E_NO_BACKUP is set`);
  return { skipped: true };
}

function debug(text) {
  if (says(options.env ?? process.env, 'E2E_DEBUG')) log(text);
}

module.exports = {
  Session,
  SnapstoreError,
  Suite,
  backupDatabase,
  backupName,
  closeSession,
  configure,
  deleteBackup,
  describe,
  emergencyReset,
  enhancedCleanupTestData,
  getSession,
  hasWorker,
  isLeft,
  placesOf,
  restoreDatabase,
  setupTestEnvironment,
  teardownTestEnvironment,
  workerIndex,
};

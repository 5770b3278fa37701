'use strict';
// Playwright's side: fixtures that give each test a clean state and look for leaks after it. One session a worker.

const { test: playwright, expect } = require('@playwright/test');
const { checkHooks, warn, warnOfRepairs } = require('./console.cjs');
const { Blocks } = require('./blocks.cjs');
const { withCopy } = require('./copies.cjs');
const { attachEvidence, judge, tellLate } = require('./evidence.cjs');
const { located } = require('./places.cjs');
const kit = require('./snapstore.cjs');
const { keepWhenItFails, keptLines, outcomeOf } = require('./kept.cjs');
const { refuseSharing, runId } = require('./run.cjs');
const { SETUP, checkProject, checkScope, lasting, lasts } = require('./scope.cjs');
const { SharedState, shareState } = require('./shared.cjs');
const { lateText } = require('./suite.cjs');

const TEARDOWN_MS = 60_000; // a time limit of its own, so that the state is restored after a test that timed out too

const options = {
  snapstore: [{}, { option: true, scope: 'worker' }],
  snapstoreLeaks: ['fail', { option: true }],
};

/** Playwright's `test` with the options alone, for the project pair. */
const configured = playwright.extend(options);

/** Extend a `test` with the state of the database; it keeps your own fixtures. */
function withSnapstore(base) {
  return base.extend({
    ...options,
    database: [useDatabase, { scope: 'worker', auto: true, timeout: TEARDOWN_MS }],
    databaseBlock: [useBlock, { auto: 'all-hooks-included', timeout: TEARDOWN_MS }],
    databaseState: [useState, { auto: true, timeout: TEARDOWN_MS }],
  });
}

async function useDatabase({ snapstore: given }, use, worker) {
  const snapstore = located(given, worker.config);
  checkScope(snapstore);
  checkProject(snapstore, worker.project, worker.config);
  refuseSharing(snapstore, worker.config);
  const places = kit.placesOf(snapstore, worker.parallelIndex);
  await kit.configure({ ...snapstore, ...places, ownDatabase: kit.hasWorker(snapstore) });
  const session = kit.getSession();
  const isOwn = kit.hasWorker(snapstore);
  const suite = await suiteOf(session, await withCopy(snapstore, places, session), worker, isOwn);
  const begun = await suite.begin('playwright');
  warnOfRepairs(begun, session);
  const shared = new SharedState();
  const blocks = new Blocks({ suite, shared }, snapstore.scope);
  const { scope, mode } = snapstore;
  try {
    await use({ session, suite, shared, blocks, scope, mode, path: places.db ?? null });
    await blocks.end();
  } finally {
    const ended = await (lasts(snapstore) ? suite.pause() : suite.end()).catch(unlessEnded);
    for (const late of ended?.late?.slice(suite.toldLate) ?? []) warn(lateText(late));
    await kit.closeSession();
    checkHooks(begun, ended);
  }
}

/** Begin with the state that the setup project left, or with the present one if there is no such project. */
async function suiteOf(session, given, { project }, isOwn) {
  const plain = new kit.Suite(session, { ...given, ownDatabase: isOwn, run: runId() });
  if (isOwn || plain.isInsideRun || !project.dependencies.includes(SETUP)) return plain;
  const baseline = given.baseline ?? (plain.isOff ? null : await plain.backup());
  return new kit.Suite(session, { ...given, ...lasting(given), baseline, keepBackup: true, run: runId() });
}

/** Begin the state that the tests of a file or block share, before its first hook or test. */
async function useBlock({ database, snapstoreLeaks }, use, testInfo) {
  await database.blocks.enter(testInfo, snapstoreLeaks);
  await use();
}

async function useState({ database, databaseBlock, snapstoreLeaks }, use, testInfo) {
  const { session, suite, shared } = database;
  let began = null;
  const verify = async () => session.verify(began ?? (await kit.backupName(session)));
  const commands = keepWhenItFails(testInfo, database);
  if (shared.isOpen || (lasts(database) && (suite.isInsideRun || suite.isOff))) {
    await use({ session, verify });
    shared.note(outcomeOf(testInfo));
    const body = keptLines(commands).join('\n');
    if (body) await testInfo.attach('database', { body, contentType: 'text/plain' });
    return;
  }
  const label = testInfo.titlePath.join(' > ');
  const again = database.mode === 'chain' && testInfo.retry > 0;
  const begun = await suite.beginTest(label, { scenario: testInfo.project.name, again });
  began = begun?.snapshot;
  if (begun?.late) tellLate(testInfo, begun.late);
  const started = new Date();
  const start = process.hrtime.bigint();
  await use({ session, verify });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { outcome, keep } = outcomeOf(testInfo);
  const found = await suite.endTest(outcome, seconds, snapstoreLeaks, keep);
  await attachEvidence(testInfo, session, found, label, started, snapstoreLeaks);
  judge(testInfo, found, snapstoreLeaks);
}

/** Ignore that the session has ended: the test it ended in reported it, and the next suite repairs what it left. */
function unlessEnded(error) {
  if (error.code !== 'session-ended') throw error;
}

module.exports = { configured, expect, shareState, test: withSnapstore(playwright), withSnapstore };

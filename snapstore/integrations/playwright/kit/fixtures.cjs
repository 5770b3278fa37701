'use strict';
// Playwright's side: fixtures that give each test a clean state and look for leaks after it. One session a worker.

const path = require('node:path');
const { existsSync } = require('node:fs');
const { test: playwright, expect } = require('@playwright/test');
const kit = require('./snapstore.cjs');

const SETUP = 'setup db';
const TEARDOWN_MS = 60_000; // a time limit of its own, so that a test that ran out of time is put right too
const OUTCOMES = { timedOut: 'failed' };

const options = { snapstore: [{}, { option: true, scope: 'worker' }] };

/** Playwright's `test` with the options alone, for the project pair. */
const configured = playwright.extend(options);

/** Extend a `test` with the state of the database; fixtures of your own are kept. */
function withSnapstore(base) {
  return base.extend({
    ...options,
    snapstoreLeaks: ['fail', { option: true }],
    database: [useDatabase, { scope: 'worker', auto: true, timeout: TEARDOWN_MS }],
    databaseState: [useState, { auto: true, timeout: TEARDOWN_MS }],
  });
}

async function useDatabase({ snapstore }, use, worker) {
  const places = kit.placesOf(snapstore, worker.parallelIndex);
  await kit.configure({ ...snapstore, ...places, ownDatabase: kit.hasWorker(snapstore) });
  const session = kit.getSession();
  const isOwn = kit.hasWorker(snapstore);
  const suite = await suiteOf(session, snapstore, worker, isOwn);
  if (isOwn && snapstore.from) await copyFrom(snapstore, places, suite, session);
  say(await suite.begin('playwright'));
  try {
    await use({ session, suite, path: places.db ?? null });
  } finally {
    await suite.end().catch(unlessEnded);
    await kit.closeSession();
  }
}

/** Begin with what the setup project left, where there is one; with the present state otherwise. */
async function suiteOf(session, given, { project }, isOwn) {
  const plain = new kit.Suite(session, { ...given, ownDatabase: isOwn });
  if (isOwn || plain.isInsideRun || !project.dependencies.includes(SETUP)) return plain;
  const baseline = given.baseline ?? (plain.isOff ? null : await plain.backup());
  return new kit.Suite(session, { ...given, baseline, keepBackup: true });
}

/** Bring a snapshot of the project's database into the worker's own; what a killed run left there is ended first. */
async function copyFrom(given, places, suite, session) {
  if (existsSync(path.resolve(places.cwd ?? '.', places.db))) {
    say(await suite.begin('playwright: before a copy'));
    await suite.end();
    await session.close();
  }
  const store = await storeOf({ ...given, db: undefined, store: given.fromStore });
  const copier = new kit.Session({ ...places, store });
  try {
    await copier.restore(given.from, { force: true, safety: false });
  } finally {
    await copier.close();
  }
}

async function storeOf(given) {
  const session = new kit.Session(kit.placesOf(given));
  try {
    return (await session.info()).store;
  } finally {
    await session.close();
  }
}

function say({ repaired }) {
  for (const one of repaired) console.warn(`snapstore: repaired ${one.what}: it was ${one.verdict}`);
}

async function useState({ database, snapstoreLeaks }, use, testInfo) {
  const { session, suite } = database;
  const label = testInfo.titlePath.join(' > ');
  await suite.beginTest(label, { scenario: testInfo.project.name });
  const start = process.hrtime.bigint();
  await use({ session, verify: async () => session.verify(await kit.backupName(session)) });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const found = await suite.endTest(OUTCOMES[testInfo.status] ?? testInfo.status, seconds);
  await report(testInfo, found);
  judge(testInfo, found, snapstoreLeaks);
}

async function report(testInfo, found) {
  await testInfo.attach('database', { body: kit.describe(found), contentType: 'text/plain' });
  if (!kit.isLeft(found.verdict)) return;
  await testInfo.attach('database.json', { body: JSON.stringify(found, null, 1), contentType: 'application/json' });
}

/** Fail, warn or pass, as `snapstoreLeaks` says; a state that could not be put right always fails. */
function judge(testInfo, found, leaks) {
  const said = kit.describe(found);
  if (found.ok === false) throw new Error(said);
  if (!kit.isLeft(found.verdict) || leaks === 'pass') return;
  if (leaks === 'fail') throw new Error(said);
  testInfo.annotations.push({ type: 'database', description: said });
  console.warn(`snapstore: ${testInfo.title}: ${said}`);
}

/** A session that is gone was said by the test it ended in; the next suite repairs what it left. */
function unlessEnded(error) {
  if (error.code !== 'session-ended') throw error;
}

module.exports = { configured, expect, test: withSnapstore(playwright), withSnapstore };

'use strict';
// The database of one worker: a copy of a snapshot of the project's, which the worker's suites begin with.

const path = require('node:path');
const { existsSync } = require('node:fs');
const { warnOfRepairs } = require('./console.cjs');
const { runId } = require('./run.cjs');
const kit = require('./snapstore.cjs');
const { says } = require('./suite.cjs');

const COPIED = 'playwright-copy'; // the tag of a copy whose project the command does not know

/** Make the worker's database if it has one of its own; return the options with the baseline to begin with. */
async function withCopy(given, places, session) {
  if (!kit.hasWorker(given) || !given.from) return given;
  const isOff = says(given.env ?? process.env, 'E2E_NO_BACKUP');
  const copied = await isOfProject(given, places);
  if (!copied) await restoreInto(given, places, session);
  return isOff ? given : { ...given, baseline: given.baseline ?? (copied ? given.from : COPIED) };
}

/** Whether the worker's suites can begin with a snapshot of the project; its database is there afterwards. */
async function isOfProject(given, places) {
  if (!places.worker || given.fromStore) return false;
  const project = new kit.Session(kit.placesOf({ ...given, db: undefined }));
  try {
    if ((await project.info()).configuration === null) return false;
    if (!existsSync(path.resolve(places.cwd ?? '.', places.db))) await project.export(given.from, places.db);
    return true;
  } finally {
    await project.close();
  }
}

/** Restore a snapshot of another store into the worker's database, after repairing what a killed run left there. */
async function restoreInto(given, places, session) {
  if (existsSync(path.resolve(places.cwd ?? '.', places.db))) {
    const suite = new kit.Suite(session, { ...given, baseline: undefined, ownDatabase: true, run: runId() });
    warnOfRepairs(await suite.begin('playwright'), session);
    await suite.end();
    await session.close();
  }
  const store = await storeOf({ ...given, db: undefined, store: given.fromStore });
  const copier = new kit.Session({ ...places, store, worker: undefined });
  try {
    await copier.restore(given.from, { force: true, safety: false });
  } finally {
    await copier.close();
  }
  await session.tag(COPIED, { force: true });
}

async function storeOf(given) {
  const session = new kit.Session(kit.placesOf(given));
  try {
    return (await session.info()).store;
  } finally {
    await session.close();
  }
}

module.exports = { withCopy };

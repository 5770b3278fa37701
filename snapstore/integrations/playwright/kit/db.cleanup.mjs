// `cleanup db`: restores the state that `setup db` found, if it has changed, and deletes the backup. With the scope
// `suite`, the state that all tests left is verified first.
import { createRequire } from 'node:module';
import { configured as cleanup } from './fixtures.mjs';
import { Session, Suite, hasWorker, placesOf } from './snapstore.mjs';

const require = createRequire(import.meta.url);
const { checkHooks, warnOfRepairs } = require('./console.cjs');
const { located } = require('./places.cjs');
const { proposeRules, proposeRulesForWorkers } = require('./proposal.cjs');
const { runId } = require('./run.cjs');
const { lasts } = require('./scope.cjs');
const { SharedState } = require('./shared.cjs');

const ALL = 'the whole run';

cleanup('the database is restored', async ({ snapstore: given, snapstoreLeaks }, testInfo) => {
  const snapstore = located(given, testInfo.config);
  if (hasWorker(snapstore)) await proposeRulesForWorkers(snapstore);
  cleanup.skip(hasWorker(snapstore), 'every worker has a database of its own');
  const session = new Session(placesOf(snapstore));
  try {
    const plain = new Suite(session, snapstore);
    cleanup.skip(plain.isInsideRun, "done by 'snap run'");
    cleanup.skip(plain.isOff, 'E2E_NO_BACKUP is set');
    const baseline = await plain.backup();
    const resume = lasts(snapstore);
    const suite = new Suite(session, { ...snapstore, baseline, keepBackup: false, run: runId(), resume });
    const begun = await suite.begin('playwright');
    warnOfRepairs(begun, session);
    try {
      if (snapstore.scope === 'suite') await verifyAll({ session, suite }, snapstoreLeaks, testInfo);
    } finally {
      const ended = await suite.end();
      const body = JSON.stringify({ ...begun, state: ended.state }, null, 1);
      await testInfo.attach('database', { body, contentType: 'application/json' });
      await proposeRules(session, ended.suite);
      checkHooks(begun, ended);
    }
  } finally {
    await session.close();
  }
});

async function verifyAll(database, leaks, testInfo) {
  const shared = new SharedState();
  await shared.begin(database.suite, ALL, testInfo);
  await shared.endIn(testInfo, database, leaks);
}

// `setup db`: repairs what a killed run left, goes to the baseline and takes the backup.
import { createRequire } from 'node:module';
import { configured as setup } from './fixtures.mjs';
import { Session, Suite, hasWorker, placesOf } from './snapstore.mjs';

const require = createRequire(import.meta.url);
const { warnOfRepairs } = require('./console.cjs');
const { located } = require('./places.cjs');
const { refuseSharing, runId } = require('./run.cjs');
const { checkScope, lasting, lasts } = require('./scope.cjs');
const { says } = require('./suite.cjs');

const TITLE = says(process.env, 'E2E_NO_BACKUP')
  ? 'the database is as it is (E2E_NO_BACKUP)'
  : 'the database is repaired and backed up';

setup(TITLE, async ({ snapstore: given }, testInfo) => {
  const snapstore = located(given, testInfo.config);
  checkScope(snapstore);
  setup.skip(hasWorker(snapstore), 'every worker has a database of its own');
  refuseSharing(snapstore, testInfo.config);
  const session = new Session(placesOf(snapstore));
  try {
    const suite = new Suite(session, {
      ...snapstore,
      ...lasting(snapstore),
      resume: false,
      keepBackup: true,
      run: runId(),
    });
    setup.skip(suite.isInsideRun, "done by 'snap run'");
    const begun = await suite.begin('playwright');
    warnOfRepairs(begun, session);
    await testInfo.attach('database', { body: JSON.stringify(begun, null, 1), contentType: 'application/json' });
    await (lasts(snapstore) ? suite.pause() : suite.end());
  } finally {
    await session.close();
  }
});

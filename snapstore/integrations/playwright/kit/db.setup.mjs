// `setup db`: what a run that was killed had left is put right, the baseline is gone to, the backup is taken.
import { configured as setup } from './fixtures.mjs';
import { Session, Suite, hasWorker, placesOf } from './snapstore.mjs';

setup('the database is put right and backed up', async ({ snapstore }, testInfo) => {
  setup.skip(hasWorker(snapstore), 'every worker has a database of its own');
  const session = new Session(placesOf(snapstore));
  try {
    const suite = new Suite(session, { ...snapstore, keepBackup: true });
    setup.skip(suite.isInsideRun, "done by 'snap run'");
    const begun = await suite.begin('setup db');
    for (const one of begun.repaired) console.warn(`snapstore: repaired ${one.what}: it was ${one.verdict}`);
    await testInfo.attach('database', { body: JSON.stringify(begun, null, 1), contentType: 'application/json' });
    await suite.end();
  } finally {
    await session.close();
  }
});

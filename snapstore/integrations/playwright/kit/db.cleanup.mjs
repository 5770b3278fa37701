// `cleanup db`: the database is brought back to what `setup db` found where it is not so, and the backup deleted.
import { configured as cleanup } from './fixtures.mjs';
import { Session, Suite, hasWorker, placesOf } from './snapstore.mjs';

cleanup('the database is as it was', async ({ snapstore }, testInfo) => {
  cleanup.skip(hasWorker(snapstore), 'every worker has a database of its own');
  const session = new Session(placesOf(snapstore));
  try {
    const plain = new Suite(session, snapstore);
    cleanup.skip(plain.isInsideRun, "done by 'snap run'");
    cleanup.skip(plain.isOff, 'E2E_NO_BACKUP is set');
    const baseline = await plain.backup();
    const suite = new Suite(session, { ...snapstore, baseline, keepBackup: false });
    const begun = await suite.begin('cleanup db');
    for (const one of begun.repaired) console.warn(`snapstore: repaired ${one.what}: it was ${one.verdict}`);
    await testInfo.attach('database', { body: JSON.stringify(begun, null, 1), contentType: 'application/json' });
    await suite.end();
  } finally {
    await session.close();
  }
});

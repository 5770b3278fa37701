import { createRequire } from 'node:module';

export const {
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
} = createRequire(import.meta.url)('./snapstore.cjs');

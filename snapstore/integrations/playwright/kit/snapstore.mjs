import kit from './snapstore.cjs';

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
} = kit;

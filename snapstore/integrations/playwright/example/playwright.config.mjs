// Begins with the database as `setup db` finds it, gives every test that state, and ends with it.
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';
import { databaseProjects } from './snapstore/projects.mjs';

export default defineConfig({
  workers: 1, // tests of one database take turns; see {worker} in snapstore/snapstore.d.cts for more
  reporter: 'list',
  use: {
    // baseURL: 'http://127.0.0.1:8000',
    snapstore: { config: fileURLToPath(new URL('SNAPSTORE_YAML', import.meta.url)) },
    snapstoreLeaks: 'fail', // or 'warn', 'pass': what a test left is put right all the same
  },
  projects: [
    ...databaseProjects(),
    { name: 'e2e', testMatch: '*.spec.mjs', dependencies: ['setup db'] },
  ],
});

import { defineConfig } from '@playwright/test';
import { backendUrl, browser, webServer } from './browser.mjs';
import { databaseProjects } from './snapstore/projects.mjs';

const mishaps = { name: 'mishaps', testDir: 'mishaps', dependencies: ['setup db'] };

export default defineConfig({
  workers: 1, // one backend, one database
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: process.env.CI ? 'line' : 'list',
  use: {
    ...browser,
    baseURL: backendUrl,
    snapstore: { config: './snapstore.yaml' },
    snapstoreLeaks: 'fail',
  },
  webServer,
  projects: [
    ...databaseProjects(),
    { name: 'e2e', testDir: 'tests', dependencies: ['setup db'] },
    ...(process.env.MISHAPS ? [mishaps] : []), // tests that fail on purpose
  ],
});

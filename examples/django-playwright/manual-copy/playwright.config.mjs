// The same tests with one of two modules behind them: DATABASE_HELPERS is `manual` or `snapstore`.
import { defineConfig } from '@playwright/test';
import { backendUrl, browser, webServer } from '../browser.mjs';

export default defineConfig({
  testDir: '.',
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: { ...browser, baseURL: backendUrl },
  webServer: webServer && { ...webServer, cwd: '..' },
});

// The same tests with either of two modules behind them: DATABASE_HELPERS is `manual` or `snapstore`.
import { defineConfig } from '@playwright/test';
import { backendUrl, browser, webServer } from '../browser.mjs';

export default defineConfig({
  testDir: '.',
  workers: 1,
  timeout: 20_000,
  reporter: 'list',
  use: { ...browser, baseURL: backendUrl },
  webServer: webServer && { ...webServer, cwd: '..' },
});

// Back up once, restore before each test, restore and delete the backup at the end. The server is never restarted.
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { createBot, remove, titles } from '../pages.mjs';

const SEEDED = ['Support', 'Billing', 'Onboarding'];
const isManual = process.env.DATABASE_HELPERS === 'manual';
const helpers = await import(isManual ? './database-helpers.mjs' : '../snapstore/snapstore.mjs');

test.beforeAll(async () => {
  await helpers.configure?.({ config: fileURLToPath(new URL('../snapstore.yaml', import.meta.url)) });
  await helpers.backupDatabase();
});

test.beforeEach(async () => {
  await helpers.restoreDatabase();
});

test.afterAll(async () => {
  await helpers.restoreDatabase();
  await helpers.deleteBackup();
});

test('a bot is created', async ({ page }) => {
  await createBot(page, 'E2E bot', { integration: 'Team' });
  expect(await titles(page)).toEqual([...SEEDED, 'E2E bot']);
});

test('the next test does not see it, and deletes two', async ({ page }) => {
  expect(await titles(page)).toEqual(SEEDED);
  await remove(page, 'Support');
  await remove(page, 'Billing');
});

test('the last test sees all of them', async ({ page }) => {
  expect(await titles(page)).toEqual(SEEDED);
});

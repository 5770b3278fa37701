// Tests that clean up after themselves. The database is verified after each of them.
import { createBot, createIntegration, remove, titles } from '../pages.mjs';
import { expect, test } from '../snapstore/fixtures.mjs';

const SEEDED = ['Support', 'Billing', 'Onboarding'];

test('a bot is created, edited and deleted', async ({ page, databaseState }) => {
  await createBot(page, 'E2E bot', { owner: 'grace', integration: 'Team' });
  expect(await titles(page)).toEqual([...SEEDED, 'E2E bot']);

  await page.getByRole('link', { name: 'E2E bot' }).click();
  await page.getByLabel('Title').fill('E2E bot, renamed');
  await page.getByLabel('Ops').check();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: 'E2E bot, renamed' })).toContainText('created, edited');
  expect((await databaseState.verify()).verdict).toBe('leaked');

  await remove(page, 'E2E bot, renamed');
  expect(await titles(page)).toEqual(SEEDED);
});

test('an integration that a bot uses cannot be deleted', async ({ page }) => {
  await createIntegration(page, 'E2E hook');
  await createBot(page, 'E2E bot', { integration: 'E2E hook' });
  await page.goto('/');
  await page.locator('#integrations').getByRole('row', { name: 'E2E hook' }).getByRole('button').click();
  await expect(page.getByRole('heading')).toHaveText('A bot uses this integration');
  await remove(page, 'E2E bot');
  await remove(page, 'E2E hook');
});

test.describe('tests that leave the cleanup to the restore', () => {
  test.use({ snapstoreLeaks: 'pass' });

  test('every bot is deleted', async ({ page }) => {
    for (const title of SEEDED) await remove(page, title);
    await expect(page.getByText('No bots.')).toBeVisible();
  });

  test('they are there again', async ({ page }) => {
    expect(await titles(page)).toEqual(SEEDED);
  });
});

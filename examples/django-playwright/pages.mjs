// What a user does in the browser.
import { expect } from '@playwright/test';

export async function createBot(page, title, { owner = 'ada', integration } = {}) {
  await page.goto('/');
  await page.getByRole('link', { name: 'New bot' }).click();
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Owner').selectOption({ label: owner });
  if (integration) await page.getByLabel(integration).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL('/');
}

export async function createIntegration(page, name) {
  await page.goto('/');
  await page.getByRole('link', { name: 'New integration' }).click();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Kind').selectOption('webhook');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL('/');
}

export async function remove(page, name) {
  await page.goto('/');
  const row = page.getByRole('row', { name });
  await row.getByRole('button', { name: 'Delete' }).click();
  await expect(row).toHaveCount(0);
}

/** The titles of all bots, as the page shows them. */
export async function titles(page) {
  await page.goto('/');
  return page.locator('#bots tbody td:first-child').allTextContents();
}

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

/** A red dot, as a file to upload. */
const DOT = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==',
  'base64',
);

export async function upload(page, title) {
  await page.goto('/pictures/');
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('File').setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: DOT });
  await page.getByRole('button', { name: 'Upload' }).click();
  await expect(page.getByRole('row', { name: title })).toBeVisible();
}

export async function removePicture(page, title) {
  await page.goto('/pictures/');
  const row = page.getByRole('row', { name: title });
  await row.getByRole('button', { name: 'Delete' }).click();
  await expect(row).toHaveCount(0);
}

/** The titles of all pictures, each of which the browser can show: a row without its file has no width. */
export async function pictures(page) {
  await page.goto('/pictures/');
  const found = page.locator('#pictures img');
  await found.first().waitFor();
  return found.evaluateAll((all) =>
    Promise.all(
      all.map(async (one) => {
        await one.decode().catch(() => {});
        return one.naturalWidth ? one.alt : `${one.alt}, without its file`;
      }),
    ),
  );
}

// Tests that never finish, because they run out of time or are killed, and what the next test finds.
import { writeFileSync } from 'node:fs';
import { createBot, pictures, removePicture, titles, upload } from '../pages.mjs';
import { expect, test } from '../snapstore/fixtures.mjs';

const SEEDED = ['Support', 'Billing', 'Onboarding'];

test('a test runs out of time', async ({ page }) => {
  await createBot(page, 'E2E slow');
  test.setTimeout(1); // milliseconds since the test began, which have already passed
  await page.waitForSelector('#never');
});

test('the test after it finds the right state', async ({ page }) => {
  expect(await titles(page)).toEqual(SEEDED);
});

test('the process of a test is killed', async ({ page }) => {
  await createBot(page, 'E2E killed');
  process.kill(process.pid, 'SIGKILL');
  await page.waitForSelector('#never');
});

test('the test after that one finds the right state', async ({ page }) => {
  expect(await titles(page)).toEqual(SEEDED);
});

test('a test is killed in the middle of an upload', async ({ page }) => {
  await removePicture(page, 'Logo');
  await upload(page, 'E2E killed');
  process.kill(process.pid, 'SIGKILL');
  await page.waitForSelector('#never');
});

test('the test after the upload finds the right files', async ({ page }) => {
  expect(await pictures(page)).toEqual(['Logo']);
});

test('a test stays until the whole run is killed', async ({ page }) => {
  test.skip(!process.env.STAY, 'STAY names no file to say so in');
  test.setTimeout(0);
  await createBot(page, 'E2E staying');
  writeFileSync(process.env.STAY, 'now');
  await page.waitForSelector('#never');
});

// A cleanup that forgets: it reports success, and the integration stays.
import { createBot, createIntegration, remove, titles } from '../pages.mjs';
import { expect, test } from '../snapstore/fixtures.mjs';

test('the cleanup forgets the integration', async ({ page }) => {
  await createIntegration(page, 'E2E forgotten');
  await createBot(page, 'E2E bot', { integration: 'E2E forgotten' });
  await remove(page, 'E2E bot');
});

test('the next test does not see it', async ({ page }) => {
  expect(await titles(page)).toHaveLength(3);
  await expect(page.getByText('E2E forgotten')).toHaveCount(0);
});

// The functions of the kit, called by name.
import { createBot, remove, titles } from '../pages.mjs';
import { enhancedCleanupTestData, setupTestEnvironment, teardownTestEnvironment } from '../snapstore/snapstore.mjs';
import { expect, test } from '../snapstore/fixtures.mjs';

test.beforeEach(async ({ page }) => {
  await setupTestEnvironment(page);
});

test.afterEach(async ({ page }) => {
  await teardownTestEnvironment(page);
});

test('cleanup through the page is proved', async ({ page }) => {
  await createBot(page, 'E2E bot', { integration: 'Ops' });
  const result = await enhancedCleanupTestData(page, { cleanup: () => remove(page, 'E2E bot') });
  expect(result.report).toContain('database: drifted, against e2e-backup');
});

test('without a cleanup the rows themselves are put back', async ({ page }) => {
  await createBot(page, 'E2E bot', { integration: 'Ops' });
  const result = await enhancedCleanupTestData(page);
  expect(Object.keys(result.removed.default).sort()).toEqual(
    ['bots_activitylog', 'bots_botintegration', 'bots_bottopic'],
  );
  expect(await titles(page)).not.toContain('E2E bot');
});

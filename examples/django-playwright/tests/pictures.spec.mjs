// Tests that upload and delete pictures: rows in the database, and files beside it. Both are verified and restored.
import { pictures, removePicture, upload } from '../pages.mjs';
import { expect, test } from '../snapstore/fixtures.mjs';

test('a picture is uploaded and deleted', async ({ page, databaseState }) => {
  await upload(page, 'E2E dot');
  expect(await pictures(page)).toEqual(['Logo', 'E2E dot']);
  const found = await databaseState.verify();
  expect(found.verdict).toBe('leaked');
  expect(found.files.uploads.paths.map((one) => one.path)).toEqual(['pictures/dot.png']);
  await removePicture(page, 'E2E dot');
});

test.describe('tests that leave the cleanup to the restore', () => {
  test.use({ snapstoreLeaks: 'pass' });

  test('a picture is uploaded and stays', async ({ page }) => {
    await upload(page, 'E2E staying');
  });

  test('the seeded picture is deleted', async ({ page }) => {
    expect(await pictures(page)).toEqual(['Logo']);
    await removePicture(page, 'Logo');
    await expect(page.getByText('No pictures.')).toBeVisible();
  });

  test('it is there again, with its file', async ({ page }) => {
    expect(await pictures(page)).toEqual(['Logo']);
  });
});

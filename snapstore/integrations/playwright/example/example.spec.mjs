import { expect, test } from "./snapstore/fixtures.mjs";

test("a test begins with the state of the backup", async ({
  databaseState,
}) => {
  // await page.goto('/');  and whatever your test does; the database is checked when it ends
  const found = await databaseState.verify();
  expect(found.ok).toBe(true);
});

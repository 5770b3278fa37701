// Every test begins with the database as `setup db` found it, and so it is left at the end.
import { defineConfig } from "@playwright/test";
import { databaseProjects } from "./snapstore/projects.mjs";

export default defineConfig({
  workers: 1, // tests of one database take turns; for more workers give each a database: `db` with {worker}
  reporter: "list",
  use: {
    // baseURL: 'http://127.0.0.1:8000',
    snapstore: { config: "SNAPSTORE_YAML" },
    snapstoreLeaks: "fail", // or 'warn', 'pass': the state is restored in any case
  },
  projects: [
    ...databaseProjects(),
    { name: "e2e", testMatch: "*.spec.mjs", dependencies: ["setup db"] },
  ],
});

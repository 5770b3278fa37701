import type { Project } from '@playwright/test';

/** The two projects, for `projects` in Playwright's configuration. */
export function databaseProjects(): Project[];

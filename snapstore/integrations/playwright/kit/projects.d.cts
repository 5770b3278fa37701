import type { Project } from '@playwright/test';

/** The two projects, for `projects` in the configuration of Playwright. */
export function databaseProjects(): Project[];

// The browser and the backend. CHROMIUM names the browser; otherwise one on the path is used.
// BACKEND_URL names a backend that is already running.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const folders = (process.env.PATH ?? '').split(path.delimiter);
const found = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isProgram);

/** Playwright's options for the browser. It uses its own download if the machine has none. */
export const browser = {
  launchOptions: { executablePath: process.env.CHROMIUM ?? found, args: ['--no-sandbox'] },
};

export const backendUrl = process.env.BACKEND_URL ?? 'http://127.0.0.1:8765';

/** The server, which keeps running while the database is restored. Undefined if one is already running. */
export const webServer = process.env.BACKEND_URL
  ? undefined
  : {
      command: `${process.env.PYTHON ?? 'python3'} backend/manage.py runserver --noreload ${new URL(backendUrl).host}`,
      url: backendUrl,
      reuseExistingServer: true,
    };

// Which browser and which backend: CHROMIUM names the browser of the machine, else one on the path is taken;
// BACKEND_URL names a backend that runs already.
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

/** Options of Playwright for the browser; its own download where the machine has none. */
export const browser = {
  launchOptions: { executablePath: process.env.CHROMIUM ?? found, args: ['--no-sandbox'] },
};

export const backendUrl = process.env.BACKEND_URL ?? 'http://127.0.0.1:8765';

/** The server, which goes on running while the database is put back; none where one is there. */
export const webServer = process.env.BACKEND_URL
  ? undefined
  : {
      command: `${process.env.PYTHON ?? 'python3'} backend/manage.py runserver --noreload ${new URL(backendUrl).host}`,
      url: backendUrl,
      reuseExistingServer: true,
    };

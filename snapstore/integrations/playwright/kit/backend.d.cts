export interface BackendOptions {
  /** A line for the shell, or a program with its arguments; `{port}` and `{database}` are replaced in it. */
  command: string | string[];
  /** The path of the worker's database: `database.path`. */
  database?: string | null;
  cwd?: string;
  /** Variables beside those of this process; `{port}` and `{database}` are replaced in them. PORT is always set. */
  env?: { [name: string]: string };
  /** What is asked for until it answers with a status below 500. Default: `/`. */
  path?: string;
  /** Milliseconds until it has to answer. Default: 30,000. */
  timeout?: number;
}
export interface Backend {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly pid: number | undefined;
  /** End the backend and its children. */
  stop(): Promise<void>;
}
/** Start a backend on a free port, and wait until it answers. */
export function startBackend(options: BackendOptions): Promise<Backend>;

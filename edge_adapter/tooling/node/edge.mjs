// Runs one Worker on miniflare and speaks with its parent in lines of JSON: the first line in says what to run,
// later ones are commands; news and answers go out on standard output, everything for people on standard error.
// It leads a process group. When standard input ends, the parent wants it to end, or is gone.
import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const DISPOSE_PATIENCE_MS = 3000;

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const textOf = (error) => String(error?.message ?? error);

let miniflare;
let url;

async function end() {
  // Whatever hangs, the whole group goes, the platform's binary included.
  setTimeout(() => process.kill(-process.pid, "SIGKILL"), DISPOSE_PATIENCE_MS);
  try {
    await miniflare?.dispose();
  } finally {
    process.exit(0);
  }
}

async function start({ packages, options, modules, environment, pidFile }) {
  Object.assign(process.env, environment);
  // The packages live in a cache folder, away from this file.
  const { Log, LogLevel, Miniflare } = createRequire(`${packages}/package.json`)("miniflare");
  class StandardErrorLog extends Log {
    log(message) {
      process.stderr.write(`${message}\n`);
    }
  }
  const read = async ([name, type, file]) => ({ type, path: `/${name}`, contents: await readFile(file) });
  miniflare = new Miniflare({
    ...options,
    modulesRoot: "/",
    modules: await Promise.all(modules.map(read)),
    log: new StandardErrorLog(LogLevel.WARN),
    cf: false, // it would be fetched
    unsafeTriggerHandlers: true,
    handleRuntimeStdio(stdout, stderr) {
      stdout.pipe(process.stderr, { end: false });
      stderr.pipe(process.stderr, { end: false });
    },
  });
  url = await miniflare.ready;
  const launched = (await stat(pidFile)).mtimeMs;
  say({ ready: url.href, boot_ms: Date.now() - launched });
}

async function obey({ command, cron, scheduled_time_ms: time }) {
  if (command !== "scheduled") throw new Error(`no such command: ${command}`);
  const query = new URLSearchParams({ cron, format: "json", ...(time === null ? {} : { time }) });
  const answer = await fetch(new URL(`/cdn-cgi/handler/scheduled?${query}`, url));
  return { outcome: (await answer.json()).outcome };
}

let started = false;
const lines = createInterface({ input: process.stdin });
lines.on("close", end);
lines.on("line", async (line) => {
  const message = JSON.parse(line);
  if (!started) {
    started = true;
    try {
      await start(message);
    } catch (error) {
      say({ failed: textOf(error), code: error?.code ?? null });
    }
    return;
  }
  try {
    say({ id: message.id, ...(await obey(message)) });
  } catch (error) {
    say({ id: message.id, error: textOf(error) });
  }
});

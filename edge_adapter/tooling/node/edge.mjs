// Runs one Worker on miniflare and speaks with its parent in lines of JSON: options and commands come in on
// standard input, answers and news go out on standard output, everything for people goes to standard error.
// When standard input ends, the parent is gone, and so is this.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { packages, options, modules, environment } = JSON.parse((await lines.next()).value);
Object.assign(process.env, environment);

// The packages live in a cache folder, away from this file.
const { Log, LogLevel, Miniflare } = createRequire(`${packages}/package.json`)("miniflare");

class StandardErrorLog extends Log {
  log(message) {
    process.stderr.write(`${message}\n`);
  }
}

let miniflare;
try {
  miniflare = new Miniflare({
    ...options,
    modulesRoot: "/",
    modules: await readModules(modules),
    log: new StandardErrorLog(LogLevel.WARN),
    cf: false, // it would be fetched
    unsafeTriggerHandlers: true,
    handleRuntimeStdio(stdout, stderr) {
      stdout.pipe(process.stderr, { end: false });
      stderr.pipe(process.stderr, { end: false });
    },
  });
  const url = await miniflare.ready;
  say({ ready: url.href });
} catch (error) {
  say({ failed: String(error?.message ?? error), code: error?.code ?? null });
  process.exit(1);
}

async function readModules(entries) {
  const { readFile } = await import("node:fs/promises");
  return Promise.all(
    entries.map(async ([name, type, path]) => ({ type, path: `/${name}`, contents: await readFile(path) })),
  );
}

for await (const line of lines) {
  const { id, command, ...values } = JSON.parse(line);
  try {
    if (command === "scheduled") {
      const target = await miniflare.getWorker();
      const { outcome } = await target.scheduled({
        cron: values.cron,
        scheduledTime: values.scheduled_time_ms === null ? undefined : new Date(values.scheduled_time_ms),
      });
      say({ id, outcome });
    } else {
      say({ id, error: `no such command: ${command}` });
    }
  } catch (error) {
    say({ id, error: String(error?.message ?? error) });
  }
}
await miniflare.dispose();
process.exit(0);

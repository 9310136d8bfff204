// The platform's rules, tried out: a durable object that does what a case asks, and the cases themselves.
// POST /<case> runs one on fresh objects and answers with what was seen. Module globals hold what was seen
// beside any object: objects of one Worker share them.
import { DurableObject } from "cloudflare:workers";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const log = new Map(); // object -> what its alarms and messages have left, outside of storage
const plans = new Map(); // object -> what its alarm shall do
let instances = 0;

const note = (name, entry) => {
  if (!log.has(name)) log.set(name, []);
  log.get(name).push(entry);
};
const seen = (name) => log.get(name) ?? [];

async function until(holds, ms = 10_000) {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("it does not happen");
    await sleep(5);
  }
}

// An error, as its caller sees it.
const shown = (error) => ({
  says: String(error.message).slice(0, 60),
  ...(error.remote && { remote: true }),
  ...(error.retryable && { retryable: true }),
  ...(error.overloaded && { overloaded: true }),
  ...(error.durableObjectReset && { reset: true }),
});
const outcome = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return shown(error);
  }
};

// What may stand between two steps of an object.
const between = {
  nothing: async () => {},
  promise: () => Promise.resolve(),
  get: (o) => o.storage.get("x"),
  timer: () => sleep(1),
  zero: () => sleep(0),
  sync: (o) => o.storage.sync(),
  rpc: (o) => o.env.PEER.getByName(`${o.name}-peer`).hello(),
  queue: (o) => o.env.QUEUE.send({ to: "nobody" }),
  r2: (o) => o.env.BUCKET.get("nothing"),
};

export class Probe extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.storage = ctx.storage;
    this.sql = ctx.storage.sql;
    this.name = ctx.id.name ?? "";
    this.instance = ++instances;
    if (this.name.startsWith("bad-constructor") && !plans.get(this.name)) {
      plans.set(this.name, ["built"]);
      throw new Error("not built");
    }
    this.sql.exec("CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, v)");
  }
  // --- little things ---
  who() { return this.instance; }
  idName() { return this.ctx.id.name ?? null; }
  write(key, value = 1) { this.sql.exec("INSERT OR REPLACE INTO t VALUES (?, ?)", key, value); }
  rows() { return this.sql.exec("SELECT k FROM t ORDER BY k").raw().toArray().map((row) => row[0]).join(""); }
  kv(key) { return this.storage.get(key); }
  arm(ms) { return this.storage.setAlarm(Date.now() + ms); }
  async armed() {
    const at = await this.storage.getAlarm();
    return at === null ? null : at > Date.now() ? "future" : "past";
  }
  disarm() { return this.storage.deleteAlarm(); }
  hello() { return "hello"; }
  // --- gates ---
  async increment(how, inside) {
    const step = async () => {
      const value = (await this.storage.get("n")) ?? 0;
      await between[how](this);
      await this.storage.put("n", value + 1);
      return value;
    };
    if (inside === "transaction") return this.storage.transaction(step);
    if (inside === "section") return this.ctx.blockConcurrencyWhile(step);
    return step();
  }
  async ownTasks() {
    const step = async () => {
      const value = (await this.storage.get("own")) ?? 0;
      await this.storage.put("own", value + 1);
    };
    await Promise.all([step(), step(), step()]);
    return this.storage.get("own");
  }
  async slowly(number, ms) {
    note(this.name, `begin ${number}`);
    await sleep(ms);
    note(this.name, `end ${number}`);
  }
  arrive(number) { note(this.name, number); }
  // --- units ---
  async writeAbort(how) {
    this.write("a");
    await between[how](this);
    this.write("b");
    this.ctx.abort("told to");
  }
  writeThrow() { this.write("a"); throw new Error("thrown"); }
  async transactionAbort() {
    this.write("a");
    await this.storage.transaction(async () => { this.write("b"); this.ctx.abort("told to"); });
  }
  async transactionThrow() {
    await this.storage.transaction(async () => { this.write("a"); throw new Error("thrown"); });
  }
  syncThrow() {
    this.write("a");
    try {
      this.storage.transactionSync(() => { this.write("b"); throw new Error("thrown"); });
    } catch { this.write("c"); }
  }
  nested() {
    this.storage.transactionSync(() => {
      this.write("a");
      try {
        this.storage.transactionSync(() => { this.write("b"); throw new Error("thrown"); });
      } catch { this.write("c"); }
    });
  }
  syncAlarmThrow() {
    try {
      this.storage.transactionSync(() => {
        this.write("a");
        this.storage.setAlarm(Date.now() + 3_600_000);
        throw new Error("thrown");
      });
    } catch { /* as planned */ }
  }
  syncKvThrow() {
    try {
      this.storage.transactionSync(() => { this.write("a"); this.storage.put("kv", 1); throw new Error("thrown"); });
    } catch { /* as planned */ }
  }
  async alarmAbort(durable) {
    this.write("a");
    this.storage.setAlarm(Date.now() + 3_600_000);
    if (durable) await this.storage.sync();
    this.ctx.abort("told to");
  }
  async brokenConstraint() {
    this.sql.exec("CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)");
    this.sql.exec("CREATE TABLE IF NOT EXISTS child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
    await this.storage.sync();
    await this.env.PEER.getByName(`${this.name}-peer`).arrive("before");
    this.write("a");
    this.sql.exec("INSERT INTO child VALUES (7)");
    await this.env.PEER.getByName(`${this.name}-peer`).arrive("after");
  }
  abortNow() { this.ctx.abort("told to"); this.write("after"); }
  async abortLater(ms) { await sleep(ms); this.ctx.abort("told to"); }
  async sendAbort() {
    this.write("a");
    this.env.QUEUE.send({ to: this.name });
    this.ctx.abort("told to");
  }
  async everything() {
    this.write("a");
    await this.storage.put("kv", 1);
    await this.storage.setAlarm(Date.now() + 3_600_000);
    await this.storage.deleteAll();
    return [this.sql.exec("SELECT count(*) FROM sqlite_master WHERE name = 't'").raw().toArray()[0][0],
      (await this.storage.get("kv")) ?? null, await this.storage.getAlarm()];
  }
  // --- sections and errors ---
  async sectionThrow() { await this.ctx.blockConcurrencyWhile(async () => { throw new Error("in a section"); }); }
  async sectionWait(ms) { await this.ctx.blockConcurrencyWhile(() => sleep(ms)); return "done"; }
  async sectionSelf() {
    await this.ctx.blockConcurrencyWhile(() => this.env.PROBE.getByName(this.name).hello());
  }
  async sectionAlarm() {
    await this.ctx.blockConcurrencyWhile(async () => {
      await this.storage.setAlarm(Date.now() + 5);
      await sleep(60);
      note(this.name, "section ends");
    });
  }
  async self() { return this.env.PROBE.getByName(this.name).hello(); }
  thrower() { throw new RangeError("by the user"); }
  unhandled() { Promise.reject(new Error("nobody catches it")); return this.instance; }
  timerThrow() { setTimeout(() => { throw new Error("in a timer"); }, 1); return this.instance; }
  keepAwake() { setInterval(() => {}, 1000); return this.instance; }
  large() { return "x".repeat(33 << 20); }
  async fetch() { await sleep(40); this.write("a"); return new Response("late"); }
  // --- SQL ---
  query(text, ...values) {
    return this.sql.exec(text, ...values).raw().toArray().map((row) => row.map((value) =>
      value instanceof ArrayBuffer ? `ArrayBuffer ${value.byteLength}` : `${typeof value} ${String(value).slice(0, 30)}`));
  }
  queryBig() { return this.query("SELECT ?", 2n ** 60n); }
  queryBool() { return this.query("SELECT ?, typeof(?1)", true); }
  queryBlob() { return this.query("SELECT ?, typeof(?1)", new Uint8Array(3)); }
  queryLong(n) { this.sql.exec("INSERT OR REPLACE INTO t VALUES ('long', ?)", "x".repeat(n)); return n; }
  queryMany(n) { return this.query(`SELECT 1 IN (${Array(n).fill("?").join(",")})`, ...Array(n).fill(1)); }
  queryText(n) { return this.query(`SELECT 1 -- ${"x".repeat(n)}`).length; }
  queryDeep(n) { return this.query(`SELECT ${"(".repeat(n)}1${"+1)".repeat(n)}`); }
  queryOne() { return this.sql.exec("SELECT * FROM t WHERE k = 'nobody'").one(); }
  cursor() {
    for (const k of ["1", "2", "3"]) this.write(k);
    const found = [];
    for (const row of this.sql.exec("SELECT k FROM t ORDER BY k")) {
      found.push(row.k);
      if (row.k === "1") { this.write("4"); this.sql.exec("DELETE FROM t WHERE k = '2'"); }
    }
    return found.join("");
  }
  // --- alarms ---
  plan(...steps) { plans.set(this.name, steps); }
  async alarm(info) {
    let set;
    if ((plans.get(this.name) ?? [])[0] === "same" && !seen(this.name).length) {
      this.storage.setAlarm(info.scheduledTime);
      set = Date.now();
    }
    const name = this.name;
    const run = seen(name).length;
    const plan = plans.get(name) ?? [];
    const at = Date.now();
    note(name, {
      at, run, scheduled: info.scheduledTime, retry: info.retryCount, isRetry: info.isRetry,
      inside: await this.armed(), instance: this.instance, set,
    });
    this.write(`r${run}`);
    const step = plan[Math.min(run, plan.length - 1)];
    if (step === "throw") throw new Error("planned");
    if (step === "abort") this.ctx.abort("planned");
    if (step === "rearm-throw") { await this.storage.setAlarm(Date.now() + 50); throw new Error("planned"); }
    if (step === "delete-throw") { await this.storage.deleteAlarm(); throw new Error("planned"); }
    if (step === "next") await this.storage.setAlarm(Math.max(Date.now(), info.scheduledTime) + 1);
    if (step === "hang") await sleep(600_000);
    if (step === "slow") { await sleep(80); note(name, "slow ends"); }
    if (step === "slow-rearm") { await this.storage.setAlarm(Date.now() + 10); await sleep(80); note(name, "slow ends"); }
  }
}

export class Peer extends Probe {}

// --- the cases: (fresh name, environment) -> what is seen -------------------------------------------------

const alarms = (name) => seen(name).filter((entry) => typeof entry === "object");
const abortOf = async (probe, name, method, ...values) => {
  const stub = probe(name);
  const before = await stub.who();
  const says = await outcome(stub[method](...values));
  const fresh = probe(name);
  return { says: says?.says ?? "no error", reset: says?.reset ?? false, rows: await fresh.rows(),
    instance: (await fresh.who()) === before ? "same" : "new" };
};
const five = async (stub, ...how) => (await Promise.all(Array.from({ length: 5 }, () => stub.increment(...how)))).join("");
const gap = (runs, index) => (runs[index + 1].at - runs[index].at) / 1000;
const near = (runs) => runs.slice(1).map((_, index) => {
  const least = 2 ** (index + 1);
  const found = gap(runs, index);
  return found >= least && found <= least * 1.25 + 1.5 ? `${least} s` : found;
});

const cases = {
  // input gate
  async "gate-nothing"(n, { probe }) { return five(probe(n), "nothing"); },
  async "gate-timer"(n, { probe }) { return five(probe(n), "timer"); },
  async "gate-sync"(n, { probe }) { return five(probe(n), "sync"); },
  async "gate-rpc"(n, { probe }) { return five(probe(n), "rpc"); },
  async "gate-queue"(n, { probe }) { return five(probe(n), "queue"); },
  async "gate-r2"(n, { probe }) { return five(probe(n), "r2"); },
  async "gate-transaction"(n, { probe }) { return five(probe(n), "timer", "transaction"); },
  async "gate-section"(n, { probe }) { return five(probe(n), "timer", "section"); },
  async "gate-own-tasks"(n, { probe }) { return probe(n).ownTasks(); },
  async "calls-in-order"(n, { probe }) {
    const stub = probe(n);
    await Promise.all(Array.from({ length: 20 }, (_, number) => stub.arrive(number)));
    return seen(n).every((number, index) => number === index);
  },
  async "calls-end-out-of-order"(n, { probe }) {
    const stub = probe(n);
    await Promise.all([stub.slowly(1, 40), stub.slowly(2, 1)]);
    return seen(n);
  },
  // units
  async "unit-promise"(n, { probe }) { return abortOf(probe, n, "writeAbort", "promise"); },
  async "unit-get"(n, { probe }) { return abortOf(probe, n, "writeAbort", "get"); },
  async "unit-sync"(n, { probe }) { return abortOf(probe, n, "writeAbort", "sync"); },
  async "unit-timer"(n, { probe }) { return abortOf(probe, n, "writeAbort", "zero"); },
  async "unit-rpc"(n, { probe }) { return abortOf(probe, n, "writeAbort", "rpc"); },
  async "unit-throw"(n, { probe }) { return abortOf(probe, n, "writeThrow"); },
  async "transaction-abort"(n, { probe }) { return abortOf(probe, n, "transactionAbort"); },
  async "transaction-throw"(n, { probe }) { return abortOf(probe, n, "transactionThrow"); },
  async "sync-transaction-throw"(n, { probe }) { return abortOf(probe, n, "syncThrow"); },
  async "sync-transaction-nested"(n, { probe }) { return abortOf(probe, n, "nested"); },
  async "sync-transaction-alarm"(n, { probe }) {
    await probe(n).syncAlarmThrow();
    return [await probe(n).rows(), await probe(n).armed()];
  },
  async "sync-transaction-kv"(n, { probe }) {
    await probe(n).syncKvThrow();
    return [await probe(n).rows(), (await probe(n).kv("kv")) ?? null];
  },
  async "alarm-with-unit"(n, { probe }) {
    const found = await abortOf(probe, n, "alarmAbort", false);
    return [found.rows, await probe(n).armed()];
  },
  async "alarm-with-durable-unit"(n, { probe }) {
    const found = await abortOf(probe, n, "alarmAbort", true);
    return [found.rows, await probe(n).armed()];
  },
  async "broken-constraint"(n, { probe }) {
    const found = await abortOf(probe, n, "brokenConstraint");
    return { ...found, peer: seen(`${n}-peer`) };
  },
  async "delete-all"(n, { probe }) { return probe(n).everything(); },
  // calls, errors, lives
  async "abort-now"(n, { probe }) { return abortOf(probe, n, "abortNow"); },
  async "abort-in-flight"(n, { probe }) {
    const stub = probe(n);
    const before = await stub.who();
    await stub.write("a");
    const told = await Promise.all([outcome(stub.slowly(1, 500)), outcome(stub.abortLater(20)), outcome(stub.slowly(2, 500))]);
    const old = await outcome(stub.who());
    const fresh = probe(n);
    return { told: told.map((each) => `${each.says} ${each.reset}`), old: typeof old === "number" ? "answers" : old.says,
      rows: await fresh.rows(), instance: (await fresh.who()) === before ? "same" : "new", ended: seen(n).filter((each) => each.startsWith("end")).length };
  },
  async "user-error"(n, { probe }) {
    const before = await probe(n).who();
    const error = await outcome(probe(n).thrower());
    return { ...error, instance: (await probe(n).who()) === before ? "same" : "new" };
  },
  async "missing-method"(n, { probe }) { return outcome(probe(n).nobodyKnowsIt()); },
  async "section-throw"(n, { probe }) { return abortOf(probe, n, "sectionThrow"); },
  async "constructor-throw"(n, { probe }) {
    const first = await outcome(probe(`bad-constructor-${n}`).who());
    return [first, typeof (await probe(`bad-constructor-${n}`).who())];
  },
  async "section-30-s"(n, { probe }) {
    const stub = probe(n);
    const begun = Date.now();
    const told = await Promise.all([outcome(stub.sectionWait(31_000)), outcome(stub.hello())]);
    const seconds = (Date.now() - begun) / 1000;
    return [...told, seconds > 29.5 && seconds < 31 ? "after 30 s" : seconds];
  },
  async "section-self-call"(n, { probe }) { return outcome(probe(n).sectionSelf()); },
  async "self-call"(n, { probe }) { return probe(n).self(); },
  async "unhandled-rejection"(n, { probe }) {
    const before = await probe(n).unhandled();
    await sleep(20);
    return (await probe(n).who()) === before ? "same" : "new";
  },
  async "throw-in-timer"(n, { probe }) {
    const before = await probe(n).timerThrow();
    await sleep(30);
    return (await probe(n).who()) === before ? "same" : "new";
  },
  async "caller-gives-up"(n, { probe }) {
    const stop = new AbortController();
    const call = outcome(probe(n).fetch("http://probe/", { signal: stop.signal }));
    await sleep(10);
    stop.abort();
    const told = await call;
    await sleep(80);
    return { told: told.says ?? "no error", rows: await probe(n).rows() };
  },
  async "call-above-32-mib"(n, { probe }) { return outcome(probe(n).large()); },
  async "shared-globals"(n, { probe }) { await probe(`${n}-a`).arrive(1); return seen(`${n}-a`).length; },
  async "id-of-name"(n, { probe, env }) {
    const id = env.PROBE.idFromName(n);
    const other = await outcome((async () => env.PEER.get(id).hello())());
    return [id.toString() === env.PROBE.idFromName(n).toString(), id.toString().length, other, (await probe(n).idName()) === n];
  },
  async "idle-12-s"(n, { probe }) {
    const before = await probe(n).who();
    const awake = await probe(`${n}-awake`).keepAwake();
    await sleep(12_000);
    return [(await probe(n).who()) === before ? "same" : "new", (await probe(`${n}-awake`).who()) === awake ? "same" : "new"];
  },
  // SQL
  async "sql-compound"(n, { probe }) {
    const select = (terms) => Array(terms).fill("SELECT 1").join(" UNION ALL ");
    return [(await probe(n).query(select(5))).length, (await outcome(probe(n).query(select(6)))).says];
  },
  async "sql-begin"(n, { probe }) { return (await outcome(probe(n).query("BEGIN"))).says; },
  async "sql-large-integer"(n, { probe }) { return probe(n).query("SELECT 9007199254740993"); },
  async "sql-bigint"(n, { probe }) { return (await outcome(probe(n).queryBig())).says; },
  async "sql-boolean"(n, { probe }) { return outcome(probe(n).queryBool()); },
  async "sql-number"(n, { probe }) { return probe(n).query("SELECT ?1, typeof(?1), ?2, typeof(?2)", 7, 1.5); },
  async "sql-text"(n, { probe }) { return probe(n).query("SELECT ?, ?, ?", "é😀", "", null); },
  async "sql-blob"(n, { probe }) { return probe(n).queryBlob(); },
  async "sql-parameters"(n, { probe }) {
    return [(await probe(n).queryMany(100))[0][0], (await outcome(probe(n).queryMany(101))).says];
  },
  async "sql-statement-length"(n, { probe }) {
    return [await probe(n).queryText(99_000), (await outcome(probe(n).queryText(100_001))).says];
  },
  async "sql-value-length"(n, { probe }) {
    return [await probe(n).queryLong(2_000_000), await outcome(probe(n).queryLong(2_200_000)), await outcome(probe(n).queryLong(4_300_000)), await outcome(probe(n).queryLong(30_000_000))];
  },
  async "sql-expression-depth"(n, { probe }) {
    return [(await probe(n).queryDeep(90))[0][0], (await outcome(probe(n).queryDeep(110))).says];
  },
  async "sql-like-length"(n, { probe }) {
    return [(await probe(n).query("SELECT 'a' LIKE ?", "x".repeat(50)))[0][0], (await outcome(probe(n).query("SELECT 'a' LIKE ?", "x".repeat(51)))).says];
  },
  async "sql-one"(n, { probe }) { return (await outcome(probe(n).queryOne())).says; },
  async "sql-several-statements"(n, { probe }) {
    return probe(n).query("INSERT INTO t VALUES ('a', 1); SELECT k, ? FROM t", 5);
  },
  async "sql-reserved-names"(n, { probe }) { return (await outcome(probe(n).query("CREATE TABLE _cf_mine (x)"))).says; },
  async "sql-cursor"(n, { probe }) { return probe(n).cursor(); },
  // alarms
  async "alarm-rings-once"(n, { probe }) {
    await probe(n).arm(30);
    await until(() => alarms(n).length);
    await sleep(60);
    const [run] = alarms(n);
    return { runs: alarms(n).length, early: run.at < run.scheduled, retry: run.retry, inside: run.inside, after: await probe(n).armed() };
  },
  async "alarm-replaced"(n, { probe }) {
    await probe(n).arm(20);
    await probe(n).arm(80);
    const least = Date.now() + 70;
    await until(() => alarms(n).length);
    await sleep(40);
    return [alarms(n).length, alarms(n)[0].at >= least];
  },
  async "alarm-deleted"(n, { probe }) {
    await probe(n).arm(20);
    await probe(n).disarm();
    await sleep(60);
    return [alarms(n).length, await probe(n).armed()];
  },
  async "alarm-in-the-past"(n, { probe }) {
    const now = Date.now();
    await probe(n).arm(-5_000);
    await until(() => alarms(n).length);
    return { runs: alarms(n).length, scheduled: alarms(n)[0].scheduled < now - 4_000 ? "as it was set" : "the present" };
  },
  async "alarm-impossible"(n, { probe }) {
    const said = [];
    for (const at of [-1e15, -Date.now() - 1000, Number.NaN, 8e15]) said.push((await outcome(probe(n).arm(at))).says ?? "taken");
    return said;
  },
  async "alarm-first-retry"(n, { probe }) {
    await probe(n).plan("throw", "end");
    await probe(n).arm(5);
    await until(() => alarms(n).length);
    await sleep(100);
    const meanwhile = await probe(n).armed();
    await until(() => alarms(n).length > 1);
    const runs = alarms(n);
    return { gaps: near(runs), retries: runs.map((each) => each.retry), same: runs[0].scheduled === runs[1].scheduled,
      meanwhile, rows: await probe(n).rows(), instance: runs[0].instance === runs[1].instance ? "same" : "new" };
  },
  async "alarm-always-throws"(n, { probe }) {
    await probe(n).plan("throw");
    await probe(n).arm(5);
    await until(() => alarms(n).length === 7, 180_000);
    await sleep(300);
    const runs = alarms(n);
    return { gaps: near(runs), retries: runs.map((each) => each.retry), after: await probe(n).armed() };
  },
  async "alarm-set-then-throw"(n, { probe }) {
    await probe(n).plan("rearm-throw", "end");
    await probe(n).arm(5);
    await until(() => alarms(n).length > 1);
    const runs = alarms(n);
    return { soon: gap(runs, 0) < 1.5, retries: runs.map((each) => each.retry), rows: await probe(n).rows() };
  },
  async "alarm-deleted-then-throw"(n, { probe }) {
    await probe(n).plan("delete-throw", "end");
    await probe(n).arm(5);
    await until(() => alarms(n).length);
    await sleep(3_500);
    return [alarms(n).length, await probe(n).armed()];
  },
  async "alarm-abort"(n, { probe }) {
    await probe(n).plan("abort", "end");
    await probe(n).arm(5);
    await until(() => alarms(n).length > 1);
    const runs = alarms(n);
    return { gaps: near(runs), retries: runs.map((each) => each.retry),
      instance: runs[0].instance === runs[1].instance ? "same" : "new", rows: await probe(n).rows() };
  },
  async "alarm-same-moment"(n, { probe }) {
    const found = { "later, and rang": 0, "later, and lost": 0, "same ms, and rang": 0, "same ms, and lost": 0 };
    for (let number = 0; number < 30; number++) {
      const name = `${n}-${number}`;
      await probe(name).plan("same", "end");
      await probe(name).arm(number % 3);
      await until(() => alarms(name).length);
      await sleep(20);
      await until(() => alarms(name).length > 1, 100).catch(() => {});
      const same = alarms(name)[0].set === alarms(name)[0].scheduled;
      const lost = alarms(name).length === 1 && (await probe(name).armed()) === "past";
      found[`${same ? "same ms" : "later"}, and ${lost ? "lost" : "rang"}`]++;
    }
    // A clock that ticks just then makes one look later than it was.
    return { "set in its own ms": found["same ms, and rang"] ? "rings" : "lost", "set later": found["later, and lost"] < 3 ? "rings" : "lost" };
  },
  async "alarm-next-moment"(n, { probe }) {
    await probe(n).plan("next", "next", "end");
    await probe(n).arm(5);
    await until(() => alarms(n).length === 3);
    await sleep(30);
    return [alarms(n).length, await probe(n).armed()];
  },
  async "alarm-during-section"(n, { probe }) {
    await probe(n).sectionAlarm();
    await until(() => alarms(n).length);
    return seen(n).map((entry) => (typeof entry === "object" ? "alarm" : entry));
  },
  async "alarm-and-call"(n, { probe }) {
    await probe(n).plan("slow", "end");
    await probe(n).arm(5);
    await until(() => alarms(n).length);
    await probe(n).arrive("call");
    await until(() => seen(n).length === 3);
    return seen(n).map((entry) => (typeof entry === "object" ? "alarm" : entry));
  },
  async "alarm-and-alarm"(n, { probe }) {
    await probe(n).plan("slow-rearm", "end");
    await probe(n).arm(5);
    await until(() => alarms(n).length === 2);
    return seen(n).map((entry) => (typeof entry === "object" ? "alarm" : entry));
  },
  async "alarm-wakes"(n, { probe }) {
    const before = await probe(n).who();
    await probe(n).arm(60);
    await outcome(probe(n).abortNow());
    await until(() => alarms(n).length);
    return [alarms(n).length, alarms(n)[0].instance === before ? "same" : "new"];
  },
  async "alarms-of-one-moment"(n, { probe }) {
    const names = Array.from({ length: 10 }, (_, number) => `${n}-${number}`);
    await Promise.all(names.map((name) => probe(name).arm(30)));
    await until(() => names.every((name) => alarms(name).length));
    await sleep(40);
    return names.map((name) => alarms(name).length).join("");
  },
  // queues
  async "queue-first-delivery"(n, { env }) {
    await env.QUEUE.send({ to: n });
    await until(() => seen(n).length);
    await sleep(50);
    return seen(n).map((each) => each.attempts);
  },
  async "queue-retry"(n, { env }) {
    await env.QUEUE.send({ to: n, plan: ["retry", "end"] });
    await until(() => seen(n).length === 2);
    return { attempts: seen(n).map((each) => each.attempts), same: seen(n)[0].id === seen(n)[1].id };
  },
  async "queue-throw"(n, { env }) {
    await env.QUEUE.send({ to: n, plan: ["throw", "end"] });
    await until(() => seen(n).length === 2);
    return seen(n).map((each) => each.attempts);
  },
  async "queue-ack-then-throw"(n, { env }) {
    await env.QUEUE.send({ to: n, plan: ["ack-throw", "end"] });
    await until(() => seen(n).length === 2);
    return seen(n).map((each) => each.attempts);
  },
  async "queue-first-verdict"(n, { env }) {
    await env.QUEUE.send({ to: n, plan: ["ack-retry", "end"] });
    await env.QUEUE.send({ to: `${n}-other`, plan: ["retry-ack", "end"] });
    await until(() => seen(`${n}-other`).length === 2);
    await sleep(50);
    return [seen(n).length, seen(`${n}-other`).length];
  },
  async "queue-wait-until"(n, { env }) {
    await env.QUEUE.send({ to: n, plan: ["wait-until", "end"] });
    await until(() => seen(n).length === 2);
    return seen(n).map((each) => each.attempts);
  },
  async "queue-retries-end"(n, { env }) {
    await env.QUEUE.send({ to: n, plan: ["retry"] });
    await until(() => seen(n).some((each) => each.queue === "dead"));
    return { queues: seen(n).map((each) => each.queue), attempts: seen(n).map((each) => each.attempts),
      same: new Set(seen(n).map((each) => each.id)).size === 1 };
  },
  async "queue-delay"(n, { env }) {
    const sent = Date.now();
    await env.QUEUE.send({ to: n }, { delaySeconds: 1 });
    await until(() => seen(n).length);
    return seen(n)[0].at - sent >= 1_000 ? "not early" : "early";
  },
  async "queue-retry-delay"(n, { env }) {
    await env.QUEUE.send({ to: n, plan: ["retry-1-s", "end"] });
    await until(() => seen(n).length === 2);
    return seen(n)[1].at - seen(n)[0].at >= 1_000 ? "not early" : "early";
  },
  async "queue-batch"(n, { env }) {
    const bodies = Array.from({ length: 7 }, (_, number) => ({ body: { to: n, number } }));
    await env.QUEUE.sendBatch(bodies);
    await until(() => seen(n).length === 7);
    return [seen(n).map((each) => each.number).join(""), Math.max(...seen(n).map((each) => each.size)) <= 3];
  },
  async "queue-batch-mixed"(n, { env }) {
    await env.QUEUE.sendBatch([{ body: { to: n, number: 0 } }, { body: { to: n, number: 1, plan: ["retry", "end"] } }]);
    await until(() => seen(n).length === 3);
    await sleep(50);
    return seen(n).map((each) => `${each.number}.${each.attempts}`);
  },
  async "queue-too-large"(n, { env }) { return typeof (await outcome(env.QUEUE.send({ to: n, text: "x".repeat(129_000) })))?.says; },
  async "queue-held-by-gate"(n, { probe }) {
    const found = await abortOf(probe, n, "sendAbort");
    await sleep(100);
    return [found.rows, seen(n).length];
  },
  // R2
  async "r2-nothing"(n, { env }) { return [await env.BUCKET.get(n), await env.BUCKET.head(n)]; },
  async "r2-read-after-write"(n, { env }) {
    await env.BUCKET.put(n, "one");
    await env.BUCKET.put(n, "two");
    return (await env.BUCKET.get(n)).text();
  },
  async "r2-create-only"(n, { env }) {
    const put = (text) => env.BUCKET.put(n, text, { onlyIf: new Headers({ "If-None-Match": "*" }) });
    const found = [await put("one"), await put("two")];
    return [found.map((each) => each !== null), await (await env.BUCKET.get(n)).text()];
  },
  async "r2-create-only-race"(n, { env }) {
    const put = (text) => env.BUCKET.put(n, text, { onlyIf: new Headers({ "If-None-Match": "*" }) });
    const found = await Promise.all(Array.from({ length: 10 }, (_, number) => put(`${number}`)));
    return found.filter((each) => each !== null).length;
  },
  async "r2-compare-and-swap"(n, { env }) {
    const { etag } = await env.BUCKET.put(n, "zero");
    const put = (text) => env.BUCKET.put(n, text, { onlyIf: { etagMatches: etag } });
    const found = await Promise.all(Array.from({ length: 10 }, (_, number) => put(`${number}`)));
    return found.filter((each) => each !== null).length;
  },
  async "r2-same-bytes"(n, { env }) {
    const one = await env.BUCKET.put(n, "same");
    const two = await env.BUCKET.put(n, "same");
    return [one.etag === two.etag, one.version === two.version];
  },
  async "r2-delete-nothing"(n, { env }) { return (await env.BUCKET.delete(n)) ?? "fine"; },
  async "r2-conditional-get"(n, { env }) {
    const { etag } = await env.BUCKET.put(n, "text");
    const found = await env.BUCKET.get(n, { onlyIf: { etagDoesNotMatch: etag } });
    return [found !== null, "body" in found && Boolean(found.body)];
  },
  async "r2-empty"(n, { env }) {
    await env.BUCKET.put(n, "");
    const found = await env.BUCKET.get(n);
    return [found !== null, (await found.text()).length];
  },
  // what a crash of the process leaves: in two requests
  async "crash-1"(n, { probe, env }) {
    await probe(`${n}-rows`).write("a");
    await probe(`${n}-overdue`).arm(400);
    await probe(`${n}-running`).plan("slow-rearm");
    await env.BUCKET.put(n, "kept");
    await env.QUEUE.send({ to: `${n}-queue` }, { delaySeconds: 1 });
    plans.set(`${n}-running`, ["hang"]);
    await probe(`${n}-running`).arm(1);
    await until(() => alarms(`${n}-running`).length);
    return "kill me";
  },
  async "crash-2"(n, { probe, env }) {
    await until(() => alarms(`${n}-overdue`).length && alarms(`${n}-running`).length, 5_000).catch(() => {});
    const asleep = [alarms(`${n}-overdue`).length, alarms(`${n}-running`).length];
    await sleep(1_200);
    const running = alarms(`${n}-running`)[0];
    return { asleep, rows: await probe(`${n}-rows`).rows(), retry: running?.retry, isRetry: running?.isRetry,
      blob: await (await env.BUCKET.get(n)).text(), messages: seen(`${n}-queue`).length };
  },
};

async function take(message, batch) {
  const { to, number, plan = [] } = message.body;
  if (to === "nobody") return;
  const run = seen(to).filter((each) => each.number === number).length;
  note(to, { attempts: message.attempts, id: message.id, queue: batch.queue, at: Date.now(), number, size: batch.messages.length });
  return batch.queue === "dead" ? "end" : plan[Math.min(run, plan.length - 1)];
}

export default {
  async fetch(request, env) {
    const [, name, key] = new URL(request.url).pathname.split("/");
    const probe = (each) => env.PROBE.getByName(each);
    try {
      return Response.json({ seen: (await cases[name](key, { probe, env })) ?? null });
    } catch (error) {
      return Response.json({ failed: String(error?.stack ?? error) });
    }
  },
  async queue(batch, env, ctx) {
    let failure;
    for (const message of batch.messages) {
      const step = await take(message, batch);
      if (step === "retry") message.retry();
      else if (step === "retry-1-s") message.retry({ delaySeconds: 1 });
      else if (step === "ack-retry") { message.ack(); message.retry(); }
      else if (step === "retry-ack") { message.retry(); message.ack(); }
      else if (step === "ack-throw") { message.ack(); failure = new Error("planned"); }
      else if (step === "throw") failure = new Error("planned");
      else if (step === "wait-until") ctx.waitUntil(sleep(5).then(() => { throw new Error("planned"); }));
      else if (step === "end") message.ack();
    }
    if (failure) throw failure;
  },
};

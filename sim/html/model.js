// What the data means: steps by number, who a message reaches, what an object holds at a moment.
const [KIND, AT, LANE, MARK, TEXT, OTHER, FACTS, CAUSES] = [0, 1, 2, 3, 4, 5, 6, 7];
const data = JSON.parse(document.getElementById('data').textContent);
const UNITS = [[86400e9, 'd'], [3600e9, 'h'], [60e9, 'min'], [1e9, 's']];

function duration(ns) {
  if (ns < 0) return '-' + duration(-ns);
  if (ns === 0) return '0 s';
  if (ns < 1e9) return `${parseFloat((ns / 1e6).toPrecision(3))} ms`;
  if (ns < 60e9) return `${parseFloat((ns / 1e9).toFixed(2))} s`;
  const at = UNITS.findIndex(([size]) => ns >= size);
  const count = Math.floor(ns / UNITS[at][0]);
  const rest = Math.floor((ns % UNITS[at][0]) / UNITS[at + 1][0]);
  return `${count} ${UNITS[at][1]}` + (rest ? ` ${rest} ${UNITS[at + 1][1]}` : '');
}

class Run {
  constructor(raw, main) {
    Object.assign(this, raw);
    this.broken = new Set(main ? data.violations.flatMap((violation) => violation.steps) : []);
    this.storySteps = new Set(raw.story);
    this.wires = []; // [from index, to index, from lane, to lane, class]; a "to" of -1 was never reached
    this.commits = this.lanes.map(() => []);
    this.lives = this.lanes.map(() => []);
    this.calls = new Map(); // number of a call -> {call, delivers, replies, lost}: indices of its steps
    this.messages = new Map();
    this.steps.forEach((step, index) => this.read(step, index));
    for (const found of this.calls.values()) this.wire(found);
  }

  read(step, index) {
    const [kind, , lane, , , other, facts] = step;
    const thread = (name) => {
      if (!this.calls.has(name)) this.calls.set(name, { delivers: [], replies: [], lost: -1, call: -1 });
      return this.calls.get(name);
    };
    if (kind === 'call') thread(facts.call).call = index;
    else if (kind === 'deliver') thread(facts.call).delivers.push(index);
    else if (kind === 'reply') thread(facts.call).replies.push(index);
    else if (kind === 'lost') thread(facts.call).lost = index;
    else if (kind === 'commit') this.commits[lane].push(index);
    else if (kind === 'enqueue' || kind === 'redeliver') {
      const queue = kind === 'enqueue' ? other : lane;
      this.messages.set(`${queue} ${facts.message}`, index);
      if (kind === 'enqueue') this.wires.push([index, index, lane, queue, 'queued']);
    } else if (kind === 'consume') {
      const from = this.messages.get(`${other} ${facts.message}`) ?? index;
      this.wires.push([from, index, other, lane, 'queued']);
    }
    if (facts.incarnation !== undefined) this.live(kind, lane, facts.incarnation, index);
  }

  live(kind, lane, incarnation, index) {
    const lives = this.lives[lane];
    const life = lives.findLast((each) => each.incarnation === incarnation);
    if (!life) {
      if (kind !== 'dead') lives.push({ incarnation, from: index, to: this.steps.length, over: false });
    } else if (kind === 'dead') { life.to = index; life.over = true; }
  }

  wire({ call, delivers, replies, lost }) {
    if (call >= 0) {
      const [, , lane, , , other] = this.steps[call];
      for (const to of delivers) this.wires.push([call, to, lane, other, 'call']);
      if (!delivers.length) this.wires.push([call, -1, lane, other, 'call gone']);
    }
    for (const reply of replies) {
      const [, , lane, , , other] = this.steps[reply];
      if (other >= 0) this.wires.push([reply, lost >= 0 ? -1 : reply, lane, other, lost >= 0 ? 'reply gone' : 'reply']);
    }
  }

  number(index) { return this.first + index; }
  index(number) { return number - this.first; }

  // The rows of an object after the step at `index`: table -> key -> row; and every event ever recorded.
  stateAt(lane, index) {
    const tables = new Map();
    const events = new Map();
    let last = -1;
    const put = ([table, key, value, name, at], now) => {
      if (!tables.has(table)) tables.set(table, new Map());
      if (value < 0) tables.get(table).delete(key);
      else tables.get(table).set(key, value);
      if (name !== undefined && value >= 0) {
        if (!events.has(table)) events.set(table, new Map());
        events.get(table).set(key, { name, at, value, now });
      }
    };
    for (const row of this.base[lane]) put(row, false);
    for (const commit of this.commits[lane]) {
      if (commit > index) break;
      for (const row of this.steps[commit][FACTS].rows) put(row, commit === index);
      last = commit;
    }
    return { tables, events, last };
  }
}

const runs = data.runs.map((raw, index) => new Run(raw, index === 0));
const problems = [...runs[0].broken].filter((step) => runs[0].steps[runs[0].index(step)]).sort((a, b) => a - b);
if (data.difference !== null && !problems.includes(data.difference)) {
  problems.push(data.difference);
  problems.sort((a, b) => a - b);
}

// The selected step: what it says, what it goes with, what its object holds after it.
const HISTORY_TABLE = 'events:';
const SHOWN_AS = new Set(['value', 'rows']);

// Ids cut to what tells them apart.
function brief(text) {
  return text.replace(/([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '$1');
}

function flat(value) {
  return value === null || typeof value !== 'object';
}

// A value as indented text, one field a line.
function written(value, indent = '') {
  if (flat(value)) return String(value);
  if (Array.isArray(value)) {
    if (value.every(flat)) return `[${value.join(', ')}]`;
    return value.map((item) => `\n${indent}- ${written(item, indent + '  ')}`).join('');
  }
  const fields = Object.entries(value).filter(([name]) => name !== data.class);
  const lines = fields.map(([name, item]) => `\n${indent}${name}: ${written(item, indent + '  ')}`);
  return (value[data.class] ?? '') + lines.join('');
}

function folded(title, value, open = false) {
  const text = written(value);
  if (!text.includes('\n') && text.length < 60) return make('p', {}, title, ' ', make('code', { textContent: text }));
  return make('details', { open }, make('summary', {}, ...[title].flat()), make('pre', { textContent: text }));
}

class Details {
  constructor(element, onJump) {
    this.element = element;
    this.onJump = onJump;
  }

  link(run, number) {
    const button = make('button', { type: 'button', className: 'jump', textContent: `#${number}` });
    button.addEventListener('click', () => this.onJump(run, number));
    return button;
  }

  links(run, title, indices) {
    const shown = indices.filter((index) => index >= 0);
    if (!shown.length) return [];
    return [make('p', {}, `${title} `, ...shown.flatMap((index) => [this.link(run, run.number(index)), ' ']))];
  }

  show(run, index) {
    const step = run.steps[index];
    const [kind, at, lane, mark, text, , facts] = step;
    const number = run.number(index);
    const found = [
      make('h2', { textContent: `${run.lanes[lane].name} ${mark} ${text}` }),
      make('p', { className: 'dim', textContent: `#${number} ${kind.replace('_', ' ')} · +${duration(at)} after ${data.start}` }),
    ];
    if (run.broken.has(number)) {
      for (const violation of data.violations) {
        if (violation.steps.includes(number)) {
          found.push(make('p', { className: 'wrong', textContent: brief(`${violation.checker}: ${violation.message.split('\n')[0]}`) }));
        }
      }
    }
    if (number === data.difference) {
      found.push(make('p', { className: 'wrong', textContent: 'Here the two runs differ for the first time.' }));
    }
    found.push(...this.together(run, step, index), ...this.own(facts));
    if (facts.value !== undefined) {
      found.push(make('h3', { textContent: kind === 'reply' ? 'Reply' : 'Message' }),
        make('pre', { textContent: written(data.values[facts.value]) }));
    }
    if (facts.rows) found.push(...this.changes(run, lane, index, facts.rows));
    found.push(...this.state(run, lane, index));
    this.element.replaceChildren(...found);
    this.element.scrollTop = 0;
  }

  together(run, step, index) {
    const calls = run.calls.get(step[FACTS].call);
    const others = (indices) => indices.filter((each) => each !== index);
    return [
      ...(calls ? [
        ...this.links(run, 'sent at', others([calls.call])),
        ...this.links(run, 'arrives at', others(calls.delivers)),
        ...this.links(run, 'answered at', others(calls.replies)),
        ...this.links(run, 'outcome lost at', others([calls.lost])),
      ] : []),
      ...this.links(run, 'follows from', step[CAUSES].map((number) => run.index(number))),
    ];
  }

  own(facts) {
    const rows = Object.entries(facts).filter(([name]) => !SHOWN_AS.has(name)).map(([name, value]) => {
      const text = name.endsWith('_ns') && typeof value === 'number' ? `+${duration(value)}` : String(value);
      const title = name.replace(/_ns$/, '').replaceAll('_', ' ');
      return make('tr', {}, make('td', { textContent: title }), make('td', { textContent: text }));
    });
    return rows.length ? [make('table', {}, make('tbody', {}, ...rows))] : [];
  }

  changes(run, lane, index, rows) {
    const before = run.stateAt(lane, index - 1).tables;
    const found = [make('h3', { textContent: `Rows changed (${rows.length})` })];
    for (const [table, key, value, name] of rows) {
      const title = brief(`${table} / ${key}`);
      const old = before.get(table)?.get(key);
      if (value < 0) {
        found.push(make('p', {}, make('del', { textContent: title }), ' deleted'));
        continue;
      }
      const now = data.values[value];
      const label = [make('span', { textContent: `${title} ` }), make('b', { textContent: name ?? '' })];
      if (old === undefined) label.push(make('span', { className: 'new', textContent: name ? '' : 'new' }));
      found.push(folded(label, now));
      if (old !== undefined) found.push(this.difference(data.values[old], now));
    }
    return found;
  }

  difference(old, now) {
    const list = make('div', { className: 'nested' });
    if (flat(old) || flat(now)) return list;
    for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
      const [was, is] = [old[name], now[name]].map((value) => (value === undefined ? '-' : written(value)));
      if (was !== is && was.length + is.length < 400) {
        list.append(make('p', {}, `${name}: `, make('del', { textContent: was }), ' ', make('ins', { textContent: is })));
      }
    }
    return list;
  }

  state(run, lane, index) {
    const { tables, events, last } = run.stateAt(lane, index);
    const full = [...tables].filter(([name, rows]) => rows.size && !name.startsWith(HISTORY_TABLE));
    if (!full.length && !events.size) return [];
    const found = [make('h3', { textContent: `${run.lanes[lane].name} at this moment` })];
    if (last >= 0) found.push(make('p', { className: 'dim' }, 'as of its commit ', this.link(run, run.number(last))));
    for (const [table, rows] of full) {
      const inside = [...rows].map(([key, value]) => folded(brief(key), data.values[value]));
      const nested = make('div', { className: 'nested' }, ...inside);
      found.push(make('details', {}, make('summary', { textContent: brief(`${table} (${rows.size})`) }), nested));
    }
    for (const [table, rows] of events) {
      const gone = tables.get(table).size === 0 ? ', archived' : '';
      const inside = [...rows].map(([key, { name, at, value, now }]) =>
        folded([make('span', { className: now ? 'new' : '', textContent: `${key} +${duration(at)} ${name}` })], data.values[value]));
      found.push(make('details', { open: true },
        make('summary', { textContent: `History of ${brief(table.slice(HISTORY_TABLE.length))} (${rows.size} events${gone})` }),
        make('div', { className: 'nested' }, ...inside)));
    }
    return found;
  }
}

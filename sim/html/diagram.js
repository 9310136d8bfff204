// One run drawn: lanes from left to right, time downwards, a row a step. Only the rows in sight exist.
const ROW = 22;
const OVERSCAN = 12;
const GAP_NS = 1e9;
const SVG = document.getElementById('namespace').namespaceURI;

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element && key !== 'role') element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

class Pane {
  constructor(run, number, onPick, onScroll) {
    Object.assign(this, { run, number, onPick, picked: -1, rows: [], rowOf: new Map(), shownLanes: [] });
    this.heads = make('div', { className: 'heads' });
    this.content = make('div', { className: 'content' });
    this.scroll = make('div', {
      className: 'scroll', role: 'listbox', tabIndex: 0,
      'aria-label': `Steps of the run that ${run.label}`,
    }, this.heads, this.content);
    this.element = make('section', { className: 'pane' }, this.scroll);
    if (runs.length > 1) {
      this.element.prepend(make('h2', { className: run.label, textContent: `the run that ${run.label}` }));
    }
    let waiting = false;
    this.scroll.addEventListener('scroll', () => {
      onScroll(this);
      if (!waiting) requestAnimationFrame(() => { waiting = false; this.paint(); });
      waiting = true;
    });
    this.content.addEventListener('click', (event) => {
      const row = event.target.closest('[data-index]');
      if (row) onPick(this, Number(row.dataset.index));
    });
    new ResizeObserver(() => this.layout()).observe(this.scroll);
  }

  // `lanes`: the lanes in sight; `keeps`: which steps are.
  show(lanes, keeps) {
    this.shownLanes = lanes;
    this.rows = [];
    this.rowOf = new Map();
    let before = null;
    this.run.steps.forEach((step, index) => {
      if (!keeps(step, index)) return;
      if (before !== null && step[AT] - before >= GAP_NS) this.rows.push({ gap: step[AT] - before });
      this.rowOf.set(index, this.rows.length);
      this.rows.push({ index, sameTime: before !== null && duration(before) === duration(step[AT]) });
      before = step[AT];
    });
    this.indices = [...this.rowOf.keys()];
    this.layout();
  }

  layout() {
    const width = this.scroll.clientWidth;
    if (!width) return;
    const count = Math.max(this.shownLanes.length, 1);
    this.gutter = width < 600 ? 66 : 92;
    const room = (width - this.gutter) * (width < 600 ? 0.44 : 0.5);
    this.column = Math.max(width < 600 ? 14 : 22, Math.min(110, room / count));
    this.tight = width < 600; // what happened comes first there: the lane says already to whom
    this.words = this.gutter + count * this.column + 6;
    this.x = new Map(this.shownLanes.map((lane, at) => [lane, this.gutter + (at + 0.5) * this.column]));
    this.content.style.width = `${Math.max(width, this.words + (width < 600 ? 190 : 260))}px`;
    this.content.style.height = `${this.rows.length * ROW + 30}px`;
    this.drawHeads();
    this.paint();
  }

  drawHeads() {
    const names = this.shownLanes.map((lane) => this.run.lanes[lane]);
    const longest = Math.max(4, ...names.map((lane) => lane.name.length));
    const flat = longest * 6.6 < this.column - 6;
    const height = flat ? 28 : Math.min(130, 26 + longest * 4.4);
    const svg = draw('svg', { width: this.words + 80, height, 'aria-hidden': true });
    names.forEach((lane, at) => {
      const x = this.x.get(this.shownLanes[at]);
      const name = lane.name.length > 24 ? lane.name.slice(0, 23) + '…' : lane.name;
      const place = flat ? { x, y: 18, 'text-anchor': 'middle' }
        : { transform: `translate(${x + 2} ${height - 8}) rotate(-40)` };
      const text = draw('text', { ...place, fill: `var(--kind-${lane.group})` }, name);
      text.style.fill = `var(--kind-${lane.group})`;
      text.append(draw('title', {}, lane.key));
      svg.append(text);
    });
    this.heads.replaceChildren(svg);
    this.heads.style.width = this.content.style.width;
    this.headsHeight = height + 1;
  }

  // The row of a step, or of the first one shown after it.
  rowAfter(index) {
    let low = 0;
    let high = this.indices.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.indices[middle] < index) low = middle + 1; else high = middle;
    }
    return low < this.indices.length ? this.rowOf.get(this.indices[low]) : this.rows.length;
  }

  reveal(index) {
    const y = this.rowOf.get(index) * ROW;
    const height = this.scroll.clientHeight - this.headsHeight;
    if (y < this.scroll.scrollTop + ROW || y > this.scroll.scrollTop + height - 2 * ROW) {
      this.scroll.scrollTop = y - height / 2;
    }
    this.paint();
  }

  paint() {
    if (!this.x) return;
    const above = Math.floor(this.scroll.scrollTop / ROW) - OVERSCAN; // of what was shown before, maybe
    const from = Math.max(0, Math.min(above, this.rows.length - OVERSCAN));
    const to = Math.min(this.rows.length, from + Math.ceil(this.scroll.clientHeight / ROW) + 2 * OVERSCAN);
    const found = [];
    for (let at = from; at < to; at += 1) found.push(this.row(at));
    if (!this.rows.length) found.push(make('p', { className: 'empty', textContent: 'No step passes the filter.' }));
    this.content.replaceChildren(...found, this.wires(from, to));
    this.scroll.setAttribute('aria-activedescendant', this.picked >= 0 ? `step-${this.number}-${this.picked}` : '');
  }

  row(at) {
    const { index, gap, sameTime } = this.rows[at];
    const top = `${at * ROW}px`;
    const words = make('span', { className: 'words' });
    words.style.left = `${this.words}px`;
    if (gap !== undefined) {
      words.textContent = `${duration(gap)} later`;
      const row = make('div', { className: 'row gap', role: 'presentation' }, words);
      row.style.top = top;
      return row;
    }
    const step = this.run.steps[index];
    const number = this.run.number(index);
    const broken = this.run.broken.has(number);
    const apart = data.difference === number;
    const who = this.run.lanes[step[LANE]].name;
    if (this.tight) words.append(`${this.withoutReceiver(step)} `, make('small', { textContent: who }));
    else words.append(make('b', { textContent: who }), ` ${step[TEXT]}`);
    if (step[MARK] === '✗' || broken) words.classList.add('harm');
    const row = make('div', {
      className: `row${broken ? ' broken' : ''}${apart ? ' apart' : ''}${index === this.picked ? ' picked' : ''}`,
      role: 'option', id: `step-${this.number}-${index}`, 'aria-selected': index === this.picked,
      'aria-setsize': this.indices.length, title: `#${number} ${step[TEXT]}`,
    }, make('span', { className: 'at', textContent: sameTime ? '' : `+${duration(step[AT])}` }), words);
    row.dataset.index = index;
    row.style.top = top;
    return row;
  }

  // An arrow says already where a message goes, if its end is in sight.
  withoutReceiver(step) {
    const said = `${this.run.lanes[step[OTHER]]?.name}: `;
    return this.x.has(step[OTHER]) && step[TEXT].startsWith(said) ? step[TEXT].slice(said.length) : step[TEXT];
  }

  wires(from, to) {
    const top = from * ROW;
    const y = (row) => row * ROW + ROW / 2 - top;
    const svg = draw('svg', { class: 'wires', width: this.words, height: (to - from) * ROW, 'aria-hidden': true });
    svg.style.top = `${top}px`;
    const line = (name, x1, y1, x2, y2) => svg.append(draw('line', { class: name, x1, y1, x2, y2 }));
    for (const lane of this.shownLanes) {
      const x = this.x.get(lane);
      line('life', x, 0, x, (to - from) * ROW);
      for (const life of this.run.lives[lane]) {
        const [start, end] = [this.rowAfter(life.from), life.over ? this.rowAfter(life.to) : this.rows.length];
        if (end < from || start > to) continue;
        const alive = draw('line', { class: 'alive', x1: x, x2: x, y1: y(Math.max(start, from - 1)), y2: y(Math.min(end, to + 1)) });
        alive.style.stroke = `var(--kind-${this.run.lanes[lane].group})`;
        svg.append(alive);
      }
    }
    for (const wire of this.run.wires) this.wire(svg, wire, from, to, y);
    for (let at = from; at < to; at += 1) {
      if (this.rows[at].index !== undefined) this.mark(svg, this.rows[at].index, y(at));
    }
    return svg;
  }

  wire(svg, [first, last, lane, other, kind], from, to, y) {
    const [start, end] = [this.rowOf.get(first), this.rowOf.get(last)];
    const low = start ?? end;
    if (low === undefined || low > to || (end ?? start) < from) return;
    const [x1, x2] = [this.x.get(lane), this.x.get(other)];
    const right = other > lane;
    let a = [x1, start === undefined ? undefined : y(start)];
    let b = [x2, end === undefined ? undefined : y(end)];
    const gone = kind.includes('gone');
    if (a[0] === undefined || a[1] === undefined) { // comes from out of sight
      if (b[0] === undefined || b[1] === undefined) return;
      a = a[0] === undefined ? [b[0] + (right ? -14 : 14), b[1] - 5] : [a[0], b[1]];
    } else if (b[0] === undefined) { // goes out of sight
      b = [a[0] + (right ? 14 : -14), a[1] + 5];
    } else if (b[1] === undefined) { // goes nowhere, or to a step that is not shown
      b = [gone ? a[0] + (x2 - x1) * 0.6 : x2, a[1]];
    }
    const mine = this.picked >= 0 && (first === this.picked || last === this.picked);
    const name = `${kind}${mine ? ' mine' : ''}`;
    svg.append(draw('line', { class: name, x1: a[0], y1: a[1], x2: b[0], y2: b[1] }));
    const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
    const tip = gone ? 0 : 5;
    const at = [b[0] - Math.cos(angle) * tip, b[1] - Math.sin(angle) * tip];
    if (gone) {
      svg.append(draw('path', { class: 'cross', d: `M${at[0] - 4} ${at[1] - 4}l8 8m0 -8l-8 8` }));
      return;
    }
    const corner = (turn) => `${at[0] - 7 * Math.cos(angle + turn)},${at[1] - 7 * Math.sin(angle + turn)}`;
    svg.append(draw('polygon', { class: name, points: `${at[0]},${at[1]} ${corner(0.45)} ${corner(-0.45)}` }));
  }

  mark(svg, index, y) {
    const step = this.run.steps[index];
    const x = this.x.get(step[LANE]);
    if (x === undefined) return;
    const colour = `var(--kind-${this.run.lanes[step[LANE]].group})`;
    if (step[MARK] === '✗') svg.append(draw('path', { class: 'cross', d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10` }));
    else if (step[MARK] === '†') svg.append(draw('path', { class: 'cross', d: `M${x} ${y - 7}v14m-4 -10h8` }));
    else {
      const commit = step[KIND] === 'commit';
      const shape = draw('circle', { class: 'mark', cx: x, cy: y, r: commit ? 5 : step[KIND] === 'alarm' ? 4.5 : 2.6 });
      shape.style.stroke = step[MARK] === '?' ? 'var(--bad)' : colour;
      if (commit) shape.style.fill = colour;
      svg.append(shape);
    }
    if (this.run.broken.has(this.run.number(index))) svg.append(draw('circle', { class: 'halo', cx: x, cy: y, r: 9 }));
  }
}

// What is shown and what is selected, and how the reader changes both.
const $$ = (selector) => [...document.querySelectorAll(selector)];
const at = (name) => document.getElementById(name);
const narrow = matchMedia('(max-width: 800px)');
const laneKeys = new Set(runs.flatMap((run) => run.involved.map((lane) => run.lanes[lane].key)));
const filter = { view: 'involved', text: '', lanes: null, kinds: new Set() }; // lanes: keys chosen by hand
const panes = runs.map((run, number) => new Pane(run, number, (pane, index) => pick(pane, index), follow));
const details = new Details(at('facts'), (run, number) => jump(run, number));
let current = panes[0];

function lanesOf(run) {
  const wanted = run.lanes.map((_, lane) => lane);
  if (filter.lanes) return wanted.filter((lane) => filter.lanes.has(run.lanes[lane].key));
  if (filter.view === 'everything') return wanted;
  return wanted.filter((lane) => laneKeys.has(run.lanes[lane].key));
}

function refresh() {
  const text = filter.text.toLowerCase();
  let total = 0;
  for (const pane of panes) {
    const { run } = pane;
    const lanes = lanesOf(run);
    const inSight = new Set(lanes);
    pane.show(lanes, (step, index) => {
      const always = run.broken.has(run.number(index)) || run.number(index) === data.difference;
      if (always && !text && !filter.lanes) return true;
      if (!inSight.has(step[LANE])) return filter.view === 'story' && !filter.lanes && run.storySteps.has(run.number(index));
      if (filter.view === 'story' && !run.storySteps.has(run.number(index))) return false;
      if (filter.kinds.has(step[KIND])) return false;
      return !text || `${run.lanes[step[LANE]].name} ${step[TEXT]} ${step[KIND]}`.toLowerCase().includes(text);
    });
    total += pane.indices.length;
  }
  const all = runs.reduce((sum, run) => sum + run.steps.length, 0);
  at('count').textContent = `${total.toLocaleString('en')} of ${all.toLocaleString('en')} steps`;
  if (current.rowOf.has(current.picked)) current.reveal(current.picked);
}

function pick(pane, index, reveal = false) {
  current = pane;
  for (const each of panes) each.picked = each === pane ? index : -1;
  if (reveal) pane.reveal(index);
  for (const each of panes) each.paint();
  details.show(pane.run, index);
  try { history.replaceState(null, '', `#step=${pane.run.number(index)}`); } catch { /* not from a file */ }
}

// Go to a step; what hides it is taken away.
function jump(run, number) {
  const pane = panes.find((each) => each.run === run);
  const index = run.index(number);
  if (!run.steps[index]) return;
  if (!pane.rowOf.has(index)) {
    laneKeys.add(run.lanes[run.steps[index][LANE]].key);
    filter.kinds.delete(run.steps[index][KIND]);
    Object.assign(filter, { text: '', lanes: null, view: filter.view === 'story' ? 'involved' : filter.view });
    at('text').value = '';
    $$('[name=view]').forEach((input) => { input.checked = input.value === filter.view; });
    refresh();
    fillChoices();
  }
  if (narrow.matches) choose(pane.number);
  pick(pane, index, true);
}

function move(by) {
  const here = current.indices.indexOf(current.picked);
  const next = current.indices[here < 0 ? current.indices.findIndex((index) => index >= current.picked) : here + by];
  if (next !== undefined) pick(current, next, true);
}

function nextProblem(by) {
  if (!problems.length) return;
  const here = current.run.number(current.picked);
  const next = by > 0 ? problems.find((step) => step > here) : problems.findLast((step) => step < here);
  jump(runs[0], next ?? (by > 0 ? problems[0] : problems[problems.length - 1]));
}

// Two runs scroll together: their first difference stays on one height.
let leader = null;
function follow(pane) {
  if (panes.length < 2 || (leader && leader !== pane)) return;
  leader = pane;
  const other = panes[1 - pane.number];
  const row = (each) => (data.difference === null ? 0 : each.rowAfter(each.run.index(data.difference)) * ROW);
  other.scroll.scrollTop = pane.scroll.scrollTop - row(pane) + row(other);
  setTimeout(() => { leader = null; }, 120);
}

// On a phone one run is seen at a time.
function choose(number) {
  if (panes.length < 2) return;
  panes.forEach((pane, index) => { pane.element.hidden = narrow.matches && index !== number; });
  $$('[name=which]').forEach((input) => { input.checked = Number(input.value) === number; });
  at('which').hidden = !narrow.matches;
}

function fillChoices() {
  const lanes = new Map(runs.flatMap((run) => run.lanes.map((lane) => [lane.key, lane])));
  const shown = new Set(runs.flatMap((run) => lanesOf(run).map((lane) => run.lanes[lane].key)));
  const kinds = [...new Set(runs.flatMap((run) => run.steps.map((step) => step[KIND])))].sort();
  const box = (checked, label, count, change) => {
    const input = make('input', { type: 'checkbox', checked });
    input.addEventListener('change', () => { change(input.checked); refresh(); });
    return make('label', {}, input, ` ${label} `, make('small', { textContent: count }));
  };
  const group = (title, boxes, all) => {
    const buttons = ['all', 'none'].map((name) => {
      const button = make('button', { type: 'button', textContent: name });
      button.addEventListener('click', () => { all(name === 'all'); refresh(); fillChoices(); });
      return button;
    });
    return make('fieldset', {}, make('legend', {}, title, ...buttons), ...boxes);
  };
  const put = (key, on) => {
    filter.lanes ??= new Set(shown);
    if (on) filter.lanes.add(key); else filter.lanes.delete(key);
  };
  const groups = data.groups.map((title, number) => {
    const members = [...lanes.values()].filter((lane) => lane.group === number);
    const boxes = members.map((lane) => box((filter.lanes ?? shown).has(lane.key), lane.name, lane.steps, (on) => put(lane.key, on)));
    return boxes.length ? group(title, boxes, (on) => members.forEach((lane) => put(lane.key, on))) : '';
  });
  const kindBoxes = kinds.map((kind) => box(!filter.kinds.has(kind), kind.replace('_', ' '), '', (on) => {
    if (on) filter.kinds.delete(kind); else filter.kinds.add(kind);
  }));
  const allKinds = (on) => { filter.kinds = new Set(on ? [] : kinds); };
  at('choices').replaceChildren(...groups, group('Kinds of steps', kindBoxes, allKinds));
}

const SIGNS = [
  ['●', 'a commit: rows are durable'], ['○', 'an alarm goes off'], ['·', 'any other step'], ['✗', 'a fault strikes, or a message is lost'],
  ['†', 'an incarnation loses its memory'], ['→', 'a message, from where it is sent to where it arrives'],
  ['┈', 'a reply'], ['▮', 'a thick line: the object is in memory'], ['← →', 'step back and forward'],
  ['n p', 'next and previous problem'], ['/', 'filter by text'], ['Home End', 'first and last step'],
];
at('signs').append(...SIGNS.map(([sign, means]) => make('p', {}, make('b', { textContent: sign }), ` ${means}`)));

const KEYS = {
  ArrowRight: () => move(1), ArrowDown: () => move(1), ArrowLeft: () => move(-1), ArrowUp: () => move(-1),
  Home: () => pick(current, current.indices[0], true), End: () => pick(current, current.indices.at(-1), true),
  n: () => nextProblem(1), p: () => nextProblem(-1), '/': () => at('text').focus(),
  Escape: () => { at('filter').open = at('legend').open = false; },
};
document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement && event.key !== 'Escape';
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
  if (!current.indices.length && event.key !== 'Escape' && event.key !== '/') return;
  event.preventDefault();
  KEYS[event.key]();
});
document.addEventListener('click', (event) => {
  for (const menu of [at('filter'), at('legend')]) if (!event.composedPath().includes(menu)) menu.open = false;
  if (event.detail && event.target.closest('label')) { // after the mouse, the arrow keys are for stepping again
    setTimeout(() => { if (document.activeElement.matches('[type=radio], [type=checkbox]')) document.activeElement.blur(); });
  }
  const step = event.target.closest('[data-step]');
  if (step) jump(runs[0], Number(step.dataset.step));
});
at('back').addEventListener('click', () => move(-1));
at('forth').addEventListener('click', () => move(1));
at('problem').addEventListener('click', () => nextProblem(1));
at('problem').hidden = !problems.length;
at('fold').addEventListener('click', () => {
  const away = at('details').classList.toggle('folded');
  at('fold').textContent = away ? 'Show' : 'Hide';
  at('fold').setAttribute('aria-expanded', String(!away));
});
at('text').addEventListener('input', () => { filter.text = at('text').value; refresh(); });
$$('[name=view]').forEach((input) => input.addEventListener('change', () => {
  Object.assign(filter, { view: input.value, lanes: null });
  refresh();
  fillChoices();
}));
narrow.addEventListener('change', () => choose(current.number));

at('panes').append(...panes.map((pane) => pane.element));
at('which').append(...(panes.length < 2 ? [] : panes.map((pane) => {
  const input = make('input', { type: 'radio', name: 'which', value: pane.number });
  input.addEventListener('change', () => choose(pane.number));
  return make('label', {}, input, make('span', { textContent: pane.run.label }));
})));
at('problems').hidden = !data.violations.length;
at('problems').open = !narrow.matches || data.violations.length === 1;
choose(0);
fillChoices();
refresh();
const asked = Number(/^#step=(\d+)$/.exec(location.hash)?.[1] ?? NaN);
const start = [asked, data.difference, problems.at(-1), runs[0].story.at(-1), runs[0].first]
  .find((step) => Number.isInteger(step) && runs[0].steps[runs[0].index(step)]);
requestAnimationFrame(() => {
  if (start !== undefined) jump(runs[0], start);
  document.documentElement.dataset.ready = 'yes';
});

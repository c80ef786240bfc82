// What the reader does: filters, buttons, pointer, wheel, keys.
const HELP = [
  ['drag', 'zoom to a stretch'], ['wheel', 'zoom where the pointer is, with Shift: move'], ['double click', 'the whole run'], ['click', 'pin an operation'],
  ['j, k', 'next, previous anomaly (without any: outage)'], [']  [', 'next, previous fault'], ['← →', 'move'], ['+ −', 'zoom'], ['0', 'the whole run, no filters'], ['n, p', 'pin the next, previous operation in view'], ['Esc', 'unpin, then no filters'],
];

function toolbar() {
  const select = (label, id, names, key) => make('label', {}, `${label} `, make('select', { id, onchange: event => { view[key] = Number(event.target.value); refilter(); } },
    make('option', { value: -1 }, 'all'), ...names.map((name, at) => [name, at]).sort((a, b) => a[0].length - b[0].length || (a[0] < b[0] ? -1 : 1)).slice(0, 2000).map(([name, at]) => make('option', { value: at }, name))));
  const check = (label, swatch, id, on) => make('label', { class: 'check' }, make('input', { type: 'checkbox', id, checked: true, onchange: on }), make('i', { style: `background:var(--${swatch})` }), label);
  const button = (text, label, action) => make('button', { type: 'button', 'aria-label': label, title: label, onclick: action }, text);
  const answered = new Set(D.answer);
  const outcomes = OUTCOMES.map(([name, words], at) => answered.has(at) ? check(words, name, `out-${name}`, event => { view.answers[at] = event.target.checked; refilter(); }) : null);
  const nodes = D.nodes.map((name, at) => [name, at]).sort((a, b) => a[0].length - b[0].length || (a[0] < b[0] ? -1 : 1)).map(([name, at]) => check(name, `n${D.cluster.indexOf(name) % 9 + 1}`, `node-${at}`, event => {
    const set = view.nodes || new Set(D.nodes.keys());
    if (event.target.checked) set.add(at); else set.delete(at);
    view.nodes = set.size === D.nodes.length ? null : set;
    refilter();
  }));
  const anomalies = D.violations.length ? 'anomaly' : 'outage';
  return make('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'View and filters' },
    make('div', { class: 'buttons' },
      button(`◂ ${anomalies}`, `previous ${anomalies} (k)`, () => jump(-1)), button(`${anomalies} ▸`, `next ${anomalies} (j)`, () => jump(1)),
      button('−', 'zoom out (−)', () => zoom(2)), button('+', 'zoom in (+)', () => zoom(0.5)), button('←', 'move left', () => move(-0.4)), button('→', 'move right', () => move(0.4)),
      button('Whole run', 'the whole run, no filters (0)', reset)),
    make('fieldset', {}, make('legend', {}, 'Outcome'), ...outcomes),
    D.nodes.length > 1 ? make('fieldset', {}, make('legend', {}, 'Node'), ...nodes) : null,
    D.keys.length > 1 ? select('Key', 'filter-key', D.keys, 'key') : null,
    D.verbs.length > 1 ? select('Verb', 'filter-verb', D.verbs, 'verb') : null,
    make('label', {}, 'Process ', make('input', { id: 'filter-process', type: 'number', min: 0, placeholder: 'all', onchange: event => {
      view.process = event.target.value === '' ? -1 : Number(event.target.value);
      refilter();
    } })));
}

// Puts the controls where the view is, as after a change of the address.
function showFilters() {
  const set = (id, value) => { const element = document.getElementById(id); if (element) element.value = value; };
  set('filter-key', view.key);
  set('filter-verb', view.verb);
  set('filter-process', view.process < 0 ? '' : view.process);
  OUTCOMES.forEach(([name], at) => { const box = document.getElementById(`out-${name}`); if (box) box.checked = view.answers[at]; });
  D.nodes.forEach((_, at) => { const box = document.getElementById(`node-${at}`); if (box) box.checked = !view.nodes || view.nodes.has(at); });
}

function look(from, to) { [view.from, view.to] = clamp(from, to); changed(); }
function zoom(by, at = (view.from + view.to) / 2) { look(at - (at - view.from) * by, at + (view.to - at) * by); }
function move(by) { const length = view.to - view.from; look(view.from + by * length, view.to + by * length); }
function refilter() { filter(); showFilters(); changed(); }
function clearFilters() { Object.assign(view, { verb: -1, key: -1, process: -1, nodes: null, answers: [true, true, true, true] }); }
function reset() { clearFilters(); Object.assign(view, { anomaly: -1, from: 0, to: D.end }); refilter(); }
function setPin(i) { view.pin = i; pinned(); changed(); if (i >= 0) say(`Pinned: ${operationWords(i)}`); }

// To the next (1) or previous (-1) anomaly: its stretch, its key, its wrong operation; without any, to outages.
function jump(by) {
  const found = D.violations.map((violation, at) => [violation, at]).filter(([violation]) => violation.at !== null);
  if (!found.length) return step(D.outages, by, 'outage');
  let at = found.findIndex(([, number]) => number === view.anomaly);
  at = at < 0 ? (by > 0 ? 0 : found.length - 1) : (at + by + found.length) % found.length;
  const [violation, number] = found[at];
  view.anomaly = number;
  clearFilters();
  view.key = violation.key === null ? -1 : D.keys.indexOf(violation.key);
  const wrong = violation.operations.find(([, , wrong]) => wrong);
  const pin = wrong ? lower(D.invoke, wrong[0]) : -1;
  view.pin = pin >= 0 && D.invoke[pin] === (wrong || [])[0] ? pin : -1;
  const from = Math.max(violation.from, violation.at - 2e6), room = Math.max(10000, (violation.at - from) * 0.25);
  [view.from, view.to] = clamp(from - room, violation.at + room);
  filter();
  showFilters();
  pinned();
  changed();
  say(`Anomaly ${at + 1} of ${found.length}: ${violation.name}${violation.key ? ` on key ${violation.key}` : ''} at ${moment(violation.at)}. ${violation.words}`);
}

// To the next stretch after (or the last before) the middle of the view.
function step(stretches, by, name, words) {
  if (!stretches.length) return say(`There is no ${name}.`);
  const middle = (view.from + view.to) / 2, whole = view.from <= 0 && view.to >= D.end;
  const centre = ([from, to]) => (from + to) / 2;
  const after = stretches.filter(s => whole || (centre(s) - middle) * by > 1);
  const found = by > 0 ? after[0] || stretches[0] : after[after.length - 1] || stretches[stretches.length - 1];
  const room = Math.max(2e5, (found[1] - found[0]) * 0.6);
  look(found[0] - room, found[1] + room);
  say(`${name} from ${moment(found[0])}, ${took(found[1] - found[0])}${words ? `: ${words(found)}` : ''}`);
}

function nextOperation(by) {
  const [from, to] = reach(view.from, view.to);
  const list = Array.from(shown.subarray(from, to)).filter(i => D.start[i] >= view.from);
  if (!list.length) return say('No operation is in view.');
  const at = list.indexOf(view.pin);
  setPin(list[at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, at + by))]);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
  const within = event.target.closest('#live');
  const faults = () => D.faults.map(fault => [fault.from, fault.to, fault.words || fault.kind]);
  const keys = { j: () => jump(1), k: () => jump(-1), ']': () => step(faults(), 1, 'fault', f => f[2]), '[': () => step(faults(), -1, 'fault', f => f[2]),
    0: reset, '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2), n: () => nextOperation(1), p: () => nextOperation(-1),
    Escape: () => { if (view.pin >= 0) setPin(-1); else reset(); } };
  const inside = { ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2) };
  const action = keys[event.key] || (within && inside[event.key]);
  if (!action) return;
  event.preventDefault();
  action();
  if (!within && 'jk[]'.includes(event.key)) document.getElementById('live').scrollIntoView({ block: 'start' });
}

// Drag, wheel and click over the whole stack; one axis for all.
function pointing(stack, plots) {
  const cross = stack.querySelector('.cross'), chosen = stack.querySelector('.chosen'), tip = stack.querySelector('.tip');
  let begun = null;
  const edges = () => { const width = stack.clientWidth; return [gutter(width), width - 8]; };
  const place = event => event.clientX - stack.getBoundingClientRect().left;
  const time = x => { const [left, right] = edges(); return view.from + (Math.max(left, Math.min(right, x)) - left) / (right - left) * (view.to - view.from); };
  const under = event => plots.find(({ plot }) => plot.canvas === event.target);
  const hit = event => {
    const found = under(event);
    if (!found || !found.panel.hit) return -1;
    const box = found.plot.canvas.getBoundingClientRect();
    return found.panel.hit(found.plot, event.clientX - box.left, event.clientY - box.top);
  };
  const heard = event => {
    const found = under(event);
    if (!found || !found.panel.words) return '';
    const box = found.plot.canvas.getBoundingClientRect();
    return found.panel.words(found.plot, event.clientX - box.left, event.clientY - box.top);
  };
  stack.addEventListener('pointerdown', event => {
    if (event.button || !under(event)) return;
    begun = place(event);
  });
  stack.addEventListener('pointermove', event => {
    const x = place(event), [left, right] = edges();
    cross.hidden = x < left || x > right;
    cross.style.left = `${x}px`;
    if (!cross.hidden) document.getElementById('readout').textContent = momentWords(time(x));
    if (begun !== null && Math.abs(x - begun) > 4) {
      const [a, b] = [Math.max(left, Math.min(begun, x)), Math.min(right, Math.max(begun, x))];
      chosen.hidden = false;
      chosen.style.left = `${a}px`;
      chosen.style.width = `${Math.max(0, b - a)}px`;
      if (!stack.hasPointerCapture(event.pointerId)) stack.setPointerCapture(event.pointerId);
    }
    const i = begun === null ? hit(event) : -1, said = i < 0 && begun === null ? heard(event) : '';
    tip.hidden = i < 0 && !said;
    if (tip.hidden) return;
    tip.textContent = i < 0 ? said : operationWords(i);
    const box = stack.getBoundingClientRect();
    tip.style.top = `${event.clientY - box.top + 16}px`;
    tip.style.left = `${Math.max(0, Math.min(x + 12, box.width - 320))}px`;
  });
  stack.addEventListener('pointerup', event => {
    if (begun === null) return;
    const from = begun, x = place(event);
    begun = null;
    chosen.hidden = true;
    if (Math.abs(x - from) > 4) { look(time(Math.min(from, x)), time(Math.max(from, x))); return; }
    const i = hit(event);
    if (i >= 0) setPin(i);
  });
  stack.addEventListener('pointercancel', () => { begun = null; chosen.hidden = true; });
  stack.addEventListener('pointerleave', () => { if (begun === null) { cross.hidden = tip.hidden = true; document.getElementById('readout').textContent = viewWords(); } });
  stack.addEventListener('dblclick', event => { if (under(event)) look(0, D.end); });
  stack.addEventListener('wheel', event => {
    if (!under(event)) return;
    const across = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
    // A wheel that is not meant for the plots scrolls the page: they must have the focus, or Ctrl be held.
    if (!across && !event.ctrlKey && !stack.contains(document.activeElement)) return;
    event.preventDefault();
    if (across) move(across / 800); else zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 400))), time(place(event)));
  }, { passive: false });
}

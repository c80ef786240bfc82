// What is looked at: a stretch of time, filters, a pinned operation. The view is kept in the address.
const view = { from: 0, to: 1, verb: -1, key: -1, process: -1, nodes: null, answers: [true, true, true, true], pin: -1, anomaly: -1 };
let D = null;
let shown = null;

function filter() {
  const { verb, key, process, nodes, answers } = view;
  const list = new Uint32Array(D.n);
  let n = 0;
  for (let i = 0; i < D.n; i++)
    if (answers[D.answer[i]] && (verb < 0 || D.verb[i] === verb) && (key < 0 || D.key[i] === key) &&
      (process < 0 || D.process[i] === process) && (!nodes || nodes.has(D.node[i]))) list[n++] = i;
  shown = list.subarray(0, n);
}

// Positions in `shown` of operations that may touch [from, to]: those that began long before are among them.
function reach(from, to) { return [lower(shown, from - D.longest, D.start), lower(shown, to + 1, D.start)]; }

function filtered() {
  return view.verb >= 0 || view.key >= 0 || view.process >= 0 || view.nodes !== null || view.answers.includes(false);
}

function clamp(from, to) {
  const least = 50, length = Math.min(D.end, Math.max(least, to - from));
  let start = (from + to) / 2 - length / 2;
  start = Math.max(0, Math.min(D.end - length, start));
  return [start, start + length];
}

// The address without '#': empty for the whole run without filters.
function toHash() {
  const parts = [];
  const put = (name, value) => parts.push(`${name}=${encodeURIComponent(value)}`);
  if (view.from > 0 || view.to < D.end) put('t', `${(view.from / 1e6).toFixed(6)}-${(view.to / 1e6).toFixed(6)}`);
  if (view.verb >= 0) put('verb', D.verbs[view.verb]);
  if (view.key >= 0) put('key', D.keys[view.key]);
  if (view.process >= 0) put('process', view.process);
  if (view.nodes) put('node', [...view.nodes].map(i => D.nodes[i]).join(','));
  if (view.answers.includes(false)) put('out', OUTCOMES.filter((_, i) => view.answers[i]).map(o => o[0]).join(','));
  if (view.pin >= 0) put('op', D.invoke[view.pin]);
  if (view.anomaly >= 0) put('anomaly', view.anomaly + 1);
  return parts.join('&');
}

// True where the address holds a view; one that names a section does not.
function fromHash() {
  const hash = location.hash.slice(1);
  if (!hash.includes('=')) return false;
  const given = new URLSearchParams(hash);
  const named = (name, list) => given.has(name) ? list.indexOf(given.get(name)) : -1;
  const times = (given.get('t') || '').split('-').map(part => parseFloat(part) * 1e6);
  const whole = !(times.length === 2 && times.every(isFinite) && times[0] < times[1]);
  [view.from, view.to] = whole ? [0, D.end] : clamp(times[0], times[1]);
  view.verb = named('verb', D.verbs);
  view.key = named('key', D.keys);
  view.process = given.has('process') && isFinite(given.get('process')) ? Number(given.get('process')) : -1;
  const nodes = (given.get('node') || '').split(',').map(name => D.nodes.indexOf(name)).filter(at => at >= 0);
  view.nodes = given.has('node') ? new Set(nodes) : null;
  const out = given.has('out') ? given.get('out').split(',') : null;
  view.answers = OUTCOMES.map(o => !out || out.includes(o[0]));
  const op = given.has('op') ? Number(given.get('op')) : NaN;
  const at = isFinite(op) ? lower(D.invoke, op) : -1;
  view.pin = at >= 0 && D.invoke[at] === op ? at : -1;
  const anomaly = Number(given.get('anomaly')) - 1;
  view.anomaly = anomaly >= 0 && anomaly < D.violations.length ? anomaly : -1;
  return true;
}

function keepHash() {
  const hash = toHash();
  // Some browsers refuse too many changes in a short time; the view is then kept by the next one.
  try { history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search); } catch { /* not kept */ }
}

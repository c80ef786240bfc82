// Words beneath the plots: of the moment under the pointer, of the pinned operation, of all in view.
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) element[key] = value;
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

function momentWords(us) {
  const at = bin(us), second = 1e6 / bins.step, three = bins.quantiles[at];
  const counts = OUTCOMES.map(([name], answer) => [name, bins.ended[answer][at] * second]).filter(([name, value]) => value || name === 'ok');
  const parts = [moment(us, view.to - view.from), counts.map(([name, value]) => `${number(value)} ${name}/s`).join(', ')];
  if (three) parts.push(`p50 ${took(three[0])}, p99 ${took(three[2])}`);
  if (D.reigns.length) parts.push(leaderAt(us));
  const outage = inside(D.outages, us);
  if (outage) parts.push(`nobody is served for ${took(outage[1] - outage[0])}`);
  if (inside(D.stalls, us)) parts.push('the harness itself was not scheduled');
  const faults = acting(us);
  parts.push(faults.length ? faults.map(fault => fault.words || fault.kind).join('; ') : 'no fault');
  return parts.join(' · ');
}

function viewWords() {
  const [ok, unequal, fail, info] = bins.operations;
  const faults = D.faults.filter(fault => fault.from <= view.to && fault.to >= view.from);
  const kinds = [...new Set(faults.map(fault => fault.kind))];
  const names = filterWords();
  const counts = `${number(ok)} ok${unequal ? `, ${number(unequal)} compared unequal` : ''}, ${number(fail)} fail, ${number(info)} info`;
  return `${moment(view.from, view.to - view.from)} to ${moment(view.to, view.to - view.from)}: ${counts}` +
    `${names ? ` (${names} only)` : ''}; ${faults.length ? `${faults.length} fault${faults.length > 1 ? 's' : ''}: ${kinds.join(', ')}` : 'no fault'}.`;
}

function filterWords() {
  const names = [];
  if (view.verb >= 0) names.push(D.verbs[view.verb]);
  if (view.key >= 0) names.push(`key ${D.keys[view.key]}`);
  if (view.process >= 0) names.push(`process ${view.process}`);
  if (view.nodes) names.push([...view.nodes].map(at => D.nodes[at]).join(', ') || 'no node');
  if (view.answers.includes(false)) names.push(OUTCOMES.filter((_, at) => view.answers[at]).map(o => o[0]).join(', ') || 'no outcome');
  return names.join('; ');
}

function operationWords(i) {
  const end = D.answer[i] === 3 ? `no answer by ${moment(D.start[i] + D.latency[i])}` : `answered after ${took(D.latency[i])}`;
  const error = D.error[i] ? `: ${D.errors[D.error[i] - 1]}` : '';
  return `${saying(i)} · ${OUTCOMES[D.answer[i]][1]}${error} · process ${D.process[i]} at ${D.nodes[D.node[i]]} · invoked at ${moment(D.start[i])}, ${end}`;
}

function operationsTable(list, caption) {
  const body = make('tbody');
  for (const i of list) {
    const marked = D.marked.get(D.invoke[i]);
    const pin = make('button', { type: 'button', class: 'link', onclick: () => { setPin(i); } }, saying(i));
    body.append(make('tr', { class: i === view.pin ? 'pinned' : marked === 2 ? 'wrong' : marked ? 'essential' : undefined },
      make('th', { scope: 'row' }, pin),
      make('td', {}, make('span', { class: `outcome ${['ok', 'ok', 'fail', 'info'][D.answer[i]]}` }, OUTCOMES[D.answer[i]][0])),
      make('td', {}, `process ${D.process[i]} at ${D.nodes[D.node[i]]}`),
      make('td', { class: 'num' }, moment(D.start[i])),
      make('td', { class: 'num' }, D.answer[i] === 3 ? 'never known' : took(D.latency[i])),
      make('td', { class: 'num' }, `${D.invoke[i]}`)));
  }
  const head = ['Operation', 'Outcome', 'By', 'Invoked', 'Took', 'Event'].map((text, at) => make('th', { scope: 'col', class: at > 2 ? 'num' : undefined }, text));
  return make('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'table' },
    make('table', {}, make('caption', {}, make('span', {}, caption)), make('thead', {}, make('tr', {}, ...head)), body));
}

let tableOpen = false;
// The pinned operation and what happened on its key around it.
function pinned() {
  const box = document.getElementById('pinned');
  box.replaceChildren();
  const i = view.pin;
  box.hidden = i < 0;
  if (i < 0) return;
  const key = D.key[i], end = D.start[i] + D.latency[i];
  const same = [];
  const around = lower(D.start, D.start[i]);
  for (let at = around - 1, left = 8; at >= 0 && left; at--) if (D.key[at] === key) { same.unshift(at); left--; }
  for (let at = around, left = 13; at < D.n && left; at++) if (D.key[at] === key) { same.push(at); left--; }
  const violation = D.violations.find(v => v.operations.some(([invoke, essential, wrong]) => invoke === D.invoke[i] && (essential || wrong)));
  const button = (text, action) => make('button', { type: 'button', onclick: action }, text);
  const faults = D.faults.filter(fault => fault.from <= end && fault.to >= D.start[i]);
  box.append(...[
    make('h3', {}, `Pinned: ${saying(i)}`),
    make('p', {}, operationWords(i)),
    make('p', { class: 'note' }, `Event ${D.invoke[i]} of history.jsonl. ${D.reigns.length ? `${leaderAt(D.start[i])}. ` : ''}${faults.length ? `Meanwhile ${faults.map(f => f.words || f.kind).join('; ')}.` : 'No fault acted meanwhile.'}` +
      `${D.weight[i] > 1 ? ` It stands for ${D.weight[i]} operations like it.` : ''}`),
    violation ? make('p', { class: 'prose' }, violation.words) : null,
    make('p', { class: 'buttons' },
      button('Zoom to it', () => { const room = Math.max(D.latency[i] * 1.5, 5000); look(D.start[i] - room, end + room); }),
      button(`Only key ${D.keys[key]}`, () => { view.key = key; refilter(); }),
      button(`Only process ${D.process[i]}`, () => { view.process = D.process[i]; refilter(); }),
      button('Unpin', () => setPin(-1))),
    make('details', { id: 'around', open: tableOpen, ontoggle: event => { tableOpen = event.target.open; } }, make('summary', {}, `Operations on key ${D.keys[key]} around it`), operationsTable(same, `Operations on key ${D.keys[key]} around it, in the order of invocations${D.left_out ? ', as far as the page holds them' : ''}`)),
  ].filter(child => child));
}

const TABLE = 100;
function inViewTable() {
  const box = document.getElementById('in-view');
  if (!box.open) return;
  const [from, to] = reach(view.from, view.to), list = [];
  let all = 0;
  for (let at = from; at < to; at++) if (D.start[shown[at]] + D.latency[shown[at]] >= view.from) { all++; if (list.length < TABLE) list.push(shown[at]); }
  box.replaceChildren(box.firstElementChild, operationsTable(list, `${all > TABLE ? `The first ${TABLE} of ${number(all)}` : number(all)} operations in view`));
}

// Builds the panels, and draws them again when the view changes.
let plots = [];
let pending = false;

function changed() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    draw();
    keepHash();
  });
}

function draw() {
  if (!plots.length || !plots[0].plot.canvas.clientWidth) return;
  gather(plots[0].plot.canvas.clientWidth);
  plots.forEach(({ panel, plot }, at) => panel.draw(plot, at === plots.length - 1 || panel === latency));
  document.getElementById('readout').textContent = viewWords();
  inViewTable();
}

// For those who hear the page.
function say(text) { document.getElementById('said').textContent = text; }

function build(live) {
  const legend = list => list ? make('ul', { class: 'legend' }, ...list.map(([name, words]) => make('li', {}, make('i', { style: `background:var(--${name})` }), words))) : null;
  const stack = make('div', { class: 'stack', tabindex: 0, role: 'group', 'aria-label': 'Plots over time. Arrow keys move, plus and minus zoom, j and k go to anomalies, n and p pin operations.' });
  plots = allPanels().map(panel => {
    const canvas = make('canvas', { role: 'img', 'aria-label': `${panel.title}. ${panel.about || ''}` });
    stack.append(make('figure', { class: 'panel' }, make('figcaption', {}, make('h3', {}, panel.title), legend(panel.legend), panel.about ? make('p', {}, panel.about) : null), canvas));
    return { panel, plot: new Plot(canvas, panel.height) };
  });
  stack.append(make('div', { class: 'cross', hidden: true }), make('div', { class: 'chosen', hidden: true }), make('div', { class: 'tip', hidden: true }));
  live.append(
    toolbar(),
    make('p', { id: 'readout', class: 'readout' }),
    make('p', { id: 'said', class: 'unseen', role: 'status', 'aria-live': 'polite' }),
    D.left_out ? make('p', { class: 'note' }, D.left_out) : '',
    make('aside', { id: 'pinned', class: 'violation', hidden: true, 'aria-label': 'Pinned operation' }),
    stack,
    make('details', { id: 'in-view', ontoggle: inViewTable }, make('summary', {}, 'Operations in view, as a table')),
    make('details', {}, make('summary', {}, 'Keys and gestures'),
      make('dl', { class: 'keys' }, ...HELP.flatMap(([keys, words]) => [make('dt', {}, keys), make('dd', {}, words)]))));
  pointing(stack, plots);
}

async function start() {
  document.querySelectorAll('button.copy').forEach(button => {
    button.hidden = false;
    button.onclick = () => navigator.clipboard.writeText(button.previousElementSibling.textContent).then(() => { button.textContent = 'Copied'; }, () => { button.textContent = 'Select and copy'; });
  });
  const live = document.getElementById('live'), held = document.getElementById('data');
  // Without what is needed the still pictures stay.
  if (!live || !held || !('DecompressionStream' in window)) return;
  D = await read(held.textContent.trim());
  if (!D.n) { document.documentElement.dataset.ready = 'yes'; return; }
  [view.from, view.to] = [0, D.end];
  const given = fromHash();
  filter();
  live.hidden = false;
  document.documentElement.classList.add('scripted');
  build(live);
  showFilters();
  pinned();
  draw();
  if (given) live.scrollIntoView({ block: 'start' });
  document.addEventListener('keydown', onKey);
  window.addEventListener('hashchange', () => { if (fromHash()) { filter(); showFilters(); pinned(); draw(); } });
  new ResizeObserver(() => changed()).observe(live);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { colours = {}; fills = {}; changed(); });
  performance.mark('ready');
  document.documentElement.dataset.ready = 'yes';
}
start().catch(error => { console.error(error); });

// Lanes: a row for each process, its operations in linear time; shown when few enough are in view.
const MOST_IN_LANES = 300;
const MOST_LANES = 60;

const lanes = {
  title: 'Processes', height: 40,
  about: 'A lane for each process, each operation from invocation to completion. One whose outcome is unknown fades out: it may take effect at any later time. Red: the anomaly needs it; filled red: it is the wrong one.',
  rows: [], boxes: [],
  layout() {
    const [from, to] = reach(view.from, view.to);
    this.inView = [];
    for (let at = from; at < to && this.inView.length <= MOST_IN_LANES; at++) {
      const i = shown[at];
      if (D.start[i] + D.latency[i] >= view.from) this.inView.push(i);
    }
    const many = this.inView.length > MOST_IN_LANES;
    if (many) this.inView = [];
    const rows = new Map();
    for (const i of this.inView) if (!rows.has(D.process[i])) rows.set(D.process[i], { process: D.process[i], node: D.nodes[D.node[i]] });
    this.rows = [...rows.values()].sort((a, b) => a.node.length - b.node.length || a.node.localeCompare(b.node) || a.process - b.process);
    this.left_out = Math.max(0, this.rows.length - MOST_LANES);
    this.rows = this.rows.slice(0, MOST_LANES);
    this.lane = new Map(this.rows.map((row, at) => [row.process, at]));
    this.said = many ? `More than ${MOST_IN_LANES} operations are in view: drag over a shorter stretch, choose a key, or press j for the next ${D.violations.length ? 'anomaly' : 'outage'}.`
      : this.rows.length ? '' : 'No operation is in view.';
    this.height = this.said ? 34 : this.rows.length * 20 + (this.left_out ? 20 : 4);
  },
  draw(plot, axis) {
    this.layout();
    plot.height = this.height;
    plot.begin(axis ? 20 : 0);
    this.boxes = [];
    const c = plot.c;
    if (this.said) plot.note(this.said);
    this.rows.forEach((_, at) => plot.grid(at * 20 + 19));
    const ends = new Map();
    for (const i of this.inView) {
      const row = this.lane.get(D.process[i]);
      if (row === undefined) continue;
      const top = row * 20 + 3, left = plot.x(D.start[i]), info = D.answer[i] === 3;
      const right = info ? plot.right + 9 : Math.max(left + 3, plot.x(D.start[i] + D.latency[i]));
      const marked = D.marked.get(D.invoke[i]), fill = colour(OUTCOMES[D.answer[i]][0]);
      if (info) {
        const fade = c.createLinearGradient(left, 0, Math.max(left + 60, Math.min(right, plot.x(D.start[i] + D.latency[i]))), 0);
        fade.addColorStop(0, fill);
        fade.addColorStop(1, 'rgba(128,128,128,0.06)');
        c.fillStyle = fade;
      } else c.fillStyle = marked === 2 ? colour('moment') : fill;
      c.globalAlpha = marked === 2 || info ? 0.85 : 0.4;
      c.fillRect(left, top, right - left, 14);
      c.globalAlpha = 1;
      if (marked || i === view.pin) {
        c.strokeStyle = i === view.pin ? colour('ink') : colour('moment');
        c.lineWidth = 2;
        c.strokeRect(left, top, right - left, 14);
      }
      this.boxes.push([left, right, top, i]);
      ends.set(row, [...(ends.get(row) || []), [left, right, i]]);
    }
    // Words in a bar where they fit, behind it where nothing follows soon.
    for (const [row, bars] of ends) bars.forEach(([left, right, i], at) => {
      const words = saying(i), width = c.measureText(words).width + 8, next = at + 1 < bars.length ? bars[at + 1][0] : plot.right;
      const from = Math.max(left, plot.left);
      if (width < right - from) plot.words(words, from + 4, row * 20 + 10, D.marked.get(D.invoke[i]) === 2 ? 'card' : 'ink');
      else if (D.answer[i] !== 3 && right + width < next) plot.words(words, right + 4, row * 20 + 10);
    });
    const labels = this.rows.map((row, at) => [at * 20 + 10, `${row.process} · ${row.node}`]);
    if (this.left_out) labels.push([this.rows.length * 20 + 10, `+ ${this.left_out}`]);
    plot.end(labels, axis);
  },
  hit(plot, x, y) {
    const box = this.boxes.find(([left, right, top]) => x >= left - 3 && x <= right + 3 && y >= top - 3 && y <= top + 17);
    return box ? box[3] : -1;
  },
};

// An operation in words: `read k3 → 5`.
function saying(i) {
  const key = D.keys[D.key[i]], words = D.words[i] || '';
  return `${D.verbs[D.verb[i]]}${key === '–' ? '' : ` ${key}`}${words ? ` ${words}` : ''}`;
}

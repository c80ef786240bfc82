// The panels: each has a title, a way to draw itself, and what it says of a moment.

// Sums over equal stretches of the view, computed once for each view and filter.
let bins = null;
function gather(width) {
  const length = view.to - view.from;
  const [begin, over] = reach(view.from, view.to);
  // A stretch holds some eight operations at least: fewer make no rate and no quantile.
  const most = Math.max(6, Math.min(width / 7, (over - begin) / 8));
  const step = Math.max(nice(length / most), D.stretch ? nice(2 * D.stretch) : 1000);
  const first = Math.floor(view.from / step), count = Math.floor(view.to / step) - first + 1;
  const ended = [0, 1, 2, 3].map(() => new Float64Array(count));
  const asked = D.nodes.map(() => [new Float64Array(count), new Float64Array(count)]);
  const latencies = Array.from({ length: count }, () => []);
  const [low, high] = reach(first * step, (first + count) * step);
  const operations = [0, 0, 0, 0];
  for (let at = low; at < high; at++) {
    const i = shown[at];
    if (D.final[i]) continue;
    const answer = D.answer[i], weight = D.weight[i], start = D.start[i];
    const begun = Math.floor(start / step) - first, done = Math.floor((start + D.latency[i]) / step) - first;
    if (begun >= 0 && begun < count) {
      asked[D.node[i]][0][begun] += weight;
      if (answer < 2) asked[D.node[i]][1][begun] += weight;
    }
    if (start >= view.from && start <= view.to) operations[answer] += weight;
    if (done >= 0 && done < count) {
      ended[answer][done] += weight;
      if (answer < 2) latencies[done].push(i);
    }
  }
  const quantiles = latencies.map(list => {
    if (!list.length) return null;
    list.sort((a, b) => D.latency[a] - D.latency[b]);
    const all = list.reduce((sum, i) => sum + D.weight[i], 0);
    const at = [0.5, 0.95, 0.99], out = [];
    let sum = 0;
    for (const i of list) {
      sum += D.weight[i];
      while (out.length < 3 && sum >= at[out.length] * all - 1e-9) out.push(D.latency[i]);
    }
    return out;
  });
  bins = { step, first, count, ended, asked, quantiles, operations };
  return bins;
}
function bin(us) { return Math.max(0, Math.min(bins.count - 1, Math.floor(us / bins.step) - bins.first)); }

function acting(us) { return D.faults.filter(fault => fault.from <= us && us <= fault.to); }
function leaderAt(us) {
  const reigns = D.reigns.filter(r => r[1] === 'leader' && r[3] <= us && us <= r[4]).sort((a, b) => b[2] - a[2]);
  return reigns.map(r => `${r[0]} leads in term ${r[2]}`).join(', ') || 'nobody leads';
}
function nodeColour(name) { return colour(`n${(D.cluster.indexOf(name) % 9 + 9) % 9 + 1}`); }
function inside(stretches, us) { return stretches.find(([from, to]) => from <= us && us <= to); }

const ROW = 18;
function rowsPanel(title, about, rows) {
  return {
    title, about, height: rows.length * ROW + 2,
    draw(plot, axis) {
      plot.begin(axis ? 20 : 0);
      rows.forEach((row, at) => row.draw(plot, at * ROW + 3, ROW - 5));
      plot.end(rows.map((row, at) => [at * ROW + ROW / 2, row.label, row.colour]), axis);
    },
  };
}

function faultRows() {
  const kinds = [...new Set(D.faults.map(fault => fault.kind))];
  const rows = kinds.map(kind => ({ label: kind, draw(plot, top, height) {
    for (const fault of D.faults) if (fault.kind === kind) {
      plot.bar(fault.from, fault.to, top, height, faultFill(plot.c, fault), fault.effect ? 0.9 : 0.3);
      const left = Math.max(plot.left, plot.x(fault.from)), room = Math.min(plot.right, plot.x(fault.to)) - left - 8;
      const words = fault.words || fault.targets.join(', ');
      const wide = plot.c.measureText(words).width;
      if (room > 30 && wide < room) {
        plot.c.fillStyle = colour(fault.colour);
        plot.c.fillRect(left + 2, top, wide + 4, height);
        plot.words(words, left + 4, top + height / 2, fault.effect ? 'card' : 'ink');
      }
    }
  } }));
  if (D.outages.length) rows.push({ label: 'no service', draw(plot, top, height) {
    for (const [from, to] of D.outages) {
      plot.bar(from, to, top, height, colour('heat0'));
      const room = Math.min(plot.right, plot.x(to)) - Math.max(plot.left, plot.x(from));
      if (room > 60) plot.words(took(to - from), Math.max(plot.left, plot.x(from)) + 4, top + height / 2, 'card');
    }
  } });
  if (D.stalls.length) rows.push({ label: 'stalls', draw(plot, top, height) {
    for (const [from, to] of D.stalls) plot.bar(from, to, top, height, colour('stall'));
  } });
  if (D.violations.length) rows.push({ label: 'anomalies', colour: 'moment', draw(plot, top, height) {
    for (const violation of D.violations) if (violation.at !== null) plot.bar(violation.at, violation.at, top, height, colour('moment'), 1);
  } });
  return rows;
}

const latency = {
  title: 'Latency', height: 240, legend: OUTCOMES,
  about: 'Every mark is an operation where it was invoked, on a logarithmic scale; in a short view it is as long as the operation was. Marked with a ring: operations of an anomaly. Click one to pin it.',
  y(us) { const [low, high] = D.decades; return 6 + (this.height - 12) * (1 - (Math.log10(Math.max(1, us)) - low) / Math.max(1, high - low)); },
  draw(plot, axis) {
    plot.begin(axis ? 20 : 0);
    const labels = [], [low, high] = D.decades, c = plot.c;
    for (let decade = low; decade <= high; decade++) {
      plot.grid(this.y(10 ** decade));
      labels.push([this.y(10 ** decade), took(10 ** decade).replace(/\.0+ /, ' ')]);
    }
    const [from, to] = reach(view.from, view.to), wide = Math.ceil(plot.right), seen = new Uint8Array((wide + 1) * (this.height + 1));
    const long = to - from < 4000;
    for (const answer of [1, 0, 2, 3]) {
      seen.fill(0);
      c.fillStyle = colour(OUTCOMES[answer][0]);
      c.globalAlpha = answer < 2 ? 0.6 : 0.9;
      for (let at = from; at < to; at++) {
        const i = shown[at];
        if (D.answer[i] !== answer) continue;
        const x = plot.x(D.start[i]), y = this.y(D.latency[i]), length = long ? Math.max(3, D.latency[i] * plot.scale) : 2.5;
        if (x + length < plot.left || x > plot.right) continue;
        const cell = Math.max(0, x | 0) * (this.height + 1) + (y | 0);
        if (!long && seen[cell]) continue;
        seen[cell] = 1;
        c.fillRect(x, y - 1.2, length, 2.5);
      }
    }
    c.globalAlpha = 1;
    c.lineWidth = 2;
    for (let at = from; at < to; at++) {
      const i = shown[at], marked = D.marked.get(D.invoke[i]);
      if (!marked && i !== view.pin) continue;
      c.strokeStyle = i === view.pin ? colour('ink') : colour('moment');
      c.beginPath();
      c.arc(plot.x(D.start[i]) + 1, this.y(D.latency[i]), marked === 2 ? 7 : 5, 0, 7);
      c.stroke();
    }
    plot.end(labels, axis);
  },
  // The operation nearest to a point, within reach of a finger.
  hit(plot, x, y) {
    let best = -1, nearest = 14 ** 2;
    const [from, to] = reach(view.from, view.to);
    for (let at = from; at < to; at++) {
      const i = shown[at], left = plot.x(D.start[i]), right = plot.x(D.start[i] + D.latency[i]);
      const across = to - from < 4000 ? Math.max(left - x, 0, x - right) : left - x, down = this.y(D.latency[i]) - y;
      const distance = across * across + down * down - (D.marked.has(D.invoke[i]) ? 30 : 0);
      if (distance < nearest) { nearest = distance; best = i; }
    }
    return best;
  },
};

// Lines over bins or series: `lines` gives [[x, value] …] with its colour; `scale` maps a value to 0 … 1.
function linesPanel(panel) {
  return { height: 120, ...panel, draw(plot, axis) {
    plot.begin(axis ? 20 : 0);
    const y = share => 5 + (this.height - 10) * (1 - share), labels = [];
    const { lines, ticks, scale } = this.content(plot);
    for (const [value, text] of ticks) { plot.grid(y(scale(value))); labels.push([y(scale(value)), text]); }
    for (const [points, stroke, steps] of lines) plot.line(points.map(([x, value]) => [x, value === null ? null : y(scale(value))]), stroke, steps);
    plot.end(labels, axis);
  } };
}
const middle = (plot, at) => plot.x((bins.first + at + 0.5) * bins.step);

const quantiles = linesPanel({
  title: 'Latency quantiles of the served', legend: [['p50', 'median'], ['p95', '95 %'], ['p99', '99 %']],
  content(plot) {
    const [low, high] = D.decades, scale = us => (Math.log10(Math.max(1, us)) - low) / Math.max(1, high - low);
    const ticks = [];
    for (let decade = low; decade <= high; decade++) ticks.push([10 ** decade, took(10 ** decade).replace(/\.0+ /, ' ')]);
    const lines = [0, 1, 2].map(which => [bins.quantiles.map((three, at) => [middle(plot, at), three && three[which]]), colour(['p50', 'p95', 'p99'][which])]);
    return { lines, ticks, scale };
  },
});

const rate = linesPanel({
  title: 'Rate', legend: OUTCOMES,
  content(plot) {
    const second = 1e6 / bins.step;
    const high = Math.max(1, ...bins.ended.map(list => list.reduce((a, b) => Math.max(a, b), 0))) * second;
    const top = nice(high / 2) * 2, ticks = [0, top / 2, top].map(value => [value, `${number(value)}/s`]);
    const lines = OUTCOMES.map(([name], answer) => [Array.from(bins.ended[answer], (count, at) => [middle(plot, at), count * second]), colour(name)]);
    return { lines: lines.filter(([points]) => points.some(point => point[1] > 0)), ticks, scale: value => value / top };
  },
});

function availabilityRows() {
  return D.nodes.map((name, at) => [name, at]).sort((a, b) => a[0].length - b[0].length || (a[0] < b[0] ? -1 : 1)).map(([name, node]) => ({
    label: name, draw(plot, top, height) {
      const [asked, served] = bins.asked[node];
      const shade = at => {
        if (!asked[at]) return '';
        const part = served[at] / asked[at];
        return part === 0 ? 'heat0' : part < 0.5 ? 'heat1' : part < 0.9999 ? 'heat2' : 'ok';
      };
      for (let at = 0, end; at < bins.count; at = end) {
        const name = shade(at);
        for (end = at + 1; end < bins.count && shade(end) === name; end++);
        if (name) plot.bar((bins.first + at) * bins.step, (bins.first + end) * bins.step, top, height, colour(name), name === 'ok' ? 0.3 : 0.95);
      }
    },
  }));
}

function roleRows() {
  return D.cluster.map(node => ({ label: node, draw(plot, top, height) {
    for (const [name, role, term, from, to] of D.reigns) {
      if (name !== node) continue;
      const fill = role === 'leader' ? nodeColour(node) : role === 'down' ? colour('ink') : colour('heat2');
      plot.bar(from, to, top, height, fill, role === 'leader' ? 0.9 : 0.55);
      const left = Math.max(plot.left, plot.x(from)), room = Math.min(plot.right, plot.x(to)) - left;
      if (role === 'leader' && room > 22) plot.words(`${term}`, left + 4, top + height / 2, 'card');
    }
    for (const [name, at] of D.rollbacks) if (name === node) plot.bar(at, at, top - 1, height + 2, colour('moment'), 1);
  } }));
}

function seriesLines(plot, series) {
  return Object.entries(series).map(([node, { t, v }]) => {
    const low = Math.max(0, lower(t, view.from) - 1), high = Math.min(t.length, lower(t, view.to) + 1);
    return [t.slice(low, high).map((us, at) => [plot.x(us), v[low + at]]), nodeColour(node), true];
  });
}
const nodesLegend = () => D.cluster.map((node, at) => [`n${at % 9 + 1}`, node]);

const lag = linesPanel({
  title: 'Replication lag', about: 'Log entries that the leader of the highest term had and a follower\u2019s disk had not.', height: 100,
  content(plot) {
    const values = Object.values(D.series.lag).flatMap(series => series.v);
    const high = Math.max(1, Math.ceil(Math.log10(values.reduce((a, b) => Math.max(a, b), 1) + 1)));
    const ticks = [[0, '0']];
    for (let decade = 0; decade <= high; decade++) ticks.push([10 ** decade, number(10 ** decade)]);
    return { lines: seriesLines(plot, D.series.lag), ticks, scale: value => value < 1 ? 0 : (1 + Math.log10(value)) / (1 + high) };
  },
});

const clock = linesPanel({
  title: 'Clock offset', about: 'How far a node\u2019s wall clock is ahead of the harness\u2019 own, as the node itself told it.', height: 100,
  content(plot) {
    const scale = ms => 0.5 + Math.sign(ms) * Math.min(1, Math.log10(1 + Math.abs(ms)) / 8) / 2;
    const ticks = [[-3.6e6, '−1 h'], [-1e3, '−1 s'], [0, '0'], [1e3, '1 s'], [3.6e6, '1 h']];
    return { lines: seriesLines(plot, D.series.clock), ticks, scale };
  },
});

function diskRows() {
  return Object.entries(D.series.disk).map(([node, { t, v }]) => ({ label: node, draw(plot, top, height) {
    t.forEach((us, at) => { if (v[at] === 1) plot.bar(us, t[at + 1] ?? us, top, height, colour('disk')); });
  } }));
}

// Those that this run has something for.
function allPanels() {
  const panels = [], rows = faultRows(), disks = diskRows();
  if (rows.length) panels.push({ ...rowsPanel('Faults and service', 'What was done to the cluster, and when nobody was served; pale: no effect was measured.', rows), overview: true });
  panels.push(latency, lanes);
  if (D.messages) panels.push({ ...spacetime, legend: [['ok', 'append and others'], ['unequal', 'reply'], ['stall', 'heartbeat'], ['p95', 'vote'], ['fail', 'delayed (dotted, from when it came to when it went on)'], ['moment', 'dropped (dashed, broken off)']] });
  panels.push(quantiles, rate);
  panels.push({ ...rowsPanel('Availability by node', 'Of the operations sent to a node, how many were served.', availabilityRows()),
    legend: [['heat0', 'none'], ['heat1', 'less than half'], ['heat2', 'less than all'], ['ok', 'all']] });
  if (D.reigns.length) panels.push({ ...rowsPanel('Leader and term', 'Coloured: it led, in the term written there. Dark: its process did not run. Red ticks: it dropped log entries.', roleRows()),
    legend: [['heat2', 'candidate'], ['ink', 'down']] });
  if (Object.keys(D.series.lag).length) panels.push({ ...lag, legend: nodesLegend() });
  if (Object.keys(D.series.clock).length) panels.push({ ...clock, legend: nodesLegend() });
  if (disks.length) panels.push(rowsPanel('Disk full', 'While a node reported it.', disks));
  return panels;
}

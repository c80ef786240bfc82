// A space-time diagram: a line for each node, an arrow for each message as the proxies saw it.
const MOST_ARROWS = 1200;
const LANE = 46;
const MOST_MARKS = 1500;
// How a node's deed is marked, and in words.
const ACTS = [['↑', 'started'], ['F', 'followed'], ['S', 'stood for election'], ['L', 'led'],
  ['', 'had synced its log'], ['', 'knew as committed its log'], ['↶', 'dropped its log']];

function deedWords(at) {
  const act = D.d_act[at], entry = `${D.d_index[at]}@${D.d_term[at]}`;
  const what = act > 3 ? `${act === 6 ? 'from' : 'up to'} ${entry}` : act ? `in term ${D.d_term[at]}` : '';
  return `n${D.d_node[at]} ${ACTS[act][1]} ${what} at ${moment(D.d_at[at], view.to - view.from)}`;
}

const spacetime = {
  title: 'Messages between nodes', height: 40, messages: true,
  about: 'A line for each node, thick while it led; an arrow for each message as its proxy saw it. On a line: operations that clients sent to that node (above), L led, S stood for election, F followed, ↑ started, in which term; a square: entries synced to disk; a diamond: entries committed, as far as the node knew.',
  arrows: [], marks: [],
  draw(plot, axis) {
    // What left later may have come within the view.
    const low = lower(D.m_at, view.from), high = lower(D.m_at, view.to + D.latest);
    const inView = [];
    for (let at = low; at < high && inView.length <= MOST_ARROWS; at++) if (D.m_at[at] - D.m_late[at] <= view.to) inView.push(at);
    const count = inView.length > MOST_ARROWS ? high - low : inView.length;
    const many = count > MOST_ARROWS;
    const said = many ? `${number(count)} messages are in view: look at a shorter stretch (up to ${number(MOST_ARROWS)} are drawn), or press j.`
      : count ? '' : D.messages_left_out ? 'The page holds no messages of this stretch: messages.jsonl has them all.' : 'No message in view.';
    plot.height = this.height = said ? 34 : D.cluster.length * LANE + 8;
    plot.begin(axis ? 20 : 0);
    this.arrows = [];
    this.marks = [];
    const c = plot.c;
    if (said) plot.note(said);
    else {
      const lane = at => at * LANE + LANE / 2 + 4;
      D.cluster.forEach((node, at) => {
        c.fillStyle = colour('muted');
        c.fillRect(plot.left, lane(at) - 0.5, plot.right - plot.left, 1);
        for (const [name, role, , from, to] of D.reigns) if (name === node) {
          if (role === 'leader') plot.bar(from, to, lane(at) - 2, 4, nodeColour(node));
          if (role === 'down') plot.bar(from, to, lane(at) - 4, 8, colour('ink'), 0.5);
        }
      });
      const [from, to] = reach(view.from, view.to);
      if (to - from < 2 * MOST_IN_LANES) for (let at = from; at < to; at++) {
        const i = shown[at], row = D.cluster.indexOf(D.nodes[D.node[i]]);
        if (row < 0) continue;
        const marked = D.marked.get(D.invoke[i]);
        const end = D.answer[i] === 3 ? view.to : D.start[i] + D.latency[i];
        plot.bar(D.start[i], end, lane(row) - 9, marked ? 6 : 4, colour(marked ? 'moment' : OUTCOMES[D.answer[i]][0]), marked ? 0.95 : 0.45);
      }
      for (const at of inView) {
        const dropped = D.m_kind[at] & 1, kind = D.m_kind[at] >> 1, a = lane(D.m_from[at] - 1), b = lane(D.m_to[at] - 1);
        const came = plot.x(D.m_at[at] - D.m_late[at]), x = plot.x(D.m_at[at]), far = b > a ? 1 : -1, late = x - came > 1;
        const name = D.kinds[kind], stroke = dropped ? 'moment' : D.m_late[at] ? 'fail' : /vote/.test(name) ? 'p95' : /heartbeat/.test(name) ? 'stall' : /reply/.test(name) ? 'unequal' : 'ok';
        const slant = 5, end = dropped ? a + (b - a) * 0.55 : b, tip = x + slant * (dropped ? 0.55 : 1);
        c.strokeStyle = c.fillStyle = colour(stroke);
        c.lineWidth = dropped || late ? 1.5 : 1;
        c.globalAlpha = /heartbeat/.test(name) && stroke === 'stall' ? 0.55 : 0.85;
        c.setLineDash(dropped ? [4, 3] : D.m_late[at] ? [1.5, 2.5] : []);
        c.beginPath();
        c.moveTo(late ? came : x, a);
        c.lineTo(tip, end);
        c.stroke();
        c.setLineDash([]);
        c.beginPath();
        if (dropped) { c.moveTo(tip - 3, end - 3); c.lineTo(tip + 3, end + 3); c.moveTo(tip + 3, end - 3); c.lineTo(tip - 3, end + 3); c.stroke(); }
        else { c.moveTo(tip, end); c.lineTo(tip - 3.5, end - 6 * far); c.lineTo(tip + 2.5, end - 6 * far); c.fill(); }
        c.globalAlpha = 1;
        this.arrows.push([late ? came : x, a, tip, end, at]);
      }
      this.deeds(plot, lane);
    }
    plot.end(said ? [] : D.cluster.map((node, at) => [at * LANE + LANE / 2 + 4, node]), axis);
  },
  // What nodes did, on their lines. Roles always; what reached the disk or was committed where there is room for it.
  deeds(plot, lane) {
    const c = plot.c, low = lower(D.d_at, view.from), high = lower(D.d_at, view.to), roomy = high - low < MOST_MARKS;
    for (let at = low; at < high; at++) {
      const act = D.d_act[at], x = plot.x(D.d_at[at]), y = lane(D.d_node[at] - 1);
      if (act === 4 || act === 5) {
        if (!roomy) continue;
        c.fillStyle = colour(act === 4 ? 'disk' : 'ink');
        c.beginPath();
        if (act === 4) c.rect(x - 2.5, y + 4, 5, 5);
        else { c.moveTo(x, y + 3); c.lineTo(x + 3.5, y + 6.5); c.lineTo(x, y + 10); c.lineTo(x - 3.5, y + 6.5); }
        c.fill();
      } else {
        c.fillStyle = colour(act === 6 ? 'moment' : 'ink');
        c.fillRect(x - 0.75, y - 10, 1.5, 20);
        plot.words(`${ACTS[act][0]}${act === 1 || act === 2 || act === 3 ? D.d_term[at] : ''}`, x + 3, y + 14, act === 6 ? 'moment' : 'ink');
      }
      this.marks.push([x, y + 6, at]);
    }
  },
  // What the mark or message under the pointer says.
  words(plot, x, y) {
    const mark = this.marks.find(([left, top]) => Math.abs(left - x) < 5 && Math.abs(top - y) < 6);
    if (mark) return deedWords(mark[2]);
    let best = -1, nearest = 6;
    for (const [x1, y1, x2, y2, at] of this.arrows) {
      if (y < Math.min(y1, y2) - 2 || y > Math.max(y1, y2) + 2) continue;
      const distance = Math.abs(x - (x1 + (x2 - x1) * (y - y1) / (y2 - y1)));
      if (distance < nearest) { nearest = distance; best = at; }
    }
    return best < 0 ? '' : messageWords(best);
  },
};

function messageWords(at) {
  const dropped = D.m_kind[at] & 1;
  return `n${D.m_from[at]} → n${D.m_to[at]}: ${D.kinds[D.m_kind[at] >> 1]} in term ${D.m_term[at]}, ${number(D.m_bytes[at])} bytes, ${dropped ? 'dropped' : D.m_late[at] ? `delayed by ${took(D.m_late[at])}, passed on` : 'passed on'} at ${moment(D.m_at[at], view.to - view.from)}`;
}

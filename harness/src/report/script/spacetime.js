// A space-time diagram: a line for each node, an arrow for each message as the proxies saw it.
const MOST_ARROWS = 1200;
const LANE = 46;

const spacetime = {
  title: 'Messages between nodes', height: 40, messages: true,
  about: 'A line for each node, thick while it led; an arrow for each message when its proxy passed it on. Red and broken off: the proxy swallowed it. On a line: operations that clients sent to that node.',
  arrows: [],
  draw(plot, axis) {
    const low = lower(D.m_at, view.from), high = lower(D.m_at, view.to), count = high - low;
    const many = count > MOST_ARROWS;
    const said = many ? `${number(count)} messages are in view: look at a shorter stretch (up to ${number(MOST_ARROWS)} are drawn), or press j.`
      : count ? '' : D.messages_left_out ? 'The page holds no messages of this stretch: messages.jsonl has them all.' : 'No message in view.';
    plot.height = this.height = said ? 34 : D.cluster.length * LANE + 8;
    plot.begin(axis ? 20 : 0);
    this.arrows = [];
    const c = plot.c;
    if (said) plot.words(said, plot.left + 8, 17, 'muted');
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
      for (let at = low; at < high; at++) {
        const dropped = D.m_kind[at] & 1, kind = D.m_kind[at] >> 1, a = lane(D.m_from[at] - 1), b = lane(D.m_to[at] - 1);
        const x = plot.x(D.m_at[at]), far = b > a ? 1 : -1;
        const name = D.kinds[kind], stroke = dropped ? 'moment' : /vote/.test(name) ? 'p95' : /heartbeat/.test(name) ? 'stall' : /reply/.test(name) ? 'unequal' : 'ok';
        const slant = 5, end = dropped ? a + (b - a) * 0.55 : b, tip = x + slant * (dropped ? 0.55 : 1);
        c.strokeStyle = c.fillStyle = colour(stroke);
        c.lineWidth = dropped ? 1.5 : 1;
        c.globalAlpha = /heartbeat/.test(name) && !dropped ? 0.55 : 0.85;
        c.setLineDash(dropped ? [4, 3] : []);
        c.beginPath();
        c.moveTo(x, a);
        c.lineTo(tip, end);
        c.stroke();
        c.setLineDash([]);
        c.beginPath();
        if (dropped) { c.moveTo(tip - 3, end - 3); c.lineTo(tip + 3, end + 3); c.moveTo(tip + 3, end - 3); c.lineTo(tip - 3, end + 3); c.stroke(); }
        else { c.moveTo(tip, end); c.lineTo(tip - 3.5, end - 6 * far); c.lineTo(tip + 2.5, end - 6 * far); c.fill(); }
        c.globalAlpha = 1;
        this.arrows.push([x, a, tip, end, at]);
      }
    }
    plot.end(said ? [] : D.cluster.map((node, at) => [at * LANE + LANE / 2 + 4, node]), axis);
  },
  // What the message under the pointer says.
  words(plot, x, y) {
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
  return `n${D.m_from[at]} → n${D.m_to[at]}: ${D.kinds[D.m_kind[at] >> 1]} in term ${D.m_term[at]}, ${number(D.m_bytes[at])} bytes, ${dropped ? 'swallowed' : 'passed on'} at ${moment(D.m_at[at], view.to - view.from)}`;
}

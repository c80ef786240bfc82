// Drawing on a canvas over the shared axis of time.
const FONT = '12px system-ui, sans-serif';
let colours = {};
function colour(name) {
  name = name.replace(/^var\(--|\)$/g, '');
  return colours[name] ||= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || '#888';
}

// A fault's colour with its pattern, for areas of a drawing context; on a tile as dense as the screen.
let fills = {};
function faultFill(c, fault) {
  return fills[fault.kind] ||= (() => {
    if (!fault.pattern) return colour(fault.colour);
    const dense = Math.max(1, Math.round(window.devicePixelRatio || 1)), tile = document.createElement('canvas');
    tile.width = tile.height = 8 * dense;
    const t = tile.getContext('2d');
    t.scale(dense, dense);
    t.fillStyle = colour(fault.colour);
    t.fillRect(0, 0, 8, 8);
    t.strokeStyle = colour('card');
    t.globalAlpha = 0.75;
    t.lineWidth = 1.5;
    t.stroke(new Path2D(fault.pattern));
    const pattern = c.createPattern(tile, 'repeat');
    pattern.setTransform(new DOMMatrix().scale(1 / dense));
    return pattern;
  })();
}

class Plot {
  constructor(canvas, height) {
    this.canvas = canvas;
    this.height = height;
  }

  // Clears, scales for the screen, and draws what stands behind every panel.
  begin(bottom = 0) {
    const width = this.canvas.clientWidth || 600, dense = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * dense);
    this.canvas.height = Math.round((this.height + bottom) * dense);
    this.canvas.style.height = `${this.height + bottom}px`;
    const c = this.c = this.canvas.getContext('2d');
    c.setTransform(dense, 0, 0, dense, 0, 0);
    c.font = FONT;
    c.textBaseline = 'middle';
    this.left = gutter(width);
    this.right = width - 8;
    this.scale = (this.right - this.left) / (view.to - view.from);
    c.save();
    c.beginPath();
    c.rect(this.left, 0, this.right - this.left, this.height);
    c.clip();
    for (const fault of D.faults) this.band(fault.from, fault.to, colour(fault.colour), 0.14);
    for (const [from, to] of D.stalls) this.band(from, to, colour('stall'), 0.35);
    return this;
  }

  x(us) { return this.left + (us - view.from) * this.scale; }

  band(from, to, fill, alpha) {
    if (to < view.from || from > view.to) return;
    const c = this.c, left = this.x(from);
    c.globalAlpha = alpha;
    c.fillStyle = fill;
    c.fillRect(left, 0, Math.max(1, this.x(to) - left), this.height);
    c.globalAlpha = 1;
  }

  // A filled bar in a row, never too narrow to be seen.
  bar(from, to, top, height, fill, alpha = 0.9) {
    if (to < view.from || from > view.to) return;
    const c = this.c, left = Math.max(this.left - 2, this.x(from)), right = Math.min(this.right + 2, this.x(to));
    c.globalAlpha = alpha;
    c.fillStyle = fill;
    c.fillRect(left, top, Math.max(2, right - left), height);
    c.globalAlpha = 1;
  }

  words(text, x, y, fill = 'ink', align = 'left') {
    this.c.fillStyle = colour(fill);
    this.c.textAlign = align;
    this.c.fillText(text, x, y);
  }

  // A sentence in place of a drawing: 34 high, over up to three lines where one is too short.
  note(text) {
    const room = this.right - this.left - 12, wide = this.c.measureText(text).width, lines = [''];
    if (wide > room) this.c.font = '10px system-ui, sans-serif';
    for (const word of text.split(' ')) {
      const longer = `${lines[lines.length - 1]} ${word}`.trim();
      if (this.c.measureText(longer).width < room) lines[lines.length - 1] = longer; else lines.push(word);
    }
    lines.forEach((line, at) => this.words(line, this.left + 8, 17 + 11 * (at - (lines.length - 1) / 2), 'muted'));
    this.c.font = FONT;
  }

  // Ends the clipped part: what marks moments, then labels at the left and the axis.
  end(labels, axis) {
    const c = this.c;
    for (const [at, violation] of D.violations.entries()) {
      if (violation.at === null || violation.at < view.from || violation.at > view.to) continue;
      c.fillStyle = colour('moment');
      c.fillRect(this.x(violation.at) - (at === view.anomaly ? 1 : 0.5), 0, at === view.anomaly ? 2.5 : 1.5, this.height);
    }
    if (view.pin >= 0) {
      c.fillStyle = colour('ink');
      c.globalAlpha = 0.12;
      const left = this.x(D.start[view.pin]);
      c.fillRect(left, 0, Math.max(1.5, D.latency[view.pin] * this.scale), this.height);
      c.globalAlpha = 1;
    }
    c.restore();
    for (const [y, text, fill] of labels) this.words(text, this.left - 6, Math.max(7, Math.min(this.height - 6, y)), fill || 'muted', 'right');
    c.fillStyle = colour('grid');
    c.fillRect(this.left, this.height - 0.5, this.right - this.left, 1);
    if (!axis) return;
    const step = nice((view.to - view.from) / Math.max(2, (this.right - this.left) / 90));
    for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
      c.fillStyle = colour('muted');
      c.fillRect(this.x(at), this.height, 1, 4);
      const digits = Math.max(0, 6 - Math.floor(Math.log10(step) + 1e-9));
      const text = `${(at / 1e6).toFixed(digits)} s`;
      const align = this.x(at) > this.right - 30 ? 'right' : 'center';
      this.words(text, this.x(at), this.height + 11, 'muted', align);
    }
  }

  grid(y) {
    this.c.fillStyle = colour('grid');
    this.c.fillRect(this.left, Math.round(y), this.right - this.left, 1);
  }

  // A line through [x, y] points; null interrupts it.
  line(points, stroke, steps) {
    const c = this.c;
    c.strokeStyle = stroke;
    c.lineWidth = 1.5;
    c.beginPath();
    let on = false, last = 0;
    for (const [x, y] of points) {
      if (y === null) { if (on && steps) c.lineTo(x, last); on = false; continue; }
      if (!on) { c.moveTo(x, y); c.lineTo(x + 0.5, y); } else { if (steps) c.lineTo(x, last); c.lineTo(x, y); }
      on = true;
      last = y;
    }
    c.stroke();
  }
}

function gutter(width) { return width < 560 ? 86 : 84; }

// The next round number: 1, 2 or 5 times a power of ten.
function nice(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(by => by * power).find(step => step >= least * 0.999);
}

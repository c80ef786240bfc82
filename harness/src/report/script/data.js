// Unpacks what the page holds: a header in JSON and columns of varints, deflated (RFC 1951), in base64.
const FORMAT = 2;

async function unpack(text) {
  const letters = atob(text);
  const packed = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) packed[i] = letters.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function column(bytes, at, end, n, rises, Type) {
  const out = new Type(n);
  let last = 0;
  for (let i = 0; i < n && at < end; i++) {
    let value = 0, scale = 1, byte;
    do { byte = bytes[at++]; value += (byte & 127) * scale; scale *= 128; } while (byte > 127);
    out[i] = last = rises ? last + value : value;
  }
  return out;
}

// Every name of an operation's property is an array; times are microseconds since the run began.
async function read(text) {
  const bytes = await unpack(text);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const utf8 = new TextDecoder();
  const data = JSON.parse(utf8.decode(bytes.subarray(4, 4 + length)));
  if (data.format !== FORMAT) throw new Error('the page holds data of another format');
  const n = data.n = data.embedded;
  const types = { start: Float64Array, latency: Float64Array, process: Float64Array, invoke: Float64Array, weight: Uint32Array,
    m_at: Float64Array, m_from: Uint8Array, m_to: Uint8Array, m_kind: Uint8Array, m_term: Float64Array, m_bytes: Float64Array, m_late: Float64Array,
    d_at: Float64Array, d_node: Uint8Array, d_act: Uint8Array, d_index: Float64Array, d_term: Float64Array,
    verb: Uint16Array, node: Uint16Array, key: Uint32Array, answer: Uint8Array, error: Uint32Array };
  let at = 4 + length;
  for (const [name, size] of data.columns) {
    if (name === 'words') data.words = n ? utf8.decode(bytes.subarray(at, at + size)).split('\n') : [];
    else data[name] = column(bytes, at, at + size, name.startsWith('m_') ? data.messages : name.startsWith('d_') ? data.deeds : n, ['start', 'invoke', 'm_at', 'd_at'].includes(name), types[name]);
    at += size;
  }
  data.latest = data.m_late.reduce((a, b) => Math.max(a, b), 0);
  data.longest = 0;
  data.final = new Uint8Array(n);
  let low = Infinity, high = 10;
  for (let i = 0; i < n; i++) {
    data.final[i] = data.answer[i] >> 2;
    data.answer[i] &= 3;
    const latency = data.latency[i];
    if (latency > data.longest) data.longest = latency;
    if (latency > high) high = latency;
    if (latency < low) low = latency;
  }
  data.decades = [Math.floor(Math.log10(Math.max(1, Math.min(low, high)))), Math.ceil(Math.log10(high))];
  // What violations are made of: 1 essential, 2 the wrong one.
  data.marked = new Map();
  for (const violation of data.violations)
    for (const [invoke, essential, wrong] of violation.operations)
      if (essential || wrong) data.marked.set(invoke, Math.max(wrong ? 2 : 1, data.marked.get(invoke) || 0));
  return data;
}

const OUTCOMES = [['ok', 'ok'], ['unequal', 'compared unequal'], ['fail', 'fail'], ['info', 'info (unknown)']];

// The first position in a rising list whose value is not below.
function lower(list, value, of) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((of ? of[list[middle]] : list[middle]) < value) low = middle + 1; else high = middle;
  }
  return low;
}

function number(value) { return Math.round(value).toLocaleString('en'); }

// A length of time in microseconds, to three digits.
function took(us) {
  const three = (value, unit) => `${value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
  if (us < 1e3) return `${Math.round(us)} µs`;
  if (us < 1e6) return three(us / 1e3, 'ms');
  return us < 12e7 ? three(us / 1e6, 's') : `${Math.floor(us / 6e7)} min ${Math.round(us % 6e7 / 1e6)} s`;
}

// A moment in seconds; as many decimals as a view of this length needs.
function moment(us, span) {
  const decimals = span === undefined ? 4 : Math.max(0, Math.min(6, 7 - Math.floor(Math.log10(Math.max(1, span)))));
  return `${(us / 1e6).toFixed(decimals)} s`;
}

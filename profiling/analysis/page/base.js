// Helpers of all parts of the page.
const $ = id => document.getElementById(id);
const make = (tag, parent, value, name) => {
  const e = document.createElement(tag);
  if (value !== undefined) e.textContent = value;
  if (name) e.className = name;
  parent?.append(e);
  return e;
};
const clear = e => { e.replaceChildren(); return e; };
const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

// Both runs; the second only where the report has two.
const runs = [data, data.beside].filter(Boolean);
runs.forEach((run, i) => {
  run.mark = runs.length > 1 ? "AB"[i] : "";
  run.span_ns = Math.max(run.span_ns, 1);
  run.rank_names = new Map(run.ranks.map(r => [r.rank, r.name]));
  run.by_name = new Map(run.requests.map(q => [q.request, q]));
  run.longest = run.requests.reduce((most, q) =>
    !most || q.end_ns - q.begin_ns > most.end_ns - most.begin_ns ? q : most, null);
});
const whole_ns = Math.max(...runs.map(run => run.span_ns));
let run = runs[0];  // of which all but the timeline is shown
const nameOf = (rank, of = run) => rank < 0 ? "?" : of.rank_names.get(rank) ?? "rank " + rank;
const shortName = (rank, of = run) => nameOf(rank, of).split(": ")[0];

// A number of up to `digits` digits, with narrow blanks between thousands.
const number = (x, digits = 0) => {
  const [whole, rest] = Math.abs(x).toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return (x < 0 ? "\u2212" : "") + grouped + (rest ? "." + rest : "");
};
// Nanoseconds in the unit that fits.
const units = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
const unitOf = ns => units.find(([size]) => Math.abs(ns) >= size) ?? units[3];
const time = (ns, digits = 3) => {
  const [size, unit] = unitOf(ns);
  return number(ns / size, size === 1 ? 0 : digits) + " " + unit;
};
const ms = us => number(us / 1000, 3);
const bytes = n => {
  const size = Math.abs(n);
  return size < 1024 ? number(n) + " B" : size < 1048576 ? number(n / 1024, 1) + " KiB"
    : size < 1073741824 ? number(n / 1048576, 1) + " MiB" : number(n / 1073741824, 2) + " GiB";
};
const percent = x => (x > 0 && x < 1 ? x.toFixed(1) : x.toFixed(0)) + " %";

// Colours, as the style sheet has them for light and dark.
const kindColors = ["step", "transfer", "wait", "collective", "gpu", "threads", "annotation",
                    "span"];
const pathColors = {
  work: "work", beside: "beside-path", collective: "collective", full_queue: "full",
  memory: "memory", behind: "behind", hand_off: "hand", queue: "queue", idle: "idle",
  admission: "admission", orchestrator: "orchestrator",
};
const pathWords = {
  work: "its steps", beside: "others in its steps", collective: "waiting for a slower rank",
  full_queue: "a full queue", memory: "memory for a chunk", behind: "behind other requests",
  hand_off: "in a queue", queue: "before its first step", idle: "between its steps",
  admission: "before its admission", orchestrator: "orchestrator",
};
const pens = {};
function readColors() {
  const style = getComputedStyle(document.documentElement);
  for (const name of [...kindColors, ...Object.values(pathColors), "text", "dim", "line", "card",
                      "row", "accent", "back"])
    pens[name] = style.getPropertyValue("--" + name).trim();
  pens.shades = kindColors.map(kind => [0, 12, 24].map(
    part => mixed(pens[kind], pens.card, part / 100)));
}
// A mixture of two colours of the form #rrggbb.
function mixed(a, b, part) {
  const parts = color => [1, 3, 5].map(at => parseInt(
    color.length < 7 ? color[(at + 1) / 2].repeat(2) : color.slice(at, at + 2), 16));
  const [x, y] = [parts(a), parts(b)];
  return "#" + x.map((v, i) => Math.round(v + (y[i] - v) * part).toString(16).padStart(2, "0"))
    .join("");
}
const kindColor = kind => pens[kindColors[kind]];

// A canvas in the pixels of the screen; drawing is in those of the page. Width and height.
function prepared(canvas, height) {
  const width = canvas.clientWidth || canvas.parentElement.clientWidth;
  const scale = window.devicePixelRatio || 1;
  if (height !== undefined) canvas.style.height = height + "px";
  const high = height ?? canvas.clientHeight;
  const [w, h] = [Math.round(width * scale), Math.round(high * scale)];
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, high);
  return [pen, width, high];
}
// A text that fits into a width, shortened where it must be.
const widths = new Map();
function fitting(pen, words, width) {
  if (width < 18) return "";
  const key = pen.font + "\n";
  let letter = widths.get(key);
  if (!letter) widths.set(key, letter = pen.measureText("abcdefghijklmnopqrstuvwxyz_.").width / 28);
  const most = Math.floor(width / letter);
  if (words.length <= most) return words;
  return most < 4 ? "" : words.slice(0, most - 1) + "\u2026";
}

// What the pointer is on.
const tip = {
  show(event, lines) {
    const box = clear($("tip"));
    lines.forEach((line, i) => make(i ? "span" : "b", box, line));
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    box.style.left = clamp(event.clientX + 14, 4, innerWidth - width - 4) + "px";
    box.style.top = event.clientY + height + 26 > innerHeight
      ? Math.max(event.clientY - height - 12, 4) + "px" : event.clientY + 16 + "px";
  },
  hide() { $("tip").hidden = true; },
};

// A table whose columns sort. rows: arrays of cells; a cell is a text, a node, or [text, value].
function table(parent, head, rows, limit = 200) {
  const box = make("div", parent, undefined, "wide");
  const t = make("table", box), h = t.createTHead().insertRow(), body = t.createTBody();
  const value = cell => Array.isArray(cell) ? cell[1] : cell instanceof Node ? 0 : cell;
  let shown = limit, now = rows;
  const fill = () => {
    clear(body);
    for (const r of now.slice(0, shown)) {
      const line = body.insertRow();
      for (const c of r) {
        const cell = line.insertCell();
        const what = Array.isArray(c) ? c[0] : c;
        if (what instanceof Node && what.tagName === "I") cell.className = "meter";
        cell.append(what instanceof Node ? what : String(what));
      }
    }
    more.hidden = now.length <= shown;
    more.textContent = `Show all ${number(now.length)} rows`;
  };
  head.forEach((c, i) => {
    const th = make("th", h);
    if (!rows.some(r => Array.isArray(r[i]))) { th.textContent = c; return; }
    let down = true;
    make("button", th, c).onclick = () => {
      now = [...now].sort((a, b) => (down ? 1 : -1) * (value(b[i]) - value(a[i])));
      down = !down;
      fill();
    };
  });
  const more = make("button", box);
  more.onclick = () => { shown = Infinity; fill(); };
  t.expand = () => { shown = Infinity; fill(); };
  fill();
  return t;
}
const meter = (part, color) => {
  const bar = document.createElement("i");
  bar.style.width = clamp(100 * part, 0, 100) + "%";
  if (color) bar.style.background = color;
  return bar;
};

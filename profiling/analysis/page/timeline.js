// The timeline: what it shows, and how it is drawn. Times are nanoseconds since the begin of a run.
const view = { from: 0, to: whole_ns };
const lanes = $("lanes"), canvas = $("canvas");
const headHeight = 38, labelHeight = 14, lineHeight = 15;
const least_ns = 10;  // that the view may show
const closed = new Set();  // ranks whose threads are hidden
let items = [], contentHeight = 0, wanted = 0;
let marked = null;  // slices that a search or a request picks: {name: lines of each track}
let chosen = null;  // {run, slice}
let chosenRequest = null;  // {run, request}
let measuring = null;  // a range that is being dragged: [from, to]

const rankKey = (run, rank) => run.mark + rank;
function layOut() {
  items = [];
  let y = 0;
  for (const run of runs)
    for (const rank of run.ranks) {
      items.push({ run, rank, y, height: headHeight });
      y += headHeight;
      if (closed.has(rankKey(run, rank.rank))) continue;
      for (const track of run.tracks) {
        if (track.rank !== rank.rank) continue;
        const height = labelHeight + track.rows * lineHeight + 3;
        items.push({ run, rank, track, y, height });
        y += height;
      }
    }
  contentHeight = y;
  $("lanes-space").style.height = y + "px";
  draw();
}
// Many ranks begin closed, so that all are in sight.
function closeMany() {
  let rows = 0;
  for (const run of runs)
    for (const rank of run.ranks) {
      for (const track of run.tracks) if (track.rank === rank.rank) rows += track.rows;
      if (rows > 80) closed.add(rankKey(run, rank.rank));
    }
}

function setView(from, to) {
  let length = clamp(to - from, least_ns, whole_ns);
  if (length > whole_ns * .9999) length = whole_ns;
  from = clamp(from, 0, whole_ns - length);
  if (from === view.from && from + length === view.to) return false;
  view.from = from;
  view.to = from + length;
  draw();
  return true;
}
const isAll = () => view.to - view.from >= whole_ns;
function zoom(factor, at = (view.from + view.to) / 2) {
  const left = (at - view.from) * factor, right = (view.to - at) * factor;
  return setView(at - left, at + right);
}
const pan = part => setView(view.from + part * (view.to - view.from),
                            view.to + part * (view.to - view.from));
const showRange = (from, to) => {
  const margin = Math.max((to - from) * .06, 5);
  setView(from - margin, to + margin);
};

function draw() {
  if (wanted) return;
  wanted = requestAnimationFrame(() => {
    wanted = 0;
    // As wide as the rows, which may have a scrollbar beside them.
    for (const id of ["axis", "minimap"]) $(id).style.width = lanes.clientWidth + "px";
    drawAxis();
    drawMinimap();
    drawLanes();
    drawCharts();
    $("range").textContent =
      `${time(view.from)} to ${time(view.to)}: ${time(view.to - view.from)}`;
    document.body.dataset.view = `${view.from} ${view.to}`;
  });
}

// Steps of 1, 2 or 5 times a power of ten, at least `pixels` wide.
function ticks(width, pixels = 90) {
  const least = (view.to - view.from) / Math.max(width / pixels, 1);
  let step = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5, 10]) if (step * factor >= least) { step *= factor; break; }
  step = Math.max(step, 1);
  const all = [];
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) all.push(t);
  return [all, step];
}
const xOf = (ns, width) => (ns - view.from) / (view.to - view.from) * width;
function drawAxis() {
  const [pen, width, height] = prepared($("axis"), 24);
  const [all, step] = ticks(width);
  // Far from the begin, ticks are counted from a time that stands at the left.
  const far = view.from > 0 && step < view.from / 5e3;
  const base = far ? Math.floor(view.from / (step * 100)) * step * 100 : 0;
  const [size, unit] = unitOf(far ? step * 10 : Math.max(step * 5, 1));
  const digits = clamp(Math.ceil(Math.log10(size / step)), 0, 6);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillStyle = pens.dim;
  pen.strokeStyle = pens.line;
  let free = 0;
  if (far) {
    const text = time(base, 6) + " +";
    pen.fillStyle = pens.accent;
    pen.fillText(text, 4, 10);
    free = pen.measureText(text).width + 12;
    pen.fillStyle = pens.dim;
  }
  pen.beginPath();
  for (const t of all) {
    const x = Math.round(xOf(t, width)) + .5;
    pen.moveTo(x, height - 5);
    pen.lineTo(x, height);
    const text = number((t - base) / size, digits) + " " + unit;
    const wide = pen.measureText(text).width;
    const at = clamp(x - wide / 2, 2, width - wide - 2);
    if (at < free) continue;
    pen.fillText(text, at, 10);
    free = at + wide + 10;
  }
  pen.moveTo(0, height - .5);
  pen.lineTo(width, height - .5);
  pen.stroke();
  $("axis").dataset.unit = unit;
}

// What the ranks of a run did, by kind: stacked from below, so what is not covered was idle.
function drawBusy(pen, ranks, span_ns, x0, y, width, height, from, to) {
  const bins = 1000, first = Math.floor(from / span_ns * bins),
        last = Math.min(Math.ceil(to / span_ns * bins), bins);
  const wide = width / ((to - from) / span_ns * bins);
  for (let bin = Math.max(first, 0); bin < last; ++bin) {
    let sum = 0;
    const shares = [0, 0, 0, 0, 0, 0];
    for (const rank of ranks)
      rank.busy.forEach((all, kind) => { if (all) { shares[kind] += all[bin]; sum += all[bin]; } });
    if (!sum) continue;
    const unit = height / Math.max(100 * ranks.length, sum);
    const begin = x0 + (bin / bins * span_ns - from) / (to - from) * width;
    const x = Math.floor(begin), right = Math.ceil(begin + wide);
    let floor = y + height;
    for (let kind = 0; kind < 6; ++kind) {
      if (!shares[kind]) continue;
      const high = shares[kind] * unit;
      pen.fillStyle = kindColor(kind);
      pen.fillRect(x, floor - high, right - x, high);
      floor -= high;
    }
  }
}

function drawMinimap() {
  const [pen, width, height] = prepared($("minimap"), 44);
  pen.fillStyle = pens.row;
  pen.fillRect(0, 0, width, height);
  const each = height / runs.length;
  runs.forEach((run, i) => {
    const wide = width * run.span_ns / whole_ns;
    drawBusy(pen, run.ranks, run.span_ns, 0, i * each + 1, wide, each - 2, 0, run.span_ns);
  });
  const left = view.from / whole_ns * width, right = view.to / whole_ns * width;
  pen.fillStyle = pens.back;
  pen.globalAlpha = .65;
  pen.fillRect(0, 0, left, height);
  pen.fillRect(right, 0, width - right, height);
  pen.globalAlpha = 1;
  pen.strokeStyle = pens.accent;
  pen.lineWidth = 1.5;
  pen.strokeRect(left + .75, .75, Math.max(right - left - 1.5, 2), height - 1.5);
}

function drawLanes() {
  const high = Math.min(contentHeight, lanes.clientHeight || contentHeight);
  const [pen, width] = prepared(canvas, Math.max(high, 1));
  const top = lanes.scrollTop;
  pen.strokeStyle = pens.line;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const t of ticks(width)[0]) {
    const x = Math.round(xOf(t, width)) + .5;
    pen.moveTo(x, 0);
    pen.lineTo(x, high);
  }
  pen.stroke();
  for (const item of items) {
    if (item.y + item.height < top || item.y > top + high) continue;
    if (item.track) drawTrack(pen, item, item.y - top, width);
    else drawRank(pen, item, item.y - top, width);
  }
  drawPath(pen, top, width, high);
  drawChosen(pen, top, width);
  if (measuring) {
    const [from, to] = [Math.min(...measuring), Math.max(...measuring)];
    const x = xOf(from, width), wide = xOf(to, width) - x;
    pen.fillStyle = pens.accent;
    pen.globalAlpha = .18;
    pen.fillRect(x, 0, wide, high);
    pen.globalAlpha = 1;
    pen.font = "600 12px system-ui, sans-serif";
    pen.fillText(time(to - from), x + 4, 14);
  }
}

function drawRank(pen, item, y, width) {
  const { run, rank } = item;
  pen.fillStyle = pens.row;
  pen.fillRect(0, y, width, headHeight);
  const to = Math.min(view.to, run.span_ns);
  if (to > view.from)
    drawBusy(pen, [rank], run.span_ns, 0, y + 18, xOf(to, width), headHeight - 19, view.from, to);
  pen.fillStyle = pens.text;
  pen.font = "600 12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const sign = closed.has(rankKey(run, rank.rank)) ? "\u25b8" : "\u25be";
  pen.fillText(fitting(pen, `${sign} ${run.mark && run.mark + ": "}${rank.name}`, width - 10),
               6, y + 10);
}

function drawTrack(pen, item, y, width) {
  const { run, track } = item;
  pen.font = "10.5px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillStyle = pens.dim;
  pen.fillText(fitting(pen, track.label, width - 12), 6, y + labelHeight / 2 + 1);
  if (!run.slice) return;
  const picked = marked?.get(run);
  pen.globalAlpha = picked ? .22 : 1;
  track.lines.forEach((line, row) =>
    drawLine(pen, run, line, y + labelHeight + row * lineHeight, width, !picked));
  pen.globalAlpha = 1;
  picked?.[track.number]?.forEach((line, row) =>
    drawLine(pen, run, line, y + labelHeight + row * lineHeight, width, true));
}

// Slices that are narrower than a pixel are drawn once for each pixel.
function drawLine(pen, run, line, y, width, named) {
  const { begin, length, name } = run.slice, scale = width / (view.to - view.from);
  const high = lineHeight - 1;
  let at = lowerBound(line, begin, view.from), color = "";
  if (at > 0) --at;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  while (at < line.length) {
    const i = line[at], x = (begin[i] - view.from) * scale, wide = length[i] * scale;
    if (x > width) break;
    const kind = run.name_kinds[name[i]];
    const next = pens.shades[kind][name[i] % 3];
    if (next !== color) pen.fillStyle = color = next;
    if (wide < 1.5) {
      const pixel = Math.floor(x);
      if (x + wide >= 0) pen.fillRect(pixel, y, 1, high);
      const after = view.from + (pixel + 1) / scale;
      let then = at + 1;
      if (then < line.length && begin[line[then]] < after) {
        then = lowerBound(line, begin, after, then);
        // The last of those that begin on this pixel may be a wide one.
        if (then - 1 > at && begin[line[then - 1]] + length[line[then - 1]] > after) --then;
      }
      at = then;
      continue;
    }
    ++at;
    const left = Math.max(x, 0), right = Math.min(x + wide, width);
    if (right <= 0) continue;
    pen.fillRect(left, y, Math.max(right - left - .5, 1), high);
    if (name[i] === 1) hatch(pen, left, y, right - left, high);
    if (!named || right - left < 24) continue;
    const text = fitting(pen, name[i] === 1 ? number(run.slice.value[i]) + " short slices"
      : run.names[name[i]], right - left - 6);
    if (!text) continue;
    pen.fillStyle = inkOn(color);
    pen.fillText(text, left + 3, y + high / 2 + .5);
    color = "";
  }
}
function hatch(pen, x, y, wide, high) {
  pen.strokeStyle = pens.card;
  pen.beginPath();
  for (let at = x; at < x + wide; at += 6) {
    pen.moveTo(at, y + high);
    pen.lineTo(Math.min(at + high, x + wide), y);
  }
  pen.stroke();
}
// Black or white, whichever can be read on a colour.
const inks = new Map();
function inkOn(color) {
  let ink = inks.get(color);
  if (ink) return ink;
  const [r, g, b] = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16) / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  ink = .2126 * r + .7152 * g + .0722 * b > .3 ? "#10151c" : "#ffffff";
  inks.set(color, ink);
  return ink;
}

// The path of the chosen request: a line on its rank's head, and from rank to rank.
function drawPath(pen, top, width, high) {
  if (!chosenRequest?.request.path) return;
  const { run, request } = chosenRequest;
  const heads = new Map(items.filter(item => !item.track && item.run === run)
    .map(item => [item.rank.rank, item.y - top + headHeight - 5]));
  pen.fillStyle = pens.card;
  for (const y of heads.values()) pen.fillRect(0, y - 2, width, 8);
  let before = null;
  for (const [kind, rank, , from, to] of request.path) {
    const y = heads.get(rank);
    if (y === undefined) continue;
    const x = xOf(from, width), end = xOf(to, width);
    if (before && before.y !== y && x >= 0 && x <= width) {
      pen.strokeStyle = pens.text;
      pen.lineWidth = 1.2;
      pen.beginPath();
      pen.moveTo(x, before.y + 2);
      pen.lineTo(x, y + 2);
      pen.stroke();
    }
    before = { y };
    if (end < 0 || x > width) continue;
    pen.fillStyle = pens[pathColors[kind]];
    pen.fillRect(Math.max(x, 0), y, Math.max(Math.min(end, width) - Math.max(x, 0), 1), 5);
  }
  const [from, to] = [request.begin_ns, request.end_ns].map(ns => xOf(ns, width));
  pen.strokeStyle = pens.accent;
  pen.setLineDash([4, 3]);
  pen.beginPath();
  for (const x of [from, to]) { pen.moveTo(x, 0); pen.lineTo(x, high); }
  pen.stroke();
  pen.setLineDash([]);
}

function drawChosen(pen, top, width) {
  if (!chosen) return;
  const { run, slice } = chosen, track = trackOf(run, slice);
  const item = items.find(one => one.run === run && one.track === track);
  if (!item) return;
  const x = xOf(run.slice.begin[slice], width);
  const wide = run.slice.length[slice] / (view.to - view.from) * width;
  pen.strokeStyle = pens.text;
  pen.lineWidth = 2;
  pen.strokeRect(Math.max(x, -4), item.y - top + labelHeight + run.slice.row[slice] * lineHeight,
                 Math.min(Math.max(wide, 3), width + 8), lineHeight - 1);
}

// The slice, or the rank's head, at a place on the canvas.
function hit(x, y) {
  const width = canvas.clientWidth, at = y + lanes.scrollTop;
  const item = items.find(one => at >= one.y && at < one.y + one.height);
  if (!item) return null;
  if (!item.track) return { item, rank: item.rank };
  const line = item.track.lines?.[Math.floor((at - item.y - labelHeight) / lineHeight)];
  if (!line || at - item.y < labelHeight) return { item };
  const { begin, length } = item.run.slice, slack = 2 / width * (view.to - view.from);
  const ns = view.from + x / width * (view.to - view.from);
  let best = -1, distance = slack;
  const after = lowerBound(line, begin, ns);
  for (const i of [line[after - 1], line[after]]) {
    if (i === undefined) continue;
    const off = Math.max(begin[i] - ns, ns - begin[i] - length[i], 0);
    if (off < distance || (off === 0 && best < 0)) { best = i; distance = off; }
  }
  return best < 0 ? { item } : { item, slice: best };
}

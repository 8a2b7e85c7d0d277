// Counters over time, in the range that the timeline shows: a chart for each name, a line for each
// rank.
const isMemory = name => /mem|byte|rss|pool|heap|alloc|kv.?(cache|block)/i.test(name);
const isBatch = name => /batch|requests in a step|num_seqs|running|tokens/i.test(name);
const inBytes = name => /byte|rss|mem|alloc|reserved/i.test(name) &&
  !/count|number|block|percent|util|%/i.test(name);
let charts = [];
function showCharts() {
  const box = clear($("counters").querySelector("div"));
  const names = new Map();
  for (const one of run.counters) names.set(one.name, [...names.get(one.name) ?? [], one]);
  const place = name => isMemory(name) ? 0 : isBatch(name) ? 1 : 2;
  const sorted = [...names].sort((a, b) => place(a[0]) - place(b[0]) || a[0].localeCompare(b[0]));
  $("counters").hidden = !sorted.length;
  charts = [];
  const titles = ["Memory", "Batches and tokens", "Other counters"];
  let before = -1, grid = null;
  for (const [name, series] of sorted) {
    if (place(name) !== before) {
      before = place(name);
      make("h3", box, titles[before]);
      grid = make("div", box, undefined, "charts");
    }
    const figure = make("figure", grid);
    make("figcaption", figure, name);
    const canvas = make("canvas", figure);
    const most = Math.max(...series.map(s => s.values.reduce((a, b) => Math.max(a, b), 0)), 1e-12);
    const least = Math.min(...series.map(s => s.values.reduce((a, b) => Math.min(a, b), 0)), 0);
    const chart = { canvas, series, most, least, form: inBytes(name) ? bytes
      : x => number(x, Number.isInteger(x) ? 0 : 2), at: null };
    const legend = make("p", figure, undefined, "legend");
    series.forEach((s, i) => {
      const peak = s.values.reduce((a, b) => Math.max(a, b), -Infinity);
      const item = make("span", legend);
      make("b", item).style.background = lineColor(i, series.length);
      item.append(`${nameOf(s.rank)}: peak ${chart.form(peak)}`);
    });
    canvas.onmousemove = event => {
      chart.at = event.offsetX;
      drawChart(chart);
      const ns = view.from + event.offsetX / canvas.clientWidth * (view.to - view.from);
      tip.show(event, [name, time(ns, 6), ...series.map(s => {
        const value = valueAt(s, ns);
        return `${nameOf(s.rank)}: ${value === undefined ? "-" : chart.form(value)}`;
      })]);
    };
    canvas.onmouseleave = () => { chart.at = null; tip.hide(); drawChart(chart); };
    charts.push(chart);
  }
  drawCharts();
}
const lineColor = (i, n) => n === 1 ? pens.accent
  : `hsl(${(215 + i * 360 / Math.min(n, 12)) % 360} 65% 55%)`;
function valueAt(series, ns) {
  let low = 0, high = series.ns.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (series.ns[middle] <= ns) low = middle + 1; else high = middle;
  }
  return series.values[low - 1];
}
const drawCharts = () => charts.forEach(drawChart);
function drawChart({ canvas, series, most, least, form, at }) {
  const [pen, width, height] = prepared(canvas, 110);
  const y = value => height - 4 - (value - least) / (most - least || 1) * (height - 22);
  pen.strokeStyle = pens.line;
  pen.beginPath();
  for (const value of [least, (least + most) / 2, most]) {
    pen.moveTo(0, Math.round(y(value)) + .5);
    pen.lineTo(width, Math.round(y(value)) + .5);
  }
  pen.stroke();
  series.forEach((s, i) => {
    pen.strokeStyle = lineColor(i, series.length);
    pen.lineWidth = 1.5;
    pen.beginPath();
    let last = null;
    for (let p = 0; p < s.ns.length; ++p) {
      const x = xOf(s.ns[p], width);
      const next = p + 1 < s.ns.length ? xOf(s.ns[p + 1], width) : width;
      if (next < 0) continue;
      if (x > width) break;
      if (last === null) pen.moveTo(Math.max(x, 0), y(s.values[p]));
      else pen.lineTo(x, y(s.values[p]));
      pen.lineTo(Math.min(next, xOf(run.span_ns, width)), y(s.values[p]));
      last = s.values[p];
    }
    pen.stroke();
  });
  pen.lineWidth = 1;
  pen.fillStyle = pens.dim;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "bottom";
  pen.fillText(form(most), 3, y(most) - 1);
  if (at === null) return;
  pen.strokeStyle = pens.dim;
  pen.beginPath();
  pen.moveTo(at + .5, 0);
  pen.lineTo(at + .5, height);
  pen.stroke();
}

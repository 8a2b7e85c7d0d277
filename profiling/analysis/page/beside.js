// Two runs beside each other: which times differ, and by how much.
function showBeside() {
  $("beside").hidden = runs.length < 2;
  if (runs.length < 2) return;
  const box = clear($("compared")), [a, b] = runs;
  const times = runs.map(one => one.requests.map(latency).sort((x, y) => x - y));
  const ratio = (x, y) => x > 0 && y > 0 ? (y / x).toFixed(2) + "\u00d7" : "-";
  const row = (what, x, y) => [what, [x ? time(x, 1) : "-", x], [y ? time(y, 1) : "-", y],
                               [ratio(x, y), x ? y / x : 0], [y - x ? time(y - x, 1) : "0", y - x]];
  make("p", box, `A: ${a.files.join(", ")}`, "dim");
  make("p", box, `B: ${b.files.join(", ")}`, "dim");
  make("p", box, besideSentence(), "sentence");
  table(box, ["what", "A", "B", "B / A", "B \u2212 A"], [
    row("from begin to end", a.span_ns, b.span_ns),
    row("median of a request", quantile(times[0], .5), quantile(times[1], .5)),
    row("p99 of a request", quantile(times[0], .99), quantile(times[1], .99))]);
  make("h3", box, "Operations, by the change of their own time");
  table(box, ["operation", "A", "B", "B / A", "B \u2212 A", "calls A", "calls B"],
        changes().map(c => [...row(c.name, c.a.self * 1000, c.b.self * 1000),
                            [number(c.a.calls), c.a.calls], [number(c.b.calls), c.b.calls]]), 15);
  const both = a.requests.filter(q => b.by_name.has(q.request))
    .map(q => [q, b.by_name.get(q.request)])
    .sort((x, y) => Math.abs(latency(y[1]) - latency(y[0])) - Math.abs(latency(x[1]) -
                                                                     latency(x[0])));
  if (!both.length) return;
  make("h3", box, "Requests that both have, by the change of their time");
  table(box, ["request", "A", "B", "B / A", "B \u2212 A"],
        both.map(([x, y]) => row(x.request, latency(x), latency(y))), 15);
}
// The time of each operation in both runs, largest change first.
function changes() {
  const all = new Map();
  runs.forEach((one, i) => {
    for (const rank of one.ranks)
      for (const o of rank.operations) {
        if (o.kind === "annotations") continue;
        const entry = all.get(o.name) ?? { name: o.name, a: { self: 0, calls: 0 },
                                           b: { self: 0, calls: 0 } };
        all.set(o.name, entry);
        const side = entry[i ? "b" : "a"];
        side.self += o.self_us + o.waiting_us;
        side.calls += o.calls;
      }
  });
  return [...all.values()]
    .sort((x, y) => Math.abs(y.b.self - y.a.self) - Math.abs(x.b.self - x.a.self));
}
function besideSentence() {
  const [a, b] = runs, [first] = changes();
  const words = (x, y, what) => {
    const part = x > 0 ? Math.abs(y / x - 1) * 100 : 0;
    return part < 1 ? `${what} is the same within 1 %`
      : `${what} is ${percent(part)} ${y > x ? "longer" : "shorter"} in B`;
  };
  const medians = runs.map(one => quantile(one.requests.map(latency).sort((x, y) => x - y), .5));
  const text = medians[0] && medians[1] ? words(...medians, "The median of a request")
    : words(a.span_ns, b.span_ns, "The time from begin to end");
  if (!first || Math.abs(first.b.self - first.a.self) < 1) return text + ".";
  const change = first.b.self - first.a.self;
  return `${text}; of all operations ${first.name.slice(0, 120)} changed most, by ` +
    `${change > 0 ? "+" : ""}${time(change * 1000, 1)}.`;
}

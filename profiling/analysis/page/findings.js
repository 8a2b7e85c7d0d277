// What stands out in a run, in sentences, and its most important numbers.
const latency = q => q.end_ns - q.begin_ns;
const quantile = (sorted, q) =>
  sorted[clamp(Math.ceil(q * sorted.length) - 1, 0, sorted.length - 1)] ?? 0;
const stageOf = name => name.match(/: (stage [^,]*)/)?.[1] ?? "";

function tilesOf(run) {
  const tiles = [[time(run.span_ns, 1), "from begin to end"],
                 [number(run.events), "slices"], [number(run.ranks.length), "ranks"]];
  const times = run.requests.map(latency).sort((a, b) => a - b);
  if (times.length) {
    tiles.push([number(times.length), times.length > 1 ? "requests" : "request"]);
    tiles.push([time(quantile(times, .5), 1), times.length > 1 ? "median of a request"
      : "from its submission on"]);
    if (times.length > 1) tiles.push([time(quantile(times, .99), 1), "p99 of a request"]);
  }
  const moved = run.channels.reduce((sum, c) => sum + c.bytes, 0);
  if (moved) tiles.push([bytes(moved), "handed from rank to rank"]);
  const drops = run.ranks.map(r => r.own?.drops).filter(n => typeof n === "number");
  if (drops.length) tiles.push([number(drops.reduce((a, b) => a + b, 0)), "records lost"]);
  return tiles;
}

function collectiveSentences(run) {
  return run.collectives.filter(c => c.waited_us > 0).map(c => {
    const worst = c.ranks.find(r => r.rank === c.slowest);
    const part = percent(100 * worst.waited_us / c.waited_us);
    return [c.waited_us, `In ${number(c.count)} ${c.name} of ${c.ranks.length} ranks the ranks ` +
      `waited ${time(c.waited_us * 1000, 1)} for each other, ${part} of that for ` +
      `${nameOf(c.slowest, run)}, which came last in ${number(worst.times)} of them.`];
  }).sort((a, b) => b[0] - a[0]).map(([, sentence]) => sentence);
}

// Ranks that take longer for a step than the others of their stage.
function slowRanks(run) {
  const slow = [];
  const stages = new Map();
  for (const rank of run.ranks) {
    if (!rank.steps.count || !stageOf(rank.name)) continue;
    const key = stageOf(rank.name);
    stages.set(key, [...stages.get(key) ?? [], rank]);
  }
  for (const [stage, ranks] of stages) {
    const times = ranks.map(r => r.steps.p50_us).sort((a, b) => a - b);
    const usual = times[Math.floor((times.length - 1) / 2)];
    for (const rank of ranks)
      if (ranks.length > 1 && rank.steps.p50_us > 1.25 * usual)
        slow.push([rank, `${rank.name} is the slow one of ${stage}: its steps take ` +
          `${time(rank.steps.p50_us * 1000, 1)}, those of the others ` +
          `${time(usual * 1000, 1)} (medians).`]);
  }
  return slow;
}

function findingsOf(run) {
  const found = [];
  const slowest = run.longest;
  if (slowest?.sentence) found.push(`The longest request, ${slowest.request}: ${slowest.sentence}`);
  found.push(...collectiveSentences(run).slice(0, 2));
  found.push(...slowRanks(run).slice(0, 2).map(([, sentence]) => sentence));
  const queue = [...run.channels].sort((a, b) => b.dwell_p50_us - a.dwell_p50_us)[0];
  if (queue?.matched && queue.dwell_p50_us > 100)
    found.push(`Chunks were longest under way from ${shortName(queue.from, run)} to ` +
      `${shortName(queue.to, run)}: median ${time(queue.dwell_p50_us * 1000, 1)}, longest ` +
      `${time(queue.dwell_most_us * 1000, 1)}.`);
  for (const rank of run.ranks.filter(r => r.device).slice(0, 4)) {
    const d = rank.device, of = x => percent(100 * x / Math.max(d.span_us, 1e-9));
    found.push(`The devices of ${rank.name} were busy ${of(d.busy_us)} of ` +
      `${time(d.span_us * 1000, 1)}: computing ${of(d.computing_us)}, communicating ` +
      `${of(d.communicating_us)} (${of(d.overlapped_us)} while computing), copying ` +
      `${of(d.copying_us)}.`);
  }
  const all = new Map();
  for (const rank of run.ranks)
    for (const o of rank.operations)
      if (o.kind === "cpu" || o.kind === "device")
        all.set(o.name, (all.get(o.name) ?? 0) + o.self_us);
  const total = [...all.values()].reduce((a, b) => a + b, 0);
  const [name, self] = [...all].sort((a, b) => b[1] - a[1])[0] ?? [];
  if (self > 0)
    found.push(`The operation with most time of its own is ${name.slice(0, 200)}: ` +
      `${time(self * 1000, 1)}, ${percent(100 * self / total)} of all.`);
  return found;
}

function showOverview() {
  $("head").textContent = run.files.join(", ");
  const tiles = clear($("tiles"));
  for (const [value, what] of tilesOf(run)) {
    const box = make("div", tiles);
    make("b", box, value);
    make("span", box, what);
  }
  const list = clear($("findings"));
  for (const sentence of findingsOf(run)) make("li", list, sentence);
  const notes = [...run.notes];
  if (run.together.slices)
    notes.push(`The run has ${number(run.events)} slices: ` +
      `${number(run.together.slices)} that are shorter than ` +
      `${time(run.together.shorter_ns, 0)} are drawn together with their ` +
      `neighbours. All tables count each of them.`);
  const box = $("notes");
  box.hidden = !notes.length;
  box.open = notes.length < 4;
  while (box.children.length > 1) box.lastChild.remove();
  for (const note of notes) make("p", box, note, "dim");
}

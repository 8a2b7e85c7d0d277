// The tables: hand-off, collectives, how ranks differ, operations, and what was lost.
function showTables() {
  const into = id => clear($(id).querySelector("div"));
  $("channels").hidden = !run.channels.length;
  table(into("channels"),
        ["from -> to", "chunks", "bytes", "with both ends", "under way p50 ms", "p99 ms",
         "longest ms"],
        run.channels.map(c => [
          `${shortName(c.from)} \u2192 ${nameOf(c.to)}`, [number(c.chunks), c.chunks],
          [bytes(c.bytes), c.bytes], [number(c.matched), c.matched],
          [ms(c.dwell_p50_us), c.dwell_p50_us], [ms(c.dwell_p99_us), c.dwell_p99_us],
          [ms(c.dwell_most_us), c.dwell_most_us]]));

  const together = into("collectives");
  $("collectives").hidden = !run.collectives.length;
  for (const sentence of collectiveSentences(run)) make("p", together, sentence);
  table(together, ["collective", "rank", "came last", "of", "later than the one before, ms",
                   "others waited for it, ms", ""],
        run.collectives.flatMap(c => c.ranks.map(r => [
          c.name, r.rank === c.slowest && c.waited_us > 0
            ? make("span", null, nameOf(r.rank) + " (slowest)", "slow") : nameOf(r.rank),
          [number(r.times), r.times], number(c.count), [ms(r.late_us), r.late_us],
          [ms(r.waited_us), r.waited_us],
          meter(r.waited_us / (c.waited_us || 1), pens.collective)])));

  const stepping = run.ranks.filter(r => r.steps.count);
  $("stragglers").hidden = !stepping.length;
  const slow = slowRanks(run), beside = into("stragglers");
  for (const [, sentence] of slow) make("p", beside, sentence);
  const longest = Math.max(...stepping.map(r => r.steps.p99_us), 1e-9);
  table(beside, ["rank", "steps", "step p50 ms", "p99 ms", "longest ms", "in collectives ms", ""],
        stepping.map(r => [
          slow.some(([one]) => one === r) ? make("span", null, r.name + " (slow)", "slow") : r.name,
          [number(r.steps.count), r.steps.count], [ms(r.steps.p50_us), r.steps.p50_us],
          [ms(r.steps.p99_us), r.steps.p99_us], [ms(r.steps.most_us), r.steps.most_us],
          [ms(r.steps.collective_us), r.steps.collective_us], meter(r.steps.p50_us / longest)]));

  const keys = ["events", "drops", "unmatched_correlations", "zero_time_records",
                "clock_error_ns", "begin_skew_ns", "profiler_cpu_ns", "overhead_percent", "gpu",
                "truncated", "note"].filter(key => run.ranks.some(r => r.own?.[key] != null));
  const own = run.ranks.filter(r => r.own);
  $("honesty").hidden = !own.length;
  table(into("honesty"), ["rank", ...keys],
        own.map(r => [r.name, ...keys.map(k => r.own[k] ?? "-")]));
  filterOperations("");
}

const operationKinds = [["cpu", "Threads"], ["device", "Device"],
                        ["annotations", "Annotations of the device"], ["other", "Other spans"]];
function filterOperations(wanted) {
  const into = clear($("operations").querySelector("div"));
  for (const r of run.ranks) {
    const box = make("details", into);
    box.open = run.ranks.length <= 4 || Boolean(wanted);
    make("summary", box, r.name);
    let any = false;
    for (const [kind, title] of operationKinds) {
      const all = r.operations.filter(o => o.kind === kind);
      const rows = all.filter(o => o.name.toLowerCase().includes(wanted));
      if (!rows.length) continue;
      any = true;
      const sum = all.reduce((total, o) => total + o.self_us, 0) || 1;
      table(box, [title, "Self ms", "Self %", "", "Waiting ms", "Total ms", "Avg µs", "Calls"],
            rows.map(o => [
              o.name, [ms(o.self_us), o.self_us], (100 * o.self_us / sum).toFixed(2) + " %",
              meter(o.self_us / sum), [ms(o.waiting_us), o.waiting_us],
              [ms(o.total_us), o.total_us],
              [number(o.total_us / o.calls, 3), o.total_us / o.calls], [number(o.calls), o.calls],
            ]), 30);
    }
    if (wanted && !any) box.remove();
  }
}

// One request: its sentence, its path over ranks and queues, and its time by place.
const pathRow = 22;
function drawRequest() {
  const box = clear($("request"));
  const isChosen = chosenRequest?.run === run, q = isChosen ? chosenRequest.request : run.longest;
  if (!q) return;
  make("b", box, (isChosen ? "" : "The longest: ") + `request ${q.request}: ${time(latency(q))}`);
  if (q.count > 1)
    make("p", box, `${q.count} requests have this id; the trace does not tell them apart, and ` +
      "their times are added up.", "dim");
  if (!q.stages) {
    make("p", box, `It is not among the ${number(run.requests.filter(r => r.stages).length)} ` +
      "longest, whose paths are in this page. The terminal has it: limelight trace summary " +
      `--request ${q.request} FILES`, "dim");
    return;
  }
  if (q.sentence) make("p", box, q.sentence, "sentence");
  const tools = make("div", box, undefined, "tools");
  make("button", tools, "Show in the timeline").onclick = () => {
    showRequest(run, q);
    $("timeline").scrollIntoView({ behavior: "smooth" });
  };
  if (isChosen) make("button", tools, "Clear").onclick = () => chooseRequest(null);
  make("h3", box, "Critical path");
  const canvas = make("canvas", box);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Critical path");
  drawRequestPath(canvas, q);
  canvas.onmousemove = event => hoverPath(event, canvas, q);
  canvas.onmouseleave = () => tip.hide();
  const whole = Math.max(latency(q) / 1000, 1e-9);
  table(box, ["where the time went", "ms", "share", "", "longest operations"],
        q.totals.map(t => [t.place, [ms(t.us), t.us], percent(100 * t.us / whole),
          meter(t.us / whole, pens[pathColors[t.kind]]),
          t.operations.map(([name, us]) => `${name.slice(0, 60)} ${ms(us)} ms`).join(", ")]));
  make("h3", box, "By rank");
  table(box, ["rank", "queue ms", "from ms", "steps", "compute ms", "beside ms", "transfer ms",
              "collective ms", "other requests ms", "idle ms"],
        q.stages.map(s => [
          s.orchestrator ? "orchestrator" : nameOf(s.rank),
          ms(s.submitted_ns !== null ? Math.max(s.first_ns - s.submitted_ns, 0) / 1000 : 0),
          ms((s.first_ns - q.begin_ns) / 1000), number(s.steps), ms(s.compute_us),
          ms(s.beside_us), ms(s.transfer_us), ms(s.collective_us), ms(s.others_us),
          ms(s.idle_us)]));
}
// A row for each rank that the request was on.
const rowsOf = q => {
  const ranks = [...new Set([...q.stages.map(s => s.rank), ...q.path.map(p => p[1])])];
  return ranks.filter(rank => rank >= 0).sort((a, b) => a - b);
};
const pathX = (q, width) => {
  const scale = (width - 4) / Math.max(latency(q), 1);
  return ns => 2 + (ns - q.begin_ns) * scale;
};
function drawRequestPath(canvas, q) {
  const rows = rowsOf(q), [pen, width] = prepared(canvas, rows.length * pathRow * 1.7 + 22);
  const x = pathX(q, width), y = rank => rows.indexOf(rank) * pathRow * 1.7 + 14;
  pen.textBaseline = "middle";
  for (const rank of rows) {
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = pens.dim;
    pen.fillText(fitting(pen, nameOf(rank), width - 8), 3, y(rank) - 7);
    pen.fillStyle = pens.card;
    pen.fillRect(2, y(rank), width - 4, pathRow - 4);
  }
  // Faintly when its steps ran, fully what is on the path.
  for (const s of q.stages) {
    pen.globalAlpha = .25;
    pen.fillStyle = pens[s.orchestrator ? "orchestrator" : "step"];
    for (const [from, to] of s.worked_ns)
      pen.fillRect(x(from), y(s.rank), Math.max(x(to) - x(from), .5), pathRow - 4);
  }
  pen.globalAlpha = 1;
  let before = null;
  for (const [kind, rank, , from, to] of q.path) {
    if (rank < 0) continue;
    pen.fillStyle = pens[pathColors[kind]];
    const wide = Math.max(x(to) - x(from), .7);
    pen.fillRect(x(from), y(rank), wide, pathRow - 4);
    if (before !== null && before !== rank) {
      pen.strokeStyle = pens.text;
      pen.globalAlpha = .45;
      pen.beginPath();
      pen.moveTo(x(from), y(before) + (y(before) < y(rank) ? pathRow - 4 : 0));
      pen.lineTo(x(from), y(rank) + (y(before) < y(rank) ? 0 : pathRow - 4));
      pen.stroke();
      pen.globalAlpha = 1;
    }
    before = rank;
  }
  pen.fillStyle = pens.dim;
  pen.font = "11px system-ui, sans-serif";
  const bottom = rows.length * pathRow * 1.7 + 12;
  for (let i = 0; i <= 4; ++i) {
    const text = time(latency(q) * i / 4, 1), wide = pen.measureText(text).width;
    pen.fillText(text, clamp(2 + (width - 4) * i / 4 - wide / 2, 2, width - wide - 2), bottom);
  }
}
function hoverPath(event, canvas, q) {
  const ns = q.begin_ns + (event.offsetX - 2) / (canvas.clientWidth - 4) * latency(q);
  const part = q.path.find(([, , , from, to]) => ns >= from && ns < to);
  if (!part) return tip.hide();
  const [kind, rank, other, from, to] = part;
  const lines = [pathWords[kind], time(to - from), nameOf(rank)];
  if (other >= 0) lines.push((kind === "hand_off" ? "from " : "with ") + nameOf(other));
  tip.show(event, lines);
}

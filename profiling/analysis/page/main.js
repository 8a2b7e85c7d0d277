// Puts the page together: what is small at once, the slices when they are unpacked.
function legendOf(id, entries) {
  const box = clear($(id));
  for (const [color, words] of entries) {
    const item = make("span", box);
    make("b", item).style.background = color;
    item.append(words);
  }
}
function showLegends() {
  const used = new Set();
  for (const run of runs) {
    run.ranks.forEach(rank => rank.busy.forEach((all, kind) => { if (all) used.add(kind); }));
    if (run.slice) for (const id of new Set(run.slice.name)) used.add(run.name_kinds[id]);
    else run.name_kinds.slice(2).forEach(kind => used.add(kind));
  }
  const entries = data.kinds.map((kind, i) => [kindColor(i), kind]).filter((_, i) => used.has(i));
  if (runs.some(run => run.together.slices)) {
    const [a, b] = [pens.threads, pens.card];
    entries.push([`repeating-linear-gradient(135deg, ${a} 0 3px, ${b} 3px 4px)`,
                  "many short slices together"]);
  }
  legendOf("legend", entries);
  const kinds = new Set(run.requests.flatMap(q => (q.path ?? []).map(part => part[0])));
  legendOf("path-legend", Object.keys(pathWords).filter(kind => kinds.has(kind))
    .map(kind => [pens[pathColors[kind]], pathWords[kind]]));
}
function showNav() {
  const nav = clear($("nav"));
  for (const section of document.querySelectorAll("main > section")) {
    if (section.hidden || section.id === "overview") continue;
    const link = make("a", nav, section.querySelector("h2").textContent);
    link.href = "#" + section.id;
  }
}
// All but the timeline, which has both runs.
function showRun() {
  showOverview();
  showLegends();
  showRequestList();
  chooseRequest(null);
  showCharts();
  showTables();
  showBeside();
  prepareFlame();
  showNav();
}
function showRuns() {
  if (runs.length < 2) return;
  const box = $("runs");
  box.hidden = false;
  for (const one of runs) {
    const button = make("button", box, "Run " + one.mark);
    button.title = one.files.join(", ");
    button.setAttribute("aria-pressed", one === run);
    button.onclick = () => {
      run = one;
      for (const other of box.children) other.setAttribute("aria-pressed", other === button);
      showRun();
    };
  }
}
function recolor() {
  readColors();
  widths.clear();
  showLegends();
  drawRequest();
  showCharts();
  drawFlame();
  draw();
}

readColors();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);
addEventListener("resize", () => { draw(); drawFlame(); drawRequest(); });
addEventListener("beforeprint", () => {
  fillRequests(true);
  for (const box of document.querySelectorAll("details")) box.open = true;
  draw();
});
addEventListener("afterprint", () => fillRequests());
showRuns();
closeMany();
layOut();
watchFlame();
showRun();

async function unpackAll() {
  try {
    for (const [i, run] of runs.entries()) await unpack(run, $("slices" + i));
  } catch (error) {
    make("p", $("legend"), "The slices cannot be shown: this browser does not unpack them (" +
      error.message + "). All else is complete.");
  }
  if ($("search").value) search();
  showLegends();
  draw();
  document.body.dataset.opened = Math.round(performance.now());
  document.body.dataset.slices = "yes";
}
document.body.dataset.ready = "yes";
unpackAll();

// The timeline's wheel, pointer and keys, and the search.
const place = event => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
const timeAt = x => view.from + x / canvas.clientWidth * (view.to - view.from);

function onWheel(event) {
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
  const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
  if (event.altKey) return;  // scrolls the rows
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    pan(across * unit / canvas.clientWidth);
    event.preventDefault();
    return;
  }
  // At the widest view the wheel scrolls the page on.
  if (event.deltaY > 0 && isAll() && !event.ctrlKey) return;
  zoom(Math.exp(clamp(event.deltaY * unit, -400, 400) * .002), timeAt(place(event)[0]));
  event.preventDefault();
}
for (const id of ["lanes", "axis", "minimap"])
  $(id).addEventListener("wheel", onWheel, { passive: false });

const pointers = new Map();
let grabbed = null;
canvas.addEventListener("pointerdown", event => {
  if (event.button !== 0) return;
  const [x, y] = place(event);
  pointers.set(event.pointerId, x);
  canvas.setPointerCapture(event.pointerId);
  grabbed = { x, y, from: view.from, to: view.to, scroll: lanes.scrollTop, moved: false,
              range: event.shiftKey ? timeAt(x) : null };
  if (pointers.size === 2)
    grabbed.pinch = { gap: Math.abs([...pointers.values()][0] - [...pointers.values()][1]) };
  lanes.focus({ preventScroll: true });
});
canvas.addEventListener("pointermove", event => {
  const [x, y] = place(event);
  if (!grabbed) return hover(event, x, y);
  pointers.set(event.pointerId, x);
  const length = grabbed.to - grabbed.from;
  if (grabbed.pinch && pointers.size === 2) {
    const [a, b] = [...pointers.values()];
    const factor = grabbed.pinch.gap / Math.max(Math.abs(a - b), 10);
    const at = grabbed.from + (a + b) / 2 / canvas.clientWidth * length;
    setView(at - (at - grabbed.from) * factor, at + (grabbed.to - at) * factor);
    grabbed.moved = true;
    return;
  }
  if (Math.abs(x - grabbed.x) + Math.abs(y - grabbed.y) > 3) grabbed.moved = true;
  if (!grabbed.moved) return;
  tip.hide();
  if (grabbed.range !== null) {
    measuring = [grabbed.range, timeAt(x)];
    draw();
    return;
  }
  canvas.classList.add("moving");
  const shift = (grabbed.x - x) / canvas.clientWidth * length;
  setView(grabbed.from + shift, grabbed.to + shift);
  if (event.pointerType === "mouse") lanes.scrollTop = grabbed.scroll + grabbed.y - y;
});
function release(event) {
  pointers.delete(event.pointerId);
  const was = grabbed;
  if (!was || pointers.size > 0) return;
  grabbed = null;
  canvas.classList.remove("moving");
  if (measuring) {
    const [from, to] = [Math.min(...measuring), Math.max(...measuring)];
    measuring = null;
    setView(from, to);
    draw();
  } else if (!was.moved && event.type === "pointerup") {
    click(event, ...place(event));
  }
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => tip.hide());
canvas.addEventListener("dblclick", event => {
  const at = hit(...place(event));
  if (at?.slice === undefined) return;
  const { begin, length } = at.item.run.slice;
  showRange(begin[at.slice], begin[at.slice] + length[at.slice]);
});
lanes.addEventListener("scroll", draw);

function hover(event, x, y) {
  const at = hit(x, y);
  canvas.style.cursor = at?.slice !== undefined || at?.rank ? "pointer" : "grab";
  if (at?.slice !== undefined) return tip.show(event, words(at.item.run, at.slice));
  if (!at?.rank) return tip.hide();
  const { run } = at.item, bin = Math.floor(timeAt(x) / run.span_ns * 1000);
  const shares = run.kinds.slice(0, 6)
    .map((kind, i) => at.rank.busy[i]?.[bin] ? `${kind} ${at.rank.busy[i][bin]} %` : "")
    .filter(Boolean);
  tip.show(event, [at.rank.name, `at ${time(timeAt(x))}, mean of ${time(run.span_ns / 1000)}`,
                   ...shares]);
}
function click(event, x, y) {
  const at = hit(x, y);
  if (at?.rank) {
    const key = rankKey(at.item.run, at.rank.rank);
    closed.has(key) ? closed.delete(key) : closed.add(key);
    return layOut();
  }
  choose(at?.slice === undefined ? null : { run: at.item.run, slice: at.slice });
}
// Shows a slice below the timeline.
function choose(what) {
  chosen = what;
  const box = clear($("chosen"));
  box.hidden = !what;
  draw();
  if (!what) return;
  const { run, slice } = what, s = run.slice;
  const [title, ...rest] = words(run, slice);
  make("b", box, title);
  make("p", box, rest.join(" \u00b7 "), "dim");
  const tools = make("div", box, undefined, "tools");
  make("button", tools, "Zoom to it").onclick = () =>
    showRange(s.begin[slice], s.begin[slice] + s.length[slice]);
  make("button", tools, "Search its name").onclick = () => {
    $("search").value = run.names[s.name[slice]];
    search();
  };
  const request = run.by_name.get(run.request_names[s.request[slice]]);
  if (s.request[slice] && request)
    make("button", tools, "Show its request").onclick = () => showRequest(run, request, true);
}

// The whole, to drag a range in or to go to.
let mini = null;
$("minimap").addEventListener("pointerdown", event => {
  mini = { at: event.offsetX / $("minimap").clientWidth * whole_ns, moved: false };
  $("minimap").setPointerCapture(event.pointerId);
});
$("minimap").addEventListener("pointermove", event => {
  if (!mini) return;
  const at = clamp(event.offsetX / $("minimap").clientWidth, 0, 1) * whole_ns;
  if (Math.abs(at - mini.at) > whole_ns / 200) mini.moved = true;
  if (mini.moved) setView(Math.min(at, mini.at), Math.max(at, mini.at));
});
$("minimap").addEventListener("pointerup", () => {
  if (mini && !mini.moved) {
    const half = (view.to - view.from) / 2;
    setView(mini.at - half, mini.at + half);
  }
  mini = null;
});

const keys = {
  w: () => zoom(.6), "+": () => zoom(.6), "=": () => zoom(.6), s: () => zoom(1 / .6),
  "-": () => zoom(1 / .6), a: () => pan(-.2), d: () => pan(.2), 0: () => setView(0, whole_ns),
  "/": () => $("search").focus(), f: () => chosen && choose(chosen),
  Escape: () => { $("search").value = ""; chooseRequest(null); choose(null); search(); },
};
const arrows = {
  ArrowLeft: keys.a, ArrowRight: keys.d, ArrowUp: keys.w, ArrowDown: keys.s,
};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea") && event.key !== "Escape") return;
  const inside = document.activeElement === lanes || document.activeElement === document.body;
  const action = keys[event.key] ?? (inside ? arrows[event.key] : undefined);
  if (!action) return;
  action();
  event.preventDefault();
});
const buttons = {
  "zoom-in": keys.w, "zoom-out": keys.s, "pan-left": keys.a, "pan-right": keys.d,
  "zoom-all": keys[0],
};
for (const [id, action] of Object.entries(buttons)) $(id).onclick = action;

// Searches names of slices and of requests. Enter goes from one to the next.
let foundSlices = [], foundAt = -1;
function search() {
  const wanted = $("search").value.trim().toLowerCase();
  foundSlices = [];
  foundAt = -1;
  if (!wanted) {
    marked = null;
    $("found").textContent = "";
    markRequest();
    filterRequests("");
    filterOperations("");
    drawFlame();
    return draw();
  }
  marked = new Map();
  let count = 0;
  for (const run of runs) {
    if (!run.slice) continue;
    const names = run.names.map(name => name.toLowerCase().includes(wanted));
    const requests = run.request_names.map((name, i) => i > 0 && name.toLowerCase() === wanted);
    count += mark(run, i => names[run.slice.name[i]] || requests[run.slice.request[i]]);
  }
  const n = filterRequests(wanted);
  filterOperations(wanted);
  $("found").textContent = `${number(count)} slices, ${number(n)} requests`;
  drawFlame();
  draw();
}
// Marks the slices of a run that are wanted, and returns how many there are.
function mark(run, is) {
  let count = 0;
  marked.set(run, run.tracks.map(track => track.lines.map(line => {
    const some = line.filter(is);
    count += some.length;
    if (foundSlices.length < 100000)
      for (const i of some) foundSlices.push({ run, slice: i });
    return some;
  })));
  foundSlices.sort((a, b) => a.run.slice.begin[a.slice] - b.run.slice.begin[b.slice]);
  return count;
}
function goToFound(step) {
  if (!foundSlices.length) return;
  foundAt = (foundAt + step + foundSlices.length) % foundSlices.length;
  const next = foundSlices[foundAt], { begin, length } = next.run.slice;
  const track = trackOf(next.run, next.slice), key = rankKey(next.run, track.rank);
  if (closed.delete(key)) layOut();
  choose(next);
  const from = begin[next.slice], long = length[next.slice], shown = view.to - view.from;
  if (from < view.from || from + long > view.to || long < shown / 500)
    setView(from + long / 2 - Math.max(long * 5, 2000), from + long / 2 + Math.max(long * 5, 2000));
  const item = items.find(one => one.run === next.run && one.track === track);
  if (item) lanes.scrollTop = item.y + next.run.slice.row[next.slice] * lineHeight - 80;
  $("found").textContent = `${number(foundAt + 1)} of ${number(foundSlices.length)}`;
}
let searching = 0;
$("search").addEventListener("input", () => {
  clearTimeout(searching);
  searching = setTimeout(search, 120);
});
$("search").addEventListener("keydown", event => {
  if (event.key !== "Enter") return;
  clearTimeout(searching);
  if (foundAt < 0) search();
  goToFound(event.shiftKey ? -1 : 1);
});

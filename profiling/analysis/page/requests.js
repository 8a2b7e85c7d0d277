// The list of all requests. Only the rows in sight are there, so it may have any length.
const rowHeight = 30;
const order = { by: "longest", filter: "" };
let shownRequests = [];
const list = { box: null, inner: null };

function sortedRequests() {
  const wanted = order.filter;
  const all = run.requests.filter(q => !wanted || q.request.toLowerCase().includes(wanted));
  const by = { longest: (a, b) => latency(b) - latency(a),
               earliest: (a, b) => a.begin_ns - b.begin_ns };
  return by[order.by] ? all.sort(by[order.by]) : all;
}
function filterRequests(wanted) {
  order.filter = wanted;
  shownRequests = sortedRequests();
  fillRequests();
  return shownRequests.length;
}
function showRequestList() {
  const parent = clear($("request-list"));
  $("requests").hidden = !run.requests.length;
  if (!run.requests.length) return;
  const tools = make("div", parent, undefined, "order");
  const many = run.requests.length > 1;
  make("span", tools, `${number(run.requests.length)} request${many ? "s" : ""}`, "dim");
  for (const by of ["longest", "earliest", "name"]) {
    const button = make("button", tools, by);
    button.setAttribute("aria-pressed", order.by === by);
    button.onclick = () => {
      order.by = by;
      for (const one of tools.querySelectorAll("button"))
        one.setAttribute("aria-pressed", one === button);
      filterRequests(order.filter);
    };
  }
  list.box = make("div", parent, undefined, "list");
  list.box.tabIndex = 0;
  list.inner = make("div", list.box);
  list.box.onscroll = fillRequests;
  list.box.onkeydown = event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const at = shownRequests.indexOf(chosenRequest?.request) + step;
    const next = shownRequests[clamp(at, 0, shownRequests.length - 1)];
    if (!next) return;
    showRequest(run, next);
    list.box.scrollTop = clamp(list.box.scrollTop, at * rowHeight - list.box.clientHeight + 60,
                               Math.max(at * rowHeight - 30, 0));
    list.box.focus();
  };
  filterRequests(order.filter);
}
function fillRequests(all = false) {
  if (!list.inner) return;
  list.inner.style.height = shownRequests.length * rowHeight + "px";
  list.box.style.height = clamp(shownRequests.length * rowHeight + 4, 60, 480) + "px";
  const every = all === true;
  const first = every ? 0 : Math.max(Math.floor(list.box.scrollTop / rowHeight) - 5, 0);
  const last = every ? mostPrinted : first + 40;
  const longest = shownRequests.reduce((most, q) => Math.max(most, latency(q)), 1);
  clear(list.inner);
  shownRequests.slice(first, last).forEach((q, i) => {
    const row = make("button", list.inner);
    row.style.top = (first + i) * rowHeight + "px";
    make("span", row, q.request + (q.count > 1 ? ` (${q.count} of this id)` : ""));
    make("em", row, time(latency(q), 1));
    make("i", row).style.width = 100 * latency(q) / longest + "%";
    row.setAttribute("aria-pressed", chosenRequest?.request === q);
    row.onclick = () => showRequest(run, q);
  });
  if (every && shownRequests.length > mostPrinted)
    make("p", list.inner, `and ${number(shownRequests.length - mostPrinted)} more`);
}
// On paper all rows stand, up to a number that somebody reads.
const mostPrinted = 2000;
// Chooses a request: its path in the timeline, and what it was.
function showRequest(of, request, scroll) {
  chooseRequest(request && { run: of, request });
  if (!request) return;
  showRange(request.begin_ns, request.end_ns);
  if (scroll) $("requests").scrollIntoView({ behavior: "smooth" });
}
function chooseRequest(what) {
  chosenRequest = what;
  fillRequests();
  drawRequest();
  if (!$("search").value) markRequest();
  draw();
}
// Marks the slices of the chosen request in the timeline.
function markRequest() {
  marked = null;
  if (!chosenRequest) return;
  const { run, request } = chosenRequest;
  const id = run.request_names.indexOf(request.request);
  if (!run.slice || id < 0) return;
  marked = new Map();
  mark(run, i => run.slice.request[i] === id);
  foundSlices = [];
}

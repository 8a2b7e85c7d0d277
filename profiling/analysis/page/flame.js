// The flame graph of a run: a click makes a node the whole, Up goes back.
const flame = { root: 0, nodes: [], boxes: [] };
function prepareFlame() {
  const { parent, name, self_us, calls } = run.flame;
  const waiting = $("flame-waiting").checked;
  const nodes = name.map((id, i) => ({
    name: i ? run.names[id] : runs.length > 1 ? "run " + run.mark : "all ranks",
    kind: run.name_kinds[id], parent: parent[i], calls: calls[i], children: [],
    self: !waiting && (run.name_kinds[id] === 2 || run.name_kinds[id] === 3) ? 0 : self_us[i],
  }));
  for (const node of nodes) node.total = node.self;
  for (let i = nodes.length - 1; i > 0; --i) {
    nodes[nodes[i].parent].total += nodes[i].total;
    nodes[nodes[i].parent].children.push(i);
  }
  for (const node of nodes) node.children.sort((a, b) => nodes[b].total - nodes[a].total);
  flame.nodes = nodes;
  flame.root = 0;
  drawFlame();
}
function drawFlame() {
  const { nodes } = flame, line = 18;
  const canvas = $("flame-canvas");
  const width = canvas.clientWidth || canvas.parentElement.clientWidth;
  flame.boxes = [];
  let deepest = 0;
  const lay = (i, x, wide, depth) => {
    if (wide < .6 || depth > 60) return;
    deepest = Math.max(deepest, depth);
    flame.boxes.push({ i, x, wide, depth });
    for (const child of nodes[i].children) {
      const part = wide * nodes[child].total / (nodes[i].total || 1);
      lay(child, x, part, depth + 1);
      x += part;
    }
  };
  lay(flame.root, 0, width, 0);
  const [pen] = prepared(canvas, (deepest + 1) * line + 2);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const wanted = $("search").value.trim().toLowerCase();
  for (const { i, x, wide, depth } of flame.boxes) {
    const node = nodes[i], color = depth === 0 ? pens.row
      : pens.shades[node.kind][(node.name.length + i) % 3];
    pen.globalAlpha = wanted && !node.name.toLowerCase().includes(wanted) ? .3 : 1;
    pen.fillStyle = color;
    pen.fillRect(x, depth * line, Math.max(wide - .6, .4), line - 1);
    const text = fitting(pen, node.name, wide - 6);
    if (!text) continue;
    pen.fillStyle = depth === 0 ? pens.text : inkOn(color);
    pen.fillText(text, x + 4, depth * line + line / 2);
  }
  pen.globalAlpha = 1;
  const up = [];
  for (let i = flame.root; i; i = nodes[i].parent) up.unshift(nodes[i].name);
  $("flame-at").textContent = up.join(" \u203a ").slice(0, 200);
  $("flame-up").disabled = flame.root === 0;
}
const flameAt = event => flame.boxes.findLast(box => Math.floor(event.offsetY / 18) === box.depth &&
  event.offsetX >= box.x && event.offsetX < box.x + Math.max(box.wide, 1));
function watchFlame() {
  const canvas = $("flame-canvas");
  canvas.onmousemove = event => {
    const box = flameAt(event);
    if (!box) return tip.hide();
    const node = flame.nodes[box.i], root = flame.nodes[flame.root];
    tip.show(event, [node.name, `${ms(node.total)} ms, ` +
      `${percent(100 * node.total / (root.total || 1))} of what is shown`,
      `${ms(node.self)} ms of its own, ${number(node.calls)} calls`]);
  };
  canvas.onmouseleave = () => tip.hide();
  canvas.onclick = event => {
    const box = flameAt(event);
    if (!box) return;
    flame.root = box.i === flame.root ? flame.nodes[box.i].parent : box.i;
    drawFlame();
  };
  $("flame-up").onclick = () => { flame.root = flame.nodes[flame.root].parent; drawFlame(); };
  $("flame-waiting").onchange = prepareFlame;
}

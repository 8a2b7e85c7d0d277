// Unpacks the slices of a run: see profiling/analysis/slice_columns.hpp.
function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text), to = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; ++i) to[i] = raw.charCodeAt(i);
  return to;
}
async function inflated(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
// Reads a column of varints. Most have one byte or two.
function column(all, from, count, to) {
  let at = from;
  for (let i = 0; i < count; ++i) {
    let byte = all[at++];
    if (byte < 128) { to[i] = byte; continue; }
    let value = byte & 127;
    byte = all[at++];
    if (byte < 128) { to[i] = value | byte << 7; continue; }
    value |= (byte & 127) << 7;
    for (let unit = 16384; ; unit *= 128) {
      byte = all[at++];
      value += (byte & 127) * unit;
      if (byte < 128) break;
    }
    to[i] = value;
  }
  return to;
}
// Gives a run its slices: begin and length in nanoseconds since the begin of the run, row, name,
// request and value by number, and for each row of each track the numbers of its slices.
async function unpack(run, element) {
  const all = await inflated(fromBase64(element.textContent.trim()));
  element.remove();
  const n = run.slices, s = {
    begin: new Float64Array(n), length: new Float64Array(n), row: new Uint8Array(n),
    name: new Uint32Array(n), request: new Uint32Array(n), value: new Float64Array(n),
  };
  let at = 0;
  [s.begin, s.length, s.row, s.name, s.request, s.value].forEach((to, i) => {
    column(all, at, n, to);
    at += run.columns[i];
  });
  let first = 0;
  run.tracks.forEach((track, number) => {
    let now = 0;
    const end = first + track.slices, counts = new Uint32Array(track.rows);
    for (let i = first; i < end; ++i) {
      s.begin[i] = now += s.begin[i];
      ++counts[s.row[i]];
    }
    track.first = first;
    track.lines = Array.from(counts, count => new Uint32Array(count));
    counts.fill(0);
    for (let i = first; i < end; ++i) track.lines[s.row[i]][counts[s.row[i]]++] = i;
    track.number = number;
    first = end;
  });
  run.slice = s;
}
// The track of a slice.
function trackOf(run, i) {
  let low = 0, high = run.tracks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (run.tracks[middle].first <= i) low = middle; else high = middle - 1;
  }
  return run.tracks[low];
}
// Where in a line the slices begin that begin at a time or later.
function lowerBound(line, begin, ns, from = 0) {
  let low = from, high = line.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (begin[line[middle]] < ns) low = middle + 1; else high = middle;
  }
  return low;
}
// What is said of a slice.
function words(run, i) {
  const s = run.slice, kind = run.name_kinds[s.name[i]], track = trackOf(run, i);
  const name = s.name[i] === 1
    ? `${number(s.value[i])} slices shorter than ${time(run.together.shorter_ns, 0)}`
    : run.names[s.name[i]];
  const lines = [name.length > 400 ? name.slice(0, 400) + "\u2026" : name,
                 `${time(s.length[i])}, from ${time(s.begin[i], 6)}`];
  if (kind === 0 && s.value[i]) lines.push(`step ${number(s.value[i])}`);
  if (s.request[i]) lines.push(`request ${run.request_names[s.request[i]]}`);
  if (kind !== 0 && s.name[i] !== 1 && s.value[i]) lines.push(bytes(s.value[i]));
  lines.push(`${run.mark ? run.mark + ": " : ""}${nameOf(track.rank, run)}, ${track.label}`);
  return lines;
}

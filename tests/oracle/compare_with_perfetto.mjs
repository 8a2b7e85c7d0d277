// Says whether Perfetto's own importer finds the same in two files: slices with their tracks,
// depths and args, counters and arrows. Times count from the first slice.
//
//   node compare_with_perfetto.mjs <folder of engine_bundle.js> <trace file> <trace file>
//
// Prints {"slices", "args", "counters", "flows", "problems", "different": [...]}, where different
// has a few rows of each table that one of the files alone has. Exit status: 0 if there is none.
import { load, problems, query } from './perfetto_engine.mjs';

const [folder, ...files] = process.argv.slice(2);

const first = '(select min(ts) from slice)';
// JSON keeps args below `args`, Perfetto's own format below `debug`. The instant at the end has
// what JSON has outside of its events.
// JSON's counters have the name of the arg in their own.
const ours = "slice.name != 'limelight'";
// The importer has no points in the keys of its own format.
const key = "replace(replace(replace(flat_key, 'args.', ''), 'debug.', ''), '.', '_')";
const tables = {
  slices:
    `select slice.ts - ${first} as ts, slice.dur, slice.name, category, depth, ` +
    'coalesce(thread.name, track.name) as track from slice ' +
    'left join thread_track on track_id = thread_track.id left join thread using (utid) ' +
    `left join track on track_id = track.id where ${ours}`,
  args:
    `select slice.ts - ${first} as ts, slice.name, ${key} as key, string_value, int_value, ` +
    'round(real_value, 3) as real_value from slice join args using (arg_set_id) ' +
    `where ${ours} and (flat_key like 'args.%' or flat_key like 'debug.%')`,
  counters:
    `select counter.ts - ${first} as ts, replace(name, ' value', '') as name, value ` +
    'from counter join counter_track on track_id = counter_track.id',
  flows:
    `select source.ts - ${first} as source_ts, source.name as source, ` +
    `target.ts - ${first} as target_ts, target.name as target from flow ` +
    'join slice source on slice_out = source.id join slice target on slice_in = target.id',
};

const found = [], wrong = [];
for (const file of files) {
  const call = await load(folder, file);
  const rows = {};
  for (const [table, sql] of Object.entries(tables)) {
    rows[table] = (await query(call, sql)).map((row) => JSON.stringify(row)).sort();
  }
  found.push(rows);
  wrong.push(...(await problems(call)));
}
const different = [];
for (const table of Object.keys(tables)) {
  const [one, other] = found.map((rows) => rows[table]);
  if (one.length !== other.length) different.push(`${table}: ${one.length}, ${other.length}`);
  const missing = (from, of) => from.filter((row) => !of.has(row)).slice(0, 5);
  different.push(...missing(one, new Set(other)).map((row) => `${table}: first alone ${row}`));
  different.push(...missing(other, new Set(one)).map((row) => `${table}: second alone ${row}`));
}
const counts = Object.fromEntries(Object.keys(tables).map((t) => [t, found[0][t].length]));
console.log(JSON.stringify({ ...counts, problems: wrong, different }, null, 1));
process.exit(different.length + wrong.length === 0 ? 0 : 1);

// Prints what Perfetto's own importer makes of trace files (perfetto_engine.mjs).
//
//   node read_with_perfetto.mjs <folder of engine_bundle.js> <trace file>...
//
// One JSON object is printed for each file:
//   {"file", "problems": [{"name", "value", "severity"}], "slices", "flows", "backward",
//    "processes": [...]}
// backward: arrows that do not go from a publish to its take, or that go back in time.
import { load, problems, query } from './perfetto_engine.mjs';

const [folder, ...files] = process.argv.slice(2);

for (const file of files) {
  const call = await load(folder, file);
  const [{ slices }] = await query(call, 'select count(*) as slices from slice');
  const [{ flows }] = await query(call, 'select count(*) as flows from flow');
  // An arrow of a chunk goes from its publish to its take. The importer takes the one that begins
  // first as the source.
  const [{ backward }] = await query(
    call,
    'select count(*) as backward from flow join slice source on slice_out = source.id ' +
      'join slice target on slice_in = target.id ' +
      "where source.name = 'ipc.take' or target.name = 'ipc.publish' or source.ts > target.ts",
  );
  const named = await query(
    call,
    'select name from process where name is not null order by name',
  );
  const processes = named.map((row) => row.name);
  console.log(
    JSON.stringify({ file, problems: await problems(call), slices, flows, backward, processes }),
  );
}
process.exit(0);

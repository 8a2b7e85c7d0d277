// What a rank records: one record of fixed size for each finished span, and the names that records
// refer to.
//
// A record has 32 bytes, so that two share a cache line and none straddles one. A name is interned
// once (a static variable at the call site) and stays for the life of the process. What differs
// from call to call (a shape, a number of bytes) is packed into `value`, so recording never
// allocates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace limelight::profiling {

// The `cat` of the trace event; see the event table of the Chrome trace format as PyTorch's tools
// read it.
enum class Category : std::uint8_t { cpu_op, user_annotation };
const char* to_string(Category category) noexcept;

// How a record's `value` is to be read, and the args that the trace event gets from it.
enum class ValueKind : std::uint8_t {
  none,
  dims,    // one shape, up to three extents: args "Input Dims": [[a, b, c]]
  matmul,  // M, N, K of a product [M, K] x [K, N]: args "Input Dims": [[M, K], [K, N]]
  bytes,   // a size: args "bytes"
  chunk,   // a chunk handed from one process to another, see pack_chunk(): args "bytes", "channel",
           // "chunk"
  number,  // a plain count: args "value"
  step,    // the number N of a step. The event is called ProfilerStep#N, as PyTorch's tools expect;
           // args "step of" holds the interned name
};

// The kind of work that an event is of, by which a session can choose (see all_activities).
enum class Activity : std::uint8_t {
  cpu = 1,     // operations of stages, steps and everything that is none of the others
  ipc = 2,     // loan, publish, take
  actors = 4,  // messages
  collectives = 8,
  gpu = 16,  // the device's source
};

using NameId = std::uint32_t;  // fits 24 bits

struct NameInfo {
  std::string name;
  Category category = Category::cpu_op;
  ValueKind value_kind = ValueKind::none;
  bool correlated = false;  // the span launches work on a device, so its events carry an External
                            // id (see correlated_span.hpp)
  Activity activity = Activity::cpu;
};

// Any thread may call it. It is slow (a lock and a lookup), so call it once per call site. The same
// arguments give the same id.
NameId intern(std::string_view name,
              Category category = Category::cpu_op,
              ValueKind value_kind = ValueKind::none,
              bool correlated = false,
              Activity activity = Activity::cpu);
const NameInfo& name_info(NameId id) noexcept;
NameId name_count() noexcept;  // valid ids are 0 to name_count() - 1

struct Record {
  std::uint64_t begin = 0;    // ticks
  std::uint64_t end = 0;      // ticks
  std::uint64_t value = 0;    // see ValueKind
  std::uint32_t name : 24;    // NameId
  std::uint32_t depth : 8;    // number of open spans that enclose it on its thread, at most 255
  std::uint32_t request = 0;  // number of the request that the thread worked on; 0: none
};
static_assert(sizeof(Record) == 32);

// Packs three extents of up to 2^21 - 1 each; a larger extent is stored as 2^21 - 1.
constexpr std::uint64_t pack_dims(std::uint64_t a,
                                  std::uint64_t b = 0,
                                  std::uint64_t c = 0) noexcept {
  constexpr std::uint64_t most = (1u << 21) - 1;
  const auto fit = [](std::uint64_t x) { return x < most ? x : most; };
  return fit(a) << 42 | fit(b) << 21 | fit(c);
}
// publish() and take() of a chunk record the same (channel, number, bytes), so the trace tools can
// pair them. channel: modulo 2^11. number: counts the chunks of the channel, modulo 2^24. bytes: at
// most 2^29 - 1; a larger size is stored as 2^29 - 1.
constexpr std::uint64_t pack_chunk(std::uint32_t channel,
                                   std::uint64_t number,
                                   std::uint64_t bytes) noexcept {
  constexpr std::uint64_t most_bytes = (1u << 29) - 1;
  return std::uint64_t{channel & 0x7ffu} << 53 | (number & 0xffffffu) << 29 |
         (bytes < most_bytes ? bytes : most_bytes);
}
struct ChunkTag {
  std::uint32_t channel, number;
  std::uint64_t bytes;
};
constexpr ChunkTag unpack_chunk(std::uint64_t packed) noexcept {
  return {static_cast<std::uint32_t>(packed >> 53),
          static_cast<std::uint32_t>(packed >> 29 & 0xffffffu), packed & ((1u << 29) - 1)};
}

struct Dims {
  std::uint32_t a, b, c;
};
constexpr Dims unpack_dims(std::uint64_t packed) noexcept {
  constexpr std::uint64_t mask = (1u << 21) - 1;
  return {static_cast<std::uint32_t>(packed >> 42 & mask),
          static_cast<std::uint32_t>(packed >> 21 & mask),
          static_cast<std::uint32_t>(packed & mask)};
}

}  // namespace limelight::profiling

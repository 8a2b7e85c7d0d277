// What a rank records: one record of fixed size for each finished span, and the names that records
// refer to.
//
// A record has 32 bytes, so that two share a cache line and none straddles one. A name is interned
// once (a static variable at the call site) and stays for the life of the process. What differs
// from call to call (a shape, a number of bytes) is packed into `value`, so recording never
// allocates.
#pragma once

#include <cstdint>
#include <limelight/span.hpp>
#include <string>

namespace limelight::profiling {

struct NameInfo {
  std::string name;
  Category category = Category::cpu_op;
  ValueKind value_kind = ValueKind::none;
  bool correlated = false;  // the span launches work on a device, so its events carry an External
                            // id (see correlated_span.hpp)
  Activity activity = Activity::cpu;
  // Of a product: hundredths of a bit that a weight has where it is stored; 0: not known.
  std::uint32_t weight_centibits = 0;
};

// As intern(), of a product (ValueKind::matmul) with weights of that size.
NameId intern_product(std::string_view name,
                      std::uint32_t weight_centibits,
                      bool correlated = false);

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

// What a product [a, c] x [c, b] of float32 rows reads and writes at least: each of its rows, its
// weights and its results once.
constexpr std::uint64_t bytes_moved(const Dims& d, std::uint32_t weight_centibits) noexcept {
  const std::uint64_t a = d.a, b = d.b, c = d.c;
  return 4 * (a * c + a * b) + b * c / 8 * weight_centibits / 100;
}

}  // namespace limelight::profiling

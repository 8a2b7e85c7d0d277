#include <limelight/span.hpp>
#include <mutex>

#include "bench/count/paths.hpp"
#include "profiling/record/record.hpp"
#include "profiling/record/registry.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;

namespace {

constexpr std::uint64_t recorded = 4096;  // fits the ring of a thread

std::uint64_t drain() {
  const std::lock_guard lock(prof::detail::registry().drain_mutex);
  return prof::detail::drain_rings([](const prof::Record& record, int) {
    asm volatile("" ::"r"(record.value), "r"(record.end) : "memory");  // it is read
  });
}
// What is recorded from now on is counted from an empty ring.
void record_or_not(bool yes) {
  drain();
  prof::detail::recording = yes;
}
std::uint64_t end_recording() {
  prof::detail::recording = false;
  return recorded * sizeof(prof::Record);
}

}  // namespace

std::vector<CountedPath> record_paths() {
  const prof::NameId span = prof::intern("counted span");
  const prof::NameId counter =
      prof::intern("counted counter", prof::Category::cpu_op, prof::ValueKind::counter);
  const auto spans = [span] {
    for (std::uint64_t i = 0; i < recorded; ++i) {
      const prof::Span one(span, i);
      asm volatile("" ::: "memory");
    }
  };
  return {{"record.span_off", "span", recorded, [] { record_or_not(false); },
           [spans] {
             spans();
             return std::uint64_t{0};
           }},
          {"record.span", "span", recorded, [] { record_or_not(true); },
           [spans] {
             spans();
             return end_recording();
           }},
          {"record.counter", "counter", recorded, [] { record_or_not(true); },
           [counter] {
             for (std::uint64_t i = 0; i < recorded; ++i) prof::set_counter(counter, i);
             return end_recording();
           }},
          {"record.drain", "record", recorded,
           [spans] {
             record_or_not(true);
             spans();
             end_recording();
           },
           [] { return drain() * sizeof(prof::Record); }}};
}

}  // namespace limelight::bench

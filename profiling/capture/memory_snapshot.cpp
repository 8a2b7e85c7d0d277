#include "profiling/capture/memory_snapshot.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "profiling/record/event_names.hpp"
#include "profiling/record/registry.hpp"
#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

namespace {

void write_holders(JsonWriter& json, const MemoryCells& held) {
  json.key("holders").begin_object();
  for (std::size_t space = 0; space < memory_spaces; ++space)
    for (std::size_t holder = 0; holder < memory_holders; ++holder) {
      const std::uint64_t bytes = held.bytes[space][holder];
      if (bytes == 0) continue;
      std::string name = to_string(static_cast<MemoryHolder>(holder));
      if (static_cast<MemorySpace>(space) == MemorySpace::device) name += " on the device";
      json.member(name, bytes);
    }
  json.end_object();
}

// By the names that they have in a trace.
void write_counters(JsonWriter& json, const MemoryFailure& failure) {
  const auto bytes = [&](MemorySpace space) { return failure.held.tensors(space); };
  json.key("counters").begin_object();
  json.member(event_names::memory_host, bytes(MemorySpace::host));
  json.member(event_names::memory_device, bytes(MemorySpace::device));
  json.member(event_names::memory_chunks, failure.held.of(MemorySpace::host, MemoryHolder::chunks));
  if (failure.resident_bytes != 0)
    json.member(event_names::memory_resident, failure.resident_bytes);
  if (failure.blocks != 0) {
    const std::uint64_t used = std::min(failure.used_blocks, failure.blocks);
    json.member(event_names::kv_used_blocks, used);
    json.member(event_names::kv_free_blocks, failure.blocks - used);
  }
  if (failure.pool_chunks != 0)
    json.member(event_names::pool_used_chunks, failure.used_pool_chunks);
  json.end_object();
}

}  // namespace

std::filesystem::path memory_snapshot_of(const std::filesystem::path& trace) {
  std::string name = trace.filename().string();
  name.resize(std::min(name.find(".pt.trace."), name.size()));
  return trace.parent_path() / name.append(".failed-allocations.json");
}

std::string memory_snapshot(const std::filesystem::path& trace,
                            const std::vector<MemoryFailure>& failures,
                            const ClockMap& clock,
                            std::int64_t base_ns) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().member("trace", trace.filename().string());
  json.line().key("failures").begin_array();
  for (const MemoryFailure& failure : failures) {
    const std::int64_t at_ns = clock.to_realtime_ns(failure.ticks);
    json.line().begin_object().member("at_ns", at_ns);
    json.key("ts").microseconds(at_ns - base_ns);
    json.key("wanted_bytes");
    failure.bytes != 0 ? json.value(failure.bytes) : json.null();
    json.member("for", to_string(failure.holder));
    json.member("on", failure.space == MemorySpace::device ? "device" : "host");
    json.member("thread", failure.thread_id);
    if (failure.request != 0) json.member("request", detail::request_names().find(failure.request));
    write_holders(json, failure.held);
    write_counters(json, failure);
    json.member("sentence", failure.sentence).end_object();
  }
  json.line().end_array().end_object();
  return text += '\n';
}

void write_memory_snapshot(std::uint64_t from_ticks,
                           const ClockMap& clock,
                           std::int64_t base_ns,
                           RankTrace& report) {
  std::vector<MemoryFailure> failures = memory_ledger().failures_since(0);
  std::erase_if(failures, [&](const MemoryFailure& one) { return one.ticks < from_ticks; });
  if (failures.empty()) return;
  AllocationFailures& said = report.failed_allocations;
  said.times = failures.size();
  said.last = failures.back().sentence;
  const std::filesystem::path file = memory_snapshot_of(report.file);
  std::ofstream out(file);
  out << memory_snapshot(report.file, failures, clock, base_ns);
  out.close();
  if (out) {
    said.file = file.string();
    return;
  }
  if (!report.note.empty()) report.note.append("; ");
  report.note.append(file.string()).append(": cannot be written");
}

}  // namespace limelight::profiling

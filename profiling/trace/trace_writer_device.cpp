// The part of TraceWriter that writes device activity.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "profiling/trace/trace_writer.hpp"

namespace limelight::profiling {

namespace {

using Kind = DeviceActivity::Kind;

// Calls into CUDA, and waits for a stream, are slices on tracks of their own, not inside the spans
// of their thread or the work of their stream. Their times come from another clock, and the slices
// of one track must nest to the nanosecond.
constexpr std::int64_t calls_of_thread = 1'000'000'000, waits_of_stream = 1'000'000,
                       first_gpu_sort_index = 5'000'000;
constexpr std::size_t most_waiting = 1 << 16;

const char* category(Kind kind) {
  switch (kind) {
    case Kind::kernel: return "kernel";
    case Kind::memcpy: return "gpu_memcpy";
    case Kind::memset: return "gpu_memset";
    case Kind::runtime: return "cuda_runtime";
    case Kind::driver: return "cuda_driver";
    case Kind::sync: return "cuda_sync";
    case Kind::overhead: return "overhead";
  }
  return "?";
}
bool on_device(Kind kind) {
  return kind == Kind::kernel || kind == Kind::memcpy || kind == Kind::memset;
}
bool by_host(Kind kind) { return kind == Kind::runtime || kind == Kind::driver; }

// The share of a multiprocessor's threads, in per cent, that the blocks of a launch can occupy.
// Blocks, registers and shared memory limit it.
int occupancy(const DeviceActivity& a, const DeviceProperties& d) {
  const auto product = [](const std::array<std::int32_t, 3>& x) {
    return std::int64_t{x[0]} * x[1] * x[2];
  };
  const std::int64_t threads = product(a.block);
  if (threads <= 0 || d.max_threads_per_sm <= 0 || d.sm_count <= 0) return 0;
  std::int64_t resident = d.max_threads_per_sm / threads;
  if (a.registers > 0 && d.registers_per_sm > 0)
    resident = std::min<std::int64_t>(resident,
                                      d.registers_per_sm / (std::int64_t{a.registers} * threads));
  if (a.shared_memory > 0 && d.shared_per_sm > 0)
    resident = std::min<std::int64_t>(resident, d.shared_per_sm / a.shared_memory);
  resident = std::min<std::int64_t>(resident, (product(a.grid) + d.sm_count - 1) / d.sm_count);
  return static_cast<int>(100 * resident * threads / d.max_threads_per_sm);
}

}  // namespace

const std::string& TraceWriter::escaped(std::string_view name) {
  const auto [at, fresh] = names_.try_emplace(name.data());
  if (fresh) at->second = json_string(name);
  return at->second;
}

void TraceWriter::field(const char* key, std::uint64_t value) {
  if (text_.back() != '{') text_ += ',';
  ((text_ += '"') += key) += "\":";
  number(value);
}

void TraceWriter::introduce(std::int64_t pid, std::int64_t tid, const DeviceActivity& a) {
  if (!tracks_.emplace(pid, tid).second) return;
  const bool host = by_host(a.kind);
  if (!host && pid >= 0 && tracks_.emplace(pid, -2).second) {
    const std::string n = std::to_string(pid);
    const auto known = std::find_if(options_.devices.begin(), options_.devices.end(),
                                    [&](const auto& d) { return d.id == pid; });
    text_ += ",\n";
    metadata("process_name", pid, 0,
             "\"name\":" + json_string("rank " + std::to_string(options_.rank) + ": GPU " + n +
                                       (known == options_.devices.end() ? "" : " " + known->name)));
    text_ += ",\n";
    metadata("process_labels", pid, 0, "\"labels\":\"GPU " + n + "\"");
    text_ += ",\n";
    metadata("process_sort_index", pid, 0,
             "\"sort_index\":" + std::to_string(first_gpu_sort_index + pid));
  }
  const std::string name = host ? "CUDA calls of thread " + std::to_string(a.thread)
                           : a.kind == Kind::overhead ? "CUPTI overhead"
                           : a.kind == Kind::sync ? "waits for stream " + std::to_string(a.stream)
                                                  : "stream " + std::to_string(a.stream);
  text_ += ",\n";
  metadata("thread_name", pid, tid, "\"name\":" + json_string(name));
}

void TraceWriter::flow(const char* phase, std::uint32_t id, const Place& place) {
  ((text_ += ",\n{\"ph\":\"") += phase) += "\",\"cat\":\"ac2g\",\"name\":\"ac2g\",\"id\":";
  number(id);
  (text_ += ",\"pid\":") += std::to_string(place.pid);
  (text_ += ",\"tid\":") += std::to_string(place.tid);
  text_ += ",\"ts\":";
  microseconds(static_cast<std::uint64_t>(place.ns));
  text_ += *phase == 'f' ? ",\"bp\":\"e\"}" : "}";
}

// Draws the arrow from a launch to its work once both are known; either may be reported first, in
// different buffers.
void TraceWriter::link(std::uint32_t correlation, const Place& place, bool is_launch) {
  const auto arrow = [&](const Place& from, const Place& to) {
    flow("s", correlation, from);
    flow("f", correlation, to);
  };
  Place launch = place;
  if (!is_launch) {
    if (const auto at = launches_.find(correlation); at != launches_.end()) {
      if (!std::exchange(at->second.linked, true)) arrow(at->second, place);
      return;
    }
  } else if (const auto at = works_.find(correlation); at != works_.end()) {
    arrow(place, at->second);
    launch.linked = true;
    works_.erase(at);
  }
  if ((is_launch ? launches_ : works_).insert_or_assign(correlation, launch).second)
    (is_launch ? launch_order_ : work_order_).push_back(correlation);
  if (launch_order_.size() > most_waiting) {
    launches_.erase(launch_order_.front());
    launch_order_.pop_front();
  }
  if (work_order_.size() > most_waiting) {
    unmatched_ += works_.erase(work_order_.front());
    work_order_.pop_front();
  }
}

void TraceWriter::kernel_args(const DeviceActivity& a) {
  field("queued", static_cast<std::uint64_t>(std::max<std::int64_t>(a.queued_ns, 0)));
  field("registers per thread", a.registers);
  field("shared memory", a.shared_memory);
  const auto three = [this](const char* key, const std::array<std::int32_t, 3>& x) {
    ((text_ += ",\"") += key) += "\":[";
    for (std::size_t i = 0; i < 3; ++i) {
      if (i > 0) text_ += ',';
      number(static_cast<std::uint64_t>(std::max(x[i], 0)));
    }
    text_ += ']';
  };
  const auto known =
      std::find_if(options_.devices.begin(), options_.devices.end(),
                   [&](const auto& d) { return d.id == static_cast<int>(a.device); });
  if (known != options_.devices.end() && known->sm_count > 0) {
    char numbers[96];
    const double blocks =
        static_cast<double>(std::int64_t{a.grid[0]} * a.grid[1] * a.grid[2]) / known->sm_count;
    const double warps =
        blocks *
        static_cast<double>((std::int64_t{a.block[0]} * a.block[1] * a.block[2] + 31) / 32);
    std::snprintf(numbers, sizeof numbers, ",\"blocks per SM\":%.3f,\"warps per SM\":%.3f", blocks,
                  warps);
    text_ += numbers;
    field("est. achieved occupancy %", static_cast<std::uint64_t>(occupancy(a, *known)));
  }
  three("grid", a.grid);
  three("block", a.block);
  if (const CollectiveInfo* c = a.collective; c != nullptr) {
    (text_ += ",\"Collective name\":") += json_string(c->name);
    field("In msg nelems", c->in_elements);
    field("Out msg nelems", c->out_elements);
    field("Group size", static_cast<std::uint64_t>(c->group_size));
    (text_ += ",\"dtype\":") += json_string(c->dtype);
    (text_ += ",\"Process Group Name\":") += json_string(c->group_name);
    (text_ += ",\"Process Group Ranks\":") += json_string(c->group_ranks);
    field("Seq", c->sequence);
  }
}

void TraceWriter::device(const DeviceActivity& a) {
  const bool work = on_device(a.kind), host = by_host(a.kind);
  const std::int64_t pid = host                       ? host_pid_
                           : a.kind == Kind::overhead ? -1
                                                      : std::int64_t{a.device};
  const std::int64_t tid = host                       ? calls_of_thread + a.thread
                           : a.kind == Kind::overhead ? std::int64_t{a.thread}
                           : a.kind == Kind::sync     ? waits_of_stream + a.stream
                                                      : std::int64_t{a.stream};
  introduce(pid, tid, a);
  ((text_ += ",\n{\"ph\":\"X\",\"cat\":\"") += category(a.kind)) += "\",\"name\":";
  (text_ += escaped(a.name)) += ",\"pid\":";
  if (pid < 0) text_ += "-1";
  else number(static_cast<std::uint64_t>(pid));
  text_ += ",\"tid\":";
  number(static_cast<std::uint64_t>(tid));
  text_ += ",\"ts\":";
  microseconds(static_cast<std::uint64_t>(a.begin_ns));
  text_ += ",\"dur\":";
  microseconds(static_cast<std::uint64_t>(a.end_ns - a.begin_ns));
  text_ += ",\"args\":{";
  if (a.external != 0) field("External id", a.external);
  if (host) field("cbid", a.callback_id);
  if (a.kind != Kind::overhead) field("correlation", a.correlation);
  if (work || a.kind == Kind::sync) {
    field("device", a.device);
    field("context", a.context);
    if (a.stream >= 0) field("stream", static_cast<std::uint64_t>(a.stream));
    else text_ += ",\"stream\":-1";
  }
  if (a.kind == Kind::sync) (text_ += ",\"cuda_sync_kind\":") += escaped(a.name);
  if (a.event_stream >= 0) {
    field("wait_on_stream", static_cast<std::uint64_t>(a.event_stream));
    field("wait_on_cuda_event_record_corr_id", a.event_correlation);
  }
  if (a.graph != 0) {
    field("graph id", a.graph);
    field("graph node id", a.graph_node);
  }
  if (a.kind == Kind::kernel) kernel_args(a);
  if (a.kind == Kind::memcpy || a.kind == Kind::memset) {
    char bandwidth[48];
    const double ns = static_cast<double>(std::max<std::int64_t>(a.end_ns - a.begin_ns, 1));
    std::snprintf(bandwidth, sizeof bandwidth, ",\"memory bandwidth (GB/s)\":%.3f",
                  static_cast<double>(a.bytes) / ns);
    field("bytes", a.bytes);
    text_ += bandwidth;
  }
  text_ += "}}";
  if (a.correlation != 0 && (work || host)) link(a.correlation, {pid, tid, a.begin_ns}, !work);
}

}  // namespace limelight::profiling

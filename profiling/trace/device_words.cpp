#include "profiling/trace/device_words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

namespace {
using Kind = DeviceActivity::Kind;
constexpr std::int64_t calls_of_thread = 1'000'000'000, waits_of_stream = 1'000'000;

// Writes the members of an object: faster than JsonWriter, since the keys need no escapes.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  void number(const char* key, std::uint64_t value) {
    begin(key);
    digits(value);
  }
  void text(const char* key, std::string_view value) {
    begin(key);
    out_ += json_string(value);
  }
  void raw(const char* key, std::string_view json) {
    begin(key);
    out_ += json;
  }
  void three(const char* key, const std::array<std::int32_t, 3>& x) {
    begin(key);
    for (std::size_t i = 0; i < 3; ++i) {
      out_ += i == 0 ? '[' : ',';
      digits(static_cast<std::uint64_t>(std::max(x[i], 0)));
    }
    out_ += ']';
  }
  void end() { out_ += '}'; }

 private:
  void begin(const char* key) {
    if (out_.back() != '{') out_ += ',';
    ((out_ += '"') += key) += "\":";
  }
  void digits(std::uint64_t value) {
    char text[20];
    out_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }
  std::string& out_;
};

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

void add_kernel(const DeviceActivity& a, std::span<const DeviceProperties> devices, Members& args) {
  args.number("queued", static_cast<std::uint64_t>(std::max<std::int64_t>(a.queued_ns, 0)));
  args.number("registers per thread", a.registers);
  args.number("shared memory", a.shared_memory);
  const auto known = std::find_if(devices.begin(), devices.end(), [&](const auto& d) {
    return d.id == static_cast<int>(a.device);
  });
  if (known != devices.end() && known->sm_count > 0) {
    char digits[48];
    const double blocks =
        static_cast<double>(std::int64_t{a.grid[0]} * a.grid[1] * a.grid[2]) / known->sm_count;
    const double warps =
        blocks *
        static_cast<double>((std::int64_t{a.block[0]} * a.block[1] * a.block[2] + 31) / 32);
    std::snprintf(digits, sizeof digits, "%.3f", blocks);
    args.raw("blocks per SM", digits);
    std::snprintf(digits, sizeof digits, "%.3f", warps);
    args.raw("warps per SM", digits);
    args.number("est. achieved occupancy %", static_cast<std::uint64_t>(occupancy(a, *known)));
  }
  args.three("grid", a.grid);
  args.three("block", a.block);
  if (const CollectiveInfo* c = a.collective; c != nullptr) {
    args.text("Collective name", c->name);
    args.number("In msg nelems", c->in_elements);
    args.number("Out msg nelems", c->out_elements);
    args.number("Group size", static_cast<std::uint64_t>(c->group_size));
    args.text("dtype", c->dtype);
    args.text("Process Group Name", c->group_name);
    args.text("Process Group Ranks", c->group_ranks);
    args.number("Seq", c->sequence);
  }
}
}  // namespace

bool is_device_work(Kind kind) noexcept {
  return kind == Kind::kernel || kind == Kind::memcpy || kind == Kind::memset;
}
bool is_host_call(Kind kind) noexcept { return kind == Kind::runtime || kind == Kind::driver; }

const char* device_category(Kind kind) noexcept {
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

DeviceTrack track_of(const DeviceActivity& a, std::int64_t host_pid) noexcept {
  if (is_host_call(a.kind)) return {host_pid, calls_of_thread + a.thread};
  if (a.kind == Kind::overhead) return {-1, std::int64_t{a.thread}};
  return {std::int64_t{a.device},
          a.kind == Kind::sync ? waits_of_stream + a.stream : std::int64_t{a.stream}};
}

std::string track_name(const DeviceActivity& a) {
  if (is_host_call(a.kind)) return "CUDA calls of thread " + std::to_string(a.thread);
  if (a.kind == Kind::overhead) return "CUPTI overhead";
  return (a.kind == Kind::sync ? "waits for stream " : "stream ") + std::to_string(a.stream);
}

std::string device_name(int rank, std::int64_t device, std::span<const DeviceProperties> devices) {
  const auto known =
      std::find_if(devices.begin(), devices.end(), [&](const auto& d) { return d.id == device; });
  return "rank " + std::to_string(rank) + ": GPU " + std::to_string(device) +
         (known == devices.end() ? "" : " " + known->name);
}

void append_device_args(const DeviceActivity& a,
                        std::span<const DeviceProperties> devices,
                        std::string& out) {
  const bool work = is_device_work(a.kind);
  Members args(out);
  if (a.external != 0) args.number("External id", a.external);
  if (is_host_call(a.kind)) args.number("cbid", a.callback_id);
  if (a.kind != Kind::overhead) args.number("correlation", a.correlation);
  if (work || a.kind == Kind::sync) {
    args.number("device", a.device);
    args.number("context", a.context);
    if (a.stream >= 0) args.number("stream", static_cast<std::uint64_t>(a.stream));
    else args.raw("stream", "-1");
  }
  if (a.kind == Kind::sync) args.text("cuda_sync_kind", a.name);
  if (a.event_stream >= 0) {
    args.number("wait_on_stream", static_cast<std::uint64_t>(a.event_stream));
    args.number("wait_on_cuda_event_record_corr_id", a.event_correlation);
  }
  if (a.graph != 0) {
    args.number("graph id", a.graph);
    args.number("graph node id", a.graph_node);
  }
  if (a.kind == Kind::kernel) add_kernel(a, devices, args);
  if (a.kind == Kind::memcpy || a.kind == Kind::memset) {
    char bandwidth[48];
    const double ns = static_cast<double>(std::max<std::int64_t>(a.end_ns - a.begin_ns, 1));
    std::snprintf(bandwidth, sizeof bandwidth, "%.3f", static_cast<double>(a.bytes) / ns);
    args.number("bytes", a.bytes);
    args.raw("memory bandwidth (GB/s)", bandwidth);
  }
  args.end();
}

}  // namespace limelight::profiling

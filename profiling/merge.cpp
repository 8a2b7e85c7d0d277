#include "profiling/merge.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

#include "profiling/member_file.hpp"
#include "profiling/request_path.hpp"
#include "profiling/trace_lines.hpp"
#include "profiling/trace_text.hpp"

namespace limelight::profiling {

namespace {

constexpr std::int64_t gpu_pids_per_rank = 1000, first_gpu_pid = 100'000'000,
                       requests_pid = 99'999'999;
constexpr std::size_t most_waiting = 1 << 18;  // chunks whose other end did not come yet

// Reads one file and knows its next event.
struct Input {
  TraceLines lines;
  std::optional<EventLine> event;
  std::int64_t host_pid = 0;

  Result<void> advance() {
    auto next = lines.next();
    if (!next) return next.error();
    event = *next;
    return {};
  }
};

std::string microseconds(std::int64_t ns) {
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(ns / 1000),
                static_cast<long long>(ns % 1000));
  return text;
}

// Replaces the number behind `key` in a line.
void set_number(std::string& line, std::string_view key, std::int64_t value) {
  const std::size_t at = line.find(key);
  if (at == std::string::npos) return;
  const std::size_t from = at + key.size(), to = line.find_first_of(",}", from);
  line.replace(from, to - from, std::to_string(value));
}

// A publish or a take; the other end makes an arrow of it.
struct End {
  std::int64_t pid, tid, begin_ns, end_ns;
};

class Merger {
 public:
  Merger(std::vector<Input> inputs, MemberFile file)
      : inputs_(std::move(inputs)), file_(std::move(file)) {}

  Result<Merged> run() {
    begin();
    for (Input& input : inputs_)
      if (auto read = input.advance(); !read) return read.error();
    // The file whose next event ended first goes first: about the order of time, so both ends of a
    // chunk are near each other.
    for (;;) {
      Input* next = nullptr;
      for (Input& input : inputs_)
        if (input.event && (next == nullptr || input.event->end_ns() < next->event->end_ns()))
          next = &input;
      if (next == nullptr) break;
      take(*next);
      if (auto read = next->advance(); !read) return read.error();
      if (!status_) return status_.error();
    }
    requests();
    end();
    merged_.unmatched_chunks += publishes_.size() + takes_.size();
    if (!status_) return status_.error();
    if (auto bytes = file_.finish(); !bytes) return bytes.error();
    return merged_;
  }

 private:
  struct Queue {
    std::int64_t pid = 0, chunks = 0, last_ns = 0;
  };
  using Ends = std::unordered_map<std::uint64_t, End>;

  void put(const std::string& line) {
    if (status_) status_ = file_.write(first_ ? line : ",\n" + line);
    first_ = false;
  }

  void begin() {
    std::string head =
        "{\n\"schemaVersion\": 1,\n\"deviceProperties\": [],\n\"host_name\": "
        "\"merged\",\n\"distributedInfo\": {\"backend\": \"shm\",\n\"rank\": 0,\n\"world_size\": " +
        std::to_string(inputs_.size()) +
        ", \"pg_count\": 0, \"pg_config\": []},\n\"record_shapes\": 1,\n\"displayTimeUnit\": "
        "\"ms\",\n" +
        "\"baseTimeNanoseconds\": " + std::to_string(inputs_.front().lines.base_ns()) +
        ",\n\"traceEvents\": [\n";
    status_ = file_.write(head);
  }

  void take(Input& input) {
    const EventLine& event = *input.event;
    std::string line(event.text);
    const std::int64_t rank = input.lines.rank();
    if (event.phase == 'M' && event.name == "process_name" && input.host_pid == 0)
      input.host_pid = event.pid;
    // GPU 0 of every rank would be one process otherwise.
    if (event.pid != input.host_pid)
      set_number(line, "\"pid\":", first_gpu_pid + rank * gpu_pids_per_rank + event.pid);
    if (event.phase == 's' || event.phase == 'f') {
      const auto id = line.find("\"id\":");
      if (id != std::string::npos)
        set_number(line, "\"id\":",
                   std::strtoll(line.c_str() + id + 5, nullptr, 10) +
                       (rank + 1) * (std::int64_t{1} << 40));
    }
    put(line);
    if (event.phase != 'X') return;
    ++merged_.events;
    paths_.add(event, input.lines.rank());
    const bool publish = event.name == "ipc.publish";
    if (!publish && event.name != "ipc.take") return;
    const auto channel = event.number_arg("channel"), chunk = event.number_arg("chunk");
    if (!channel || !chunk) return;
    queue_depth(*channel, event, publish);
    chunk_end(*channel << 24 | *chunk, event, publish);
  }

  // Chunks that wait in a channel: a counter track of the process that publishes.
  void queue_depth(std::uint64_t channel, const EventLine& event, bool publish) {
    Queue& queue = queues_[channel];
    if (publish) queue.pid = event.pid;
    if (queue.pid == 0 || (!publish && queue.chunks == 0))
      return;  // its other end is in none of the files
    queue.chunks += publish ? 1 : -1;
    queue.last_ns = std::max(queue.last_ns, event.end_ns());
    put("{\"ph\":\"C\",\"cat\":\"ipc\",\"name\":\"queue of channel " + std::to_string(channel) +
        "\",\"pid\":" + std::to_string(queue.pid) +
        ",\"tid\":0,\"ts\":" + microseconds(queue.last_ns) +
        ",\"args\":{\"chunks\":" + std::to_string(queue.chunks) + "}}");
  }

  void chunk_end(std::uint64_t key, const EventLine& event, bool publish) {
    const End here{event.pid, event.tid, event.begin_ns, event.end_ns()};
    Ends& others = publish ? takes_ : publishes_;
    if (const auto at = others.find(key); at != others.end()) {
      publish ? arrow(here, at->second, event) : arrow(at->second, here, event);
      others.erase(at);
      return;
    }
    (publish ? publishes_ : takes_)[key] = here;
    auto& order = publish ? publish_order_ : take_order_;
    order.push_back(key);
    if (order.size() > most_waiting) {
      merged_.unmatched_chunks += (publish ? publishes_ : takes_).erase(order.front());
      order.pop_front();
    }
  }

  void arrow(const End& from, const End& to, const EventLine& event) {
    const std::string id = std::to_string(++merged_.arrows);
    const std::int64_t arrival = std::max(
        to.begin_ns, to.end_ns - 1);  // inside the take, at its end: it may have waited long before
    put("{\"ph\":\"s\",\"cat\":\"ipc\",\"name\":\"chunk\",\"id\":" + id +
        ",\"pid\":" + std::to_string(from.pid) + ",\"tid\":" + std::to_string(from.tid) +
        ",\"ts\":" + microseconds(from.begin_ns) +
        ",\"args\":{\"bytes\":" + std::string(event.arg("bytes").value_or("0")) +
        ",\"dwell_us\":" + microseconds(std::max<std::int64_t>(to.end_ns - from.end_ns, 0)) + "}}");
    put("{\"ph\":\"f\",\"bp\":\"e\",\"cat\":\"ipc\",\"name\":\"chunk\",\"id\":" + id +
        ",\"pid\":" + std::to_string(to.pid) + ",\"tid\":" + std::to_string(to.tid) +
        ",\"ts\":" + microseconds(std::max(arrival, from.begin_ns)) + "}");
  }

  void requests() {
    const auto meta = [&](const char* what, std::int64_t tid, const std::string& args) {
      put(std::string("{\"ph\":\"M\",\"name\":\"") + what +
          "\",\"ts\":0.000,\"pid\":" + std::to_string(requests_pid) +
          ",\"tid\":" + std::to_string(tid) + ",\"args\":{" + args + "}}");
    };
    meta("process_name", 0, "\"name\":\"requests\"");
    meta("process_sort_index", 0, "\"sort_index\":-1");
    std::int64_t tid = 0;
    for (const RequestPath& path : paths_.finish()) {
      ++merged_.requests;
      for (const StagePath& stage : path.stages) {
        meta("thread_name", ++tid,
             "\"name\":\"request " + path.request + ", " +
                 (stage.orchestrator ? "orchestrator" : "rank " + std::to_string(stage.rank)) +
                 "\"");
        const auto slice = [&](const std::string& name, std::int64_t begin, std::int64_t end,
                               const std::string& args) {
          ++merged_.events;
          put("{\"ph\":\"X\",\"cat\":\"user_annotation\",\"name\":\"" + name +
              "\",\"pid\":" + std::to_string(requests_pid) + ",\"tid\":" + std::to_string(tid) +
              ",\"ts\":" + microseconds(begin) + ",\"dur\":" +
              microseconds(std::max<std::int64_t>(end - begin, 0)) + ",\"args\":{" + args + "}}");
        };
        if (stage.first_step_ns > stage.submitted_ns && stage.submitted_ns > 0)
          slice("queue", stage.submitted_ns, stage.first_step_ns, "");
        if (stage.orchestrator)
          slice("in the pipeline", stage.first_step_ns, stage.last_step_ns, "");
        else if (stage.steps > 0)
          slice("work", stage.first_step_ns, stage.last_step_ns,
                "\"steps\":" + std::to_string(stage.steps) +
                    ",\"compute_us\":" + microseconds(stage.compute_ns) +
                    ",\"transfer_us\":" + microseconds(stage.transfer_ns) +
                    ",\"collective_us\":" + microseconds(stage.collective_ns));
      }
    }
  }

  void end() {
    std::string own;
    for (const Input& input : inputs_)
      own += (own.empty() ? "" : ",\n") + ("\"" + std::to_string(input.lines.rank()) + "\": ") +
             (input.lines.own_json().empty() ? "null" : input.lines.own_json());
    std::string text = "\n],\n\"limelight\": {\"events\": " + std::to_string(merged_.events) +
                       ", \"merged\": true";
    for (const char* key : {"drops", "ring_drops", "device_drops", "zero_time_records",
                            "unknown_records", "unmatched_correlations", "clock_error_ns",
                            "session_ns", "profiler_cpu_ns", "overhead_percent", "gpu"})
      text += std::string(", \"") + key + "\": null";
    text += ", \"unmatched_chunks\": " +
            std::to_string(publishes_.size() + takes_.size() + merged_.unmatched_chunks) +
            ", \"ranks\": {\n" + own +
            "}},\n\"traceName\": " + json_string(file_.path().filename().string()) + "\n}\n";
    if (status_) status_ = file_.write(text);
  }

  std::vector<Input> inputs_;
  MemberFile file_;
  Result<void> status_;
  Merged merged_;
  bool first_ = true;
  Ends publishes_, takes_;
  std::deque<std::uint64_t> publish_order_, take_order_;
  std::map<std::uint64_t, Queue> queues_;
  RequestPaths paths_;
};

}  // namespace

Result<Merged> merge(const std::vector<std::filesystem::path>& files,
                     const std::filesystem::path& out) {
  std::vector<Input> inputs;
  std::map<int, std::filesystem::path> ranks;
  for (const auto& path : files) {
    auto lines = TraceLines::open(path);
    if (!lines) return lines.error();
    if (const auto [at, fresh] = ranks.emplace(lines->rank(), path); !fresh)
      return Error{ErrorCode::invalid_argument,
                   path.string() + ": is of rank " + std::to_string(lines->rank()) + " as " +
                       at->second.string() + " is; expected one trace a rank"};
    if (!inputs.empty() && inputs.front().lines.base_ns() != lines->base_ns())
      return Error{ErrorCode::invalid_argument,
                   path.string() + ": found another baseTimeNanoseconds than in " +
                       inputs.front().lines.path().string() + ": their times do not compare"};
    inputs.push_back({std::move(lines).value(), std::nullopt, 0});
  }
  if (inputs.empty()) return Error{ErrorCode::invalid_argument, "found no trace to merge"};
  auto file = MemberFile::create(out);
  if (!file) return file.error();
  return Merger(std::move(inputs), std::move(file).value()).run();
}

}  // namespace limelight::profiling

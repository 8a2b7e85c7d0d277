#include <algorithm>
#include <deque>
#include <limelight/trace.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "base/try.hpp"
#include "profiling/analysis/collective_match.hpp"
#include "profiling/analysis/common_clock.hpp"
#include "profiling/analysis/merge_input.hpp"
#include "profiling/analysis/output_file.hpp"
#include "profiling/analysis/request_path.hpp"
#include "profiling/analysis/trace_set.hpp"
#include "profiling/record/event_names.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/member_file.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

namespace {

constexpr std::uint64_t most_number = (1 << 24) - 1;  // of a chunk: they are counted modulo 2^24
constexpr std::size_t most_unnamed_depths = 1024;
constexpr std::size_t most_waiting = 1 << 18;  // chunks that wait for their other end

// One end of an arrow: a publish or a take, which waits for the other.
struct End {
  std::int64_t pid, tid, begin_ns, end_ns;
};

class Merger {
 public:
  Merger(std::vector<MergeInput> inputs, std::int64_t base_ns, MemberFile file)
      : inputs_(std::move(inputs)),
        base_ns_(base_ns),
        file_(std::move(file)),
        collectives_(
            [this](const std::string& name, const std::vector<CollectiveMatch::Part>& parts) {
              waited(name, parts);
            }) {
    for (const MergeInput& input : inputs_) ++stages_[input.reader().origin().stage];
    merged_.files = inputs_.size();
  }

  Result<Merged> run() {
    begin();
    for (MergeInput& input : inputs_) LIMELIGHT_TRY(input.advance());
    // The input whose next event ended first is next. So events are merged about in the order of
    // time, and both ends of a chunk come soon after each other.
    for (;;) {
      MergeInput* next = nullptr;
      for (MergeInput& input : inputs_)
        if (input.event() && (next == nullptr || input.event()->end_ns() < next->event()->end_ns()))
          next = &input;
      if (next == nullptr) break;
      add_event(*next);
      LIMELIGHT_TRY(next->advance());
      if (!status_) return status_.error();
    }
    for (auto& [channel, queue] : queues_) write_depths(channel, queue);
    collectives_.finish();
    requests();
    end();
    merged_.unmatched_chunks += publishes_.size() + takes_.size();
    if (!status_) return status_.error();
    LIMELIGHT_TRY(file_.finish());
    return merged_;
  }

 private:
  struct Queue {
    std::int64_t pid = 0, last_ns = 0;
    int from = -1, to = -1;                                       // ranks
    std::optional<std::uint64_t> before, published, taken;        // numbers of chunks
    std::vector<std::pair<std::int64_t, std::int64_t>> depths{};  // before its name is known
  };
  using Ends = std::unordered_map<std::uint64_t, End>;

  void put(std::string_view line) {
    if (status_) status_ = file_.write(first_ ? std::string(line) : ",\n" + std::string(line));
    first_ = false;
  }
  // Writes one event; `fill` writes the members of its object.
  template <class F>
  void put_event(F fill) {
    std::string line;
    JsonWriter json(line, JsonWriter::Style::compact);
    json.begin_object();
    fill(json);
    json.end_object();
    put(line);
  }

  // The head of the merged trace. It lists each group of the inputs once; its backend is "nccl" if
  // that of any input is.
  void begin() {
    std::string backend = "shm";
    auto groups = nlohmann::ordered_json::array();
    for (const MergeInput& input : inputs_) {
      const TraceOrigin& origin = input.reader().origin();
      if (!origin.backend.empty() && origin.backend != "shm") backend = origin.backend;
      const auto own = nlohmann::ordered_json::parse(origin.groups_json, nullptr, false);
      if (!own.is_array()) continue;
      for (const auto& group : own)
        if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    }
    std::string head;
    JsonWriter json(head);
    json.begin_object();
    json.line().member("schemaVersion", 1);
    json.line().key("deviceProperties").begin_array().end_array();
    json.line().member("host_name", "merged");
    json.line().key("distributedInfo").begin_object().member("backend", backend);
    json.line().member("rank", 0);
    json.line().member("world_size", inputs_.size()).member("pg_count", groups.size());
    json.line().key("pg_config").raw(groups.dump()).end_object();
    json.line().member("record_shapes", 1);
    json.line().member("displayTimeUnit", "ms");
    json.line().member("baseTimeNanoseconds", base_ns_);
    json.line().key("traceEvents").begin_array();
    status_ = file_.write(head += '\n');
  }

  void add_event(MergeInput& input) {
    for (const std::string& line : input.before()) put(line);
    input.before().clear();
    const EventLine& event = *input.event();
    put(event.text);
    if (event.phase != 'X') return;
    ++merged_.events;
    const TraceOrigin& origin = input.reader().origin();
    paths_.add(event, input.number());
    if (origin.backend != "nccl" || event.category == "kernel")
      collectives_.add(event, input.number(), origin.stage, stages_[origin.stage]);
    const bool publish = event.name == event_names::ipc_publish;
    if (!publish && event.name != event_names::ipc_take) return;
    const auto channel = event.number_arg("channel"), chunk = event.number_arg("chunk");
    if (!channel || !chunk) return;
    queue_depth(*channel, *chunk, event, publish, input.number());
    chunk_end(*channel << 24 | *chunk, event, publish);
  }

  // Writes the number of chunks in a channel, as a counter track of the process that publishes. The
  // track is named by the ranks of both ends, so it waits for the first take; one that has no
  // taker in the files does not wait for ever.
  void queue_depth(
      std::uint64_t channel, std::uint64_t number, const EventLine& event, bool publish, int rank) {
    Queue& queue = queues_[channel];
    if (publish) queue.pid = event.pid;
    (publish ? queue.from : queue.to) = rank;
    if (publish && !queue.before) queue.before = number - 1;
    (publish ? queue.published : queue.taken) = number;
    if (!queue.published) return;  // the other end is in no file, or comes later
    // By their numbers: a taker may be done with a chunk before the publish of it has ended.
    const std::uint64_t waiting =
        (*queue.published - queue.taken.value_or(*queue.before)) & most_number;
    queue.last_ns = std::max(queue.last_ns, event.end_ns());
    queue.depths.emplace_back(queue.last_ns, waiting <= most_number / 2 ? waiting : 0);
    if (queue.to >= 0 || queue.depths.size() > most_unnamed_depths) write_depths(channel, queue);
  }

  void write_depths(std::uint64_t channel, Queue& queue) {
    const auto who = [](int rank) { return rank < 0 ? "?" : "rank " + std::to_string(rank); };
    for (const auto& [ns, chunks] : queue.depths)
      put_event([&, at = ns, depth = chunks](JsonWriter& json) {
        json.member("ph", "C").member("cat", "ipc");
        json.member("name", "queue " + who(queue.from) + " -> " + who(queue.to) + " (channel " +
                                std::to_string(channel) + ")");
        json.member("pid", queue.pid).member("tid", 0).key("ts").microseconds(at);
        json.key("args").begin_object().member("chunks", depth).end_object();
      });
    queue.depths.clear();
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
    // At the end of the take, which in files of older versions has a long wait in it.
    const std::int64_t arrival = std::max({to.begin_ns, to.end_ns - 1, from.begin_ns});
    draw("chunk", "ipc", from, to, arrival, [&](JsonWriter& json) {
      json.member("bytes", event.number_arg("bytes").value_or(0));
      json.key("dwell_us").microseconds(std::max<std::int64_t>(to.end_ns - from.begin_ns, 0));
    });
    ++merged_.arrows;
  }

  // An arrow from each rank that waited in a collective to the one that came last.
  void waited(const std::string& name, const std::vector<CollectiveMatch::Part>& parts) {
    ++merged_.collectives;
    const CollectiveMatch::Part& last = parts.back();
    ++last_[last.rank];
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const CollectiveMatch::Part& part = parts[i];
      draw("waited for", "collective", {part.pid, part.tid, part.begin_ns, part.end_ns},
           {last.pid, last.tid, last.begin_ns, last.end_ns}, last.begin_ns, [&](JsonWriter& json) {
             json.member("collective", name).member("rank", last.rank);
             json.key("waited_us").microseconds(last.begin_ns - part.begin_ns);
           });
    }
  }

  template <class F>
  void draw(const char* name,
            const char* category,
            const End& from,
            const End& to,
            std::int64_t arrival,
            F args) {
    ++drawn_;
    put_event([&](JsonWriter& json) {
      json.member("ph", "s").member("cat", category).member("name", name);
      json.member("id", drawn_).member("pid", from.pid).member("tid", from.tid);
      json.key("ts").microseconds(from.begin_ns).key("args").begin_object();
      args(json);
      json.end_object();
    });
    put_event([&](JsonWriter& json) {
      json.member("ph", "f").member("bp", "e").member("cat", category).member("name", name);
      json.member("id", drawn_).member("pid", to.pid).member("tid", to.tid);
      json.key("ts").microseconds(arrival);
    });
  }

  // value: JSON, the value of the only key in the event's args.
  void metadata(const char* what, std::int64_t tid, const char* key, const std::string& value) {
    put_event([&](JsonWriter& json) {
      json.member("ph", "M").member("name", what).key("ts").microseconds(0);
      json.member("pid", requests_pid).member("tid", tid);
      json.key("args").begin_object().key(key).raw(value).end_object();
    });
  }

  template <class F>
  void slice(const char* name, std::int64_t tid, std::int64_t begin, std::int64_t end, F args) {
    ++merged_.events;
    put_event([&](JsonWriter& json) {
      json.member("ph", "X").member("cat", "user_annotation").member("name", name);
      json.member("pid", requests_pid).member("tid", tid).key("ts").microseconds(begin);
      json.key("dur").microseconds(std::max<std::int64_t>(end - begin, 0));
      json.key("args").begin_object();
      args(json);
      json.end_object();
    });
  }

  void requests() {
    const std::vector<RequestPath> paths = paths_.finish();
    if (paths.empty()) return;
    metadata("process_name", 0, "name", json_string("requests"));
    metadata("process_sort_index", 0, "sort_index", "-1");
    std::int64_t tid = 0;
    const auto no_args = [](JsonWriter&) {};
    for (const RequestPath& path : paths) {
      ++merged_.requests;
      for (const StagePath& stage : path.stages) {
        metadata("thread_name", ++tid, "name",
                 json_string(
                     "request " + path.request + ", " +
                     (stage.orchestrator ? "orchestrator" : "rank " + std::to_string(stage.rank))));
        if (stage.first_step_ns > stage.submitted_ns && stage.submitted_ns > 0)
          slice("queue", tid, stage.submitted_ns, stage.first_step_ns, no_args);
        if (stage.orchestrator)
          slice("in the pipeline", tid, stage.first_step_ns, stage.last_step_ns, no_args);
        else if (stage.steps > 0)
          slice("work", tid, stage.first_step_ns, stage.last_step_ns, [&](JsonWriter& json) {
            json.member("steps", stage.steps);
            json.key("compute_us").microseconds(stage.compute_ns);
            json.key("transfer_us").microseconds(stage.transfer_ns);
            json.key("collective_us").microseconds(stage.collective_ns);
          });
      }
    }
  }

  void end() {
    TraceInformation information;
    std::string ranks;
    JsonWriter json(ranks);
    json.begin_object();
    for (const MergeInput& input : inputs_) {
      const auto own = input.reader().keys().find("limelight");
      const bool known = own != input.reader().keys().end();
      add_for_merge(information, known ? own->second : "", &input == &inputs_.front());
      json.line().key(std::to_string(input.number())).raw(known ? own->second : "null");
      if (const std::string odd = input.reader().odd().text(); !odd.empty())
        merged_.notes.push_back(input.reader().path().string() + ": " + odd);
    }
    json.end_object();
    for (const auto& [rank, times] : last_)
      merged_.notes.push_back("rank " + std::to_string(rank) + " came last in " +
                              std::to_string(times) + " of " + std::to_string(merged_.collectives) +
                              " collectives");
    information.merged = true;
    information.events = merged_.events;
    information.unmatched_chunks = publishes_.size() + takes_.size() + merged_.unmatched_chunks;
    information.ranks_json = std::move(ranks);
    if (status_) status_ = file_.write(trace_end(information, file_.path().filename().string()));
  }

  std::vector<MergeInput> inputs_;
  std::int64_t base_ns_;
  MemberFile file_;
  CollectiveMatch collectives_;
  std::map<std::string, std::size_t> stages_;  // how many inputs each has
  std::map<int, std::uint64_t> last_;          // in how many collectives a rank came last
  std::uint64_t drawn_ = 0;                    // arrows
  Result<void> status_;
  Merged merged_;
  bool first_ = true;
  Ends publishes_, takes_;
  std::deque<std::uint64_t> publish_order_, take_order_;
  std::map<std::uint64_t, Queue> queues_;
  RequestPaths paths_;
};

bool is_merged(const std::filesystem::path& file) {
  const auto reader = TraceReader::open(file);
  return reader.ok() && reader->origin().merged;
}

// Each gets the number of its rank, or one that is free where it states none or another file of
// another program states the same.
Result<std::vector<MergeInput>> open_inputs(const std::vector<std::filesystem::path>& files,
                                            const CommonClock& clock,
                                            MergedPids& pids) {
  std::vector<MergeInput> inputs;
  std::map<int, std::filesystem::path> ranks;
  for (const bool stated : {true, false})
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto reader = TraceReader::open(files[i]);
      if (!reader) return reader.error();
      const TraceOrigin& origin = reader->origin();
      if (origin.merged)
        return Error{
            ErrorCode::invalid_argument,
            files[i].string() + ": is a merged file already, expected the files of single ranks"};
      const bool has_number =
          origin.rank && (!ranks.contains(*origin.rank) || ranks.at(*origin.rank) == files[i]);
      if (has_number != stated) {
        if (stated && origin.rank && origin.limelight)
          return Error{ErrorCode::invalid_argument,
                       files[i].string() + ": found rank " + std::to_string(*origin.rank) +
                           ", which " + ranks.at(*origin.rank).string() +
                           " has too; expected one trace of each rank"};
        continue;
      }
      int number = origin.rank.value_or(0);
      while (!stated && ranks.contains(number)) ++number;
      ranks[number] = files[i];
      inputs.emplace_back(std::move(reader).value(), number, clock.shifts_ns[i], pids);
    }
  return inputs;
}

}  // namespace

Result<Merged> merge(const TraceFiles& files,
                     const std::filesystem::path& out,
                     const OutputOptions& options) {
  LIMELIGHT_TRY(may_write(out, files, options.force, is_merged));
  auto set = choose_traces(files, options.session);
  if (!set) return set.error();
  const auto clock = common_clock(set->files);
  if (!clock) return clock.error();
  MergedPids pids;
  auto inputs = open_inputs(set->files, *clock, pids);
  if (!inputs) return inputs.error();
  auto file = MemberFile::create(out);
  if (!file) return file.error();
  auto merged = Merger(std::move(inputs).value(), clock->base_ns, std::move(file).value()).run();
  if (!merged) return merged.error();
  if (!clock->note.empty()) set->notes.push_back(clock->note);
  merged->notes.insert(merged->notes.begin(), set->notes.begin(), set->notes.end());
  return merged;
}

}  // namespace limelight::profiling

#include "profiling/analysis/foreign_slices.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "profiling/analysis/any_event.hpp"
#include "profiling/analysis/event_splitter.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

namespace {

enum class Lane { cpu, device, async };

std::string name_of(const AnyEvent& event) {
  if (!event.name.starts_with(event_names::step_prefix)) return event.name;
  const std::string* step = event.arg("step of");
  return step != nullptr ? *step : "ProfilerStep";
}

class ForeignReader {
 public:
  explicit ForeignReader(EventSplitter events) : events_(std::move(events)) {}

  Result<ForeignSlices> run() {
    for (;;) {
      const auto text = events_.next();
      if (!text) return text.error();
      if (!*text) break;
      const auto event = reader_.read(**text);
      if (!event || !add(*event)) ++made_.skipped;
    }
    if (!events_.has_events())
      return Error{ErrorCode::corrupt,
                   events_.path().string() +
                       ": found neither the key traceEvents nor an array, expected a trace"};
    for (const auto& [key, begun] : begun_) made_.unfinished += begun.size();
    made_.skipped += events_.strays();
    made_.ends_early = events_.ends_early();
    for (std::size_t track = 0; track < lanes_.size(); ++track) {
      const bool device =
          lanes_[track] == Lane::device || device_pids_.contains(totals_.pids()[track]);
      totals_.finish(lanes_[track] == Lane::async ? made_.async
                     : device                     ? made_.device
                                                  : made_.cpu,
                     static_cast<SliceTotals::Track>(track));
    }
    return std::move(made_);
  }

 private:
  struct Begin {
    std::string name;
    std::int64_t ns;
    bool device;
  };

  // False: it should be a slice, or its end, and has no time for it.
  bool add(const AnyEvent& event) {
    const auto async = [&] { return "async " + event.category + "/" + event.id; };
    switch (event.phase) {
      case 'X': {
        const std::int64_t duration = event.duration_ns.value_or(0);
        if (!event.begin_ns || duration < 0 || *event.begin_ns > INT64_MAX - duration) return false;
        put(event, is_device_category(event.category) ? Lane::device : Lane::cpu, "",
            name_of(event), *event.begin_ns, *event.begin_ns + duration);
        return true;
      }
      case 'B': return begin(event, "");
      case 'E': return end(event, "");
      case 'b':
      case 'S': return begin(event, async());
      case 'e':
      case 'F': return end(event, async());
      case 'M':
        if (const std::string* name = event.arg("name");
            event.name == "process_name" && name != nullptr && name->starts_with("/device:"))
          device_pids_.insert(event.pid);
        [[fallthrough]];
      default: ++made_.others; return true;
    }
  }

  std::vector<Begin>& begun(const AnyEvent& event, const std::string& lane) {
    // An async id is the same in all threads of a process.
    return begun_[{event.pid, lane.empty() ? event.tid : 0, lane}];
  }
  bool begin(const AnyEvent& event, const std::string& lane) {
    if (!event.begin_ns) return false;
    begun(event, lane)
        .push_back({name_of(event), *event.begin_ns, is_device_category(event.category)});
    return true;
  }
  bool end(const AnyEvent& event, const std::string& lane) {
    if (!event.begin_ns) return false;
    std::vector<Begin>& open = begun(event, lane);
    if (open.empty()) {
      ++made_.unfinished;
      return true;
    }
    const Begin begin = std::move(open.back());
    open.pop_back();
    if (*event.begin_ns < begin.ns) return false;
    put(event,
        !lane.empty()  ? Lane::async
        : begin.device ? Lane::device
                       : Lane::cpu,
        lane, begin.name, begin.ns, *event.begin_ns);
    return true;
  }

  void put(const AnyEvent& event,
           Lane lane,
           const std::string& async,
           const std::string& name,
           std::int64_t from,
           std::int64_t to) {
    const std::string what = lane == Lane::device ? "device" : async;
    const SliceTotals::Track track =
        totals_.track(event.pid, lane == Lane::async ? 0 : event.tid, what);
    if (track == lanes_.size()) lanes_.push_back(lane);
    totals_.add(track, name, from, to);
    ++made_.slices;
  }

  using Key = std::tuple<std::int64_t, std::int64_t, std::string>;  // pid, tid, lane
  EventSplitter events_;
  AnyEventReader reader_;
  SliceTotals totals_;
  std::vector<Lane> lanes_;  // by track
  std::map<Key, std::vector<Begin>> begun_;
  std::set<std::int64_t> device_pids_;
  ForeignSlices made_;
};

}  // namespace

bool is_device_category(std::string_view category) {
  static const std::set<std::string, std::less<>> known{"concurrent_kernel",
                                                        "gpu_memcpy",
                                                        "gpu_memset",
                                                        "gpu_user_annotation",
                                                        "kernel",
                                                        "memcpy",
                                                        "memset",
                                                        "mtia_ccp_events"};
  std::string lower(category);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return known.contains(lower);
}

std::string ForeignSlices::text(const std::filesystem::path& file) const {
  const auto count = [](std::uint64_t n, const char* one, const char* many) {
    return std::to_string(n) + (n == 1 ? one : many);
  };
  std::string text = file.filename().string();
  text.append(": ").append(count(slices, " slice", " slices"));
  if (others > 0) text.append(", ").append(count(others, " other event", " other events"));
  if (unfinished > 0)
    text.append("; passed over ")
        .append(count(unfinished, " begin or end without the other",
                      " begins or ends without the other"));
  if (skipped > 0)
    text.append("; skipped ")
        .append(count(skipped, " damaged event", " damaged events"))
        .append(" (no object, no phase, or no time that counts)");
  if (ends_early) text.append("; the file ends without a closing bracket");
  return text;
}

Result<ForeignSlices> read_foreign_slices(const std::filesystem::path& file) {
  auto events = EventSplitter::open(file);
  if (!events) return events.error();
  return ForeignReader(std::move(events).value()).run();
}

}  // namespace limelight::profiling

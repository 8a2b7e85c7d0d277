#include "profiling/analysis/time_tables.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <limits>

#include "base/try.hpp"
#include "profiling/analysis/json_members.hpp"
#include "profiling/analysis/waiting.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// What XLA lays over the operations of a device, on threads of its process.
bool is_annotation_thread(const std::string& name) {
  static const std::set<std::string, std::less<>> known{
      "Framework Name Scope",  "Framework Ops",  "Source code", "Steps",
      "TensorFlow Name Scope", "TensorFlow Ops", "XLA Modules", "XLA TraceMe"};
  return known.contains(name);
}

// Names of steps have their number in them.
std::string operation_of(const EventLine& event) {
  if (!event.name.starts_with(event_names::step_prefix)) return event.plain_name();
  return event.text_arg("step of").value_or("ProfilerStep");
}

constexpr char between = '\x1f';  // name and shape

// A number of limelight_peak; 0 if it is not there. Billions a second are as many a nanosecond.
double peak_number(std::string_view peak, std::string_view key) {
  if (!peak.starts_with('{')) return 0;
  const auto value = json_member(peak, key);
  const double number = value ? std::strtod(std::string(*value).c_str(), nullptr) : 0;
  return number > 0 && number < 1e9 ? number : 0;
}

// Such as "2 code2wav" of "rank 3: stage 2 code2wav, replica 0".
std::string stage_of_process(std::string_view name) {
  constexpr std::string_view mark = ": stage ";
  const std::size_t at = name.find(mark);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = name.substr(at + mark.size());
  return std::string(rest.substr(0, rest.find_first_of(",:")));
}

}  // namespace

bool is_device_category(std::string_view category) {
  static const std::set<std::string, std::less<>> known{
      "concurrent_kernel", "gpu_memcpy", "gpu_memset",     "kernel", "kernel_dispatch", "memcpy",
      "memory_copy",       "memset",     "mtia_ccp_events"};
  return known.contains(lower(category));
}

std::uint64_t TimeTables::slices() const noexcept {
  std::uint64_t all = 0;
  for (const File& file : files_) all += file.slices;
  return all;
}

Result<void> TimeTables::add(const std::filesystem::path& path) {
  auto reader = TraceReader::open(path);
  if (!reader) return reader.error();
  files_.push_back({.path = path, .origin = reader->origin()});
  begun_.clear();
  unfinished_ = 0;
  flops_per_ns_ = bytes_per_ns_ = 0;
  if (const auto peak = reader->keys().find("limelight_peak"); peak != reader->keys().end()) {
    files_.back().peak_json = peak->second;
    flops_per_ns_ = peak_number(peak->second, "gflops");
    bytes_per_ns_ = peak_number(peak->second, "gb_per_s");
  }
  ranks_.begin(*reader);
  for (;;) {
    const auto event = reader->next();
    if (!event) return event.error();
    if (!*event) break;
    rank_ = ranks_.of(**event);
    LIMELIGHT_TRY(add_event(**event));
  }
  File& file = files_.back();
  file.origin = origin_of(reader->keys(), path);
  for (const auto& [key, open] : begun_) unfinished_ += open.size();
  OddEvents odd = reader->odd();
  odd.unfinished += unfinished_;
  file.odd = odd.text();
  if (const auto own = reader->keys().find("limelight"); own != reader->keys().end())
    file.own_json = own->second;
  return {};
}

Result<void> TimeTables::add_event(const EventLine& event) {
  File& file = files_.back();
  switch (event.phase) {
    case 'X': {
      const std::string category = lower(event.category);
      const TimeKind kind = is_device_category(category) || category == "cuda_sync"
                                ? TimeKind::device
                            : category == "gpu_user_annotation"             ? TimeKind::annotations
                            : category == "trace" || category == "overhead" ? TimeKind::other
                                                                            : TimeKind::cpu;
      return slice(event, kind, "", operation_of(event), event.begin_ns, event.end_ns());
    }
    case 'B': return {};  // it has no end, which the reader counts
    case 'b':
    case 'e':
    case 'S':
    case 'F': return async(event);
    case 'M': metadata(event); [[fallthrough]];
    default: ++file.others; return {};
  }
}

Result<void> TimeTables::async(const EventLine& event) {
  std::string key = std::to_string(event.pid);
  key.append("/")
      .append(event.category)
      .append("/")
      .append(event.id.empty() ? event.id2 : event.id);
  std::vector<Open>& open = begun_[key];
  if (event.phase == 'b' || event.phase == 'S') {
    open.push_back({operation_of(event), event.begin_ns});
    return {};
  }
  // Spans of one id may overlap, so an end belongs to the last begin of its name.
  const std::string name = operation_of(event);
  auto begin =
      std::find_if(open.rbegin(), open.rend(), [&](const Open& one) { return one.name == name; });
  if (begin == open.rend()) begin = open.rbegin();
  if (begin == open.rend() || event.begin_ns < begin->ns) {
    ++unfinished_;
    return {};
  }
  const Open whole = *begin;
  open.erase(std::next(begin).base());
  return slice(event, TimeKind::other, key, whole.name, whole.ns, event.begin_ns);
}

Result<void> TimeTables::slice(const EventLine& event,
                               TimeKind kind,
                               std::string_view lane,
                               std::string_view name,
                               std::int64_t from,
                               std::int64_t to) {
  const auto file = static_cast<std::uint32_t>(files_.size() - 1);
  const std::string_view own_lane =
      lane.empty() ? time_kind_names[static_cast<std::size_t>(kind)] : lane;
  const SliceTotals::Track track =
      totals_.track(file, event.pid, lane.empty() ? event.tid : 0, own_lane);
  if (track == lanes_.size()) lanes_.push_back({file, event.pid, event.tid, kind, rank_});
  if (kind == TimeKind::device) processes_[{file, event.pid}].kernels = true;
  ++files_.back().slices;
  if (is_device_category(event.category))
    LIMELIGHT_TRY(device_time_.add(rank_, device_work_of(name, event.category), from, to));
  const SliceTotals::Name id = name_of(event, name);
  if (event.args.find("\"flops\"") != std::string_view::npos) product(event, track, id);
  return totals_.add(track, id, from, to,
                     event.args.empty() ? 0 : event.number_arg("bytes").value_or(0));
}

// A product takes at its best the longer of two times: that of its operations, and that of what it
// has to read and write.
void TimeTables::product(const EventLine& event, SliceTotals::Track track, SliceTotals::Name name) {
  const std::uint64_t flops = event.number_arg("flops").value_or(0),
                      bytes = event.number_arg("bytes moved").value_or(0);
  if (flops == 0) return;
  files_.back().products = true;
  Products& all = products_[{track, name}];
  const auto add = [](auto number, auto& to) {
    if (__builtin_add_overflow(to, number, &to))
      to = std::numeric_limits<std::decay_t<decltype(to)>>::max();
  };
  add(flops, all.flops);
  add(bytes, all.bytes);
  add(event.duration_ns, all.ns);
  if (flops_per_ns_ == 0) return;
  add(event.duration_ns, all.of_peak_ns);
  all.peak_ns += std::max(static_cast<double>(flops) / flops_per_ns_,
                          bytes_per_ns_ > 0 ? static_cast<double>(bytes) / bytes_per_ns_ : 0);
}

SliceTotals::Name TimeTables::name_of(const EventLine& event, std::string_view name) {
  const bool waits = is_waiting(event.category, name);
  if (!options_.by_shape) return totals_.name(name, waits);
  std::string with_shape(name);
  with_shape += between;
  if (const auto shape = event.arg("Input Dims")) with_shape += *shape;
  return totals_.name(with_shape, waits);
}

void TimeTables::metadata(const EventLine& event) {
  Process& process = processes_[{static_cast<std::uint32_t>(files_.size() - 1), event.pid}];
  const std::string name = event.text_arg("name").value_or("");
  if (event.name == "thread_name") process.threads[event.tid] = name;
  if (event.name == "process_labels") {
    const std::string labels = event.text_arg("labels").value_or("");
    process.device = process.device || labels.starts_with("GPU");
    process.cpu = process.cpu || labels.starts_with("CPU");
  }
  if (event.name != "process_name") return;
  process.device = process.device || name.starts_with("/device:");
  process.requests = files_.back().origin.merged && name == "requests";
  process.spans = name == "Spans" || name == "Traces";
  process.stage = stage_of_process(name);
}

TimeKind TimeTables::kind_of(const Lane& lane) const {
  const auto at = processes_.find({lane.file, lane.pid});
  if (lane.kind != TimeKind::cpu || at == processes_.end()) return lane.kind;
  const Process& process = at->second;
  if (process.spans) return TimeKind::other;
  // Kineto labels the numbers 0 to 7 as GPUs, and in a container they may be processes.
  if (!process.device || process.cpu) return TimeKind::cpu;
  const auto thread = process.threads.find(lane.tid);
  // Beside kernels that are named so there are the annotations of Kineto's earlier years.
  const bool annotation =
      process.kernels || (thread != process.threads.end() && is_annotation_thread(thread->second));
  return annotation ? TimeKind::annotations : TimeKind::device;
}

std::string TimeTables::stage_of(const Lane& lane) const {
  if (options_.by_rank) return std::to_string(lane.rank);
  if (!options_.by_stage) return "";
  const auto process = processes_.find({lane.file, lane.pid});
  return process != processes_.end() && !process->second.stage.empty()
             ? process->second.stage
             : files_[lane.file].origin.stage;
}

Result<void> TimeTables::finish() {
  std::array<std::map<std::pair<std::string, std::string>, TimeRow>, 4> rows;  // by stage and name
  LIMELIGHT_TRY(totals_.finish(
      [&](SliceTotals::Track track, SliceTotals::Name name, const SliceTotals::Total& total) {
        const Lane& lane = lanes_[track];
        const auto process = processes_.find({lane.file, lane.pid});
        if (process != processes_.end() && process->second.requests)
          return;  // shown twice otherwise
        const std::string stage = stage_of(lane);
        const std::string& text = totals_.text(name);
        TimeRow& row = rows[static_cast<std::size_t>(kind_of(lane))][{stage, text}];
        const std::size_t cut = options_.by_shape ? text.rfind(between) : std::string::npos;
        row.name = text.substr(0, cut);
        row.stage = stage;
        if (cut != std::string::npos) row.shape = text.substr(cut + 1);
        row.calls += total.calls;
        row.bytes += total.bytes;
        const auto add = [](std::int64_t ns, std::int64_t& to) {
          if (__builtin_add_overflow(to, ns, &to)) to = INT64_MAX;
        };
        add(total.self_ns, totals_.waits(name) ? row.waiting_ns : row.self_ns);
        add(total.total_ns - total.waiting_ns, row.total_ns);
        add(total.waiting_ns, row.waiting_within_ns);
        if (const auto at = products_.find({track, name}); at != products_.end()) {
          row.flops += at->second.flops;
          row.bytes_moved += at->second.bytes;
          add(at->second.ns, row.product_ns);
          add(at->second.of_peak_ns, row.of_peak_ns);
          row.peak_ns += at->second.peak_ns;
        }
      }));
  LIMELIGHT_TRY(
      device_time_.finish([this](const DeviceShares& shares) { devices_.push_back(shares); }));
  for (std::size_t kind = 0; kind < rows.size(); ++kind) {
    for (auto& [key, row] : rows[kind]) rows_[kind].push_back(std::move(row));
    sort_rows(rows_[kind]);
  }
  return {};
}

}  // namespace limelight::profiling

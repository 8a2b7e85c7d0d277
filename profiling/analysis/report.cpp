#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limelight/trace.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/try.hpp"
#include "profiling/analysis/common_clock.hpp"
#include "profiling/analysis/histogram.hpp"
#include "profiling/analysis/output_file.hpp"
#include "profiling/analysis/rank_numbers.hpp"
#include "profiling/analysis/request_path.hpp"
#include "profiling/analysis/time_tables.hpp"
#include "profiling/analysis/trace_set.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

extern const char report_page[];  // report_page.html; @DATA@ is replaced by the data

using nlohmann::ordered_json;

namespace {

constexpr std::size_t bins = 1000;
constexpr std::size_t most_open_chunks = 1 << 20;  // chunks that wait for their other end
enum Kind : std::size_t { step, transfer, wait, collective, gpu, threads, kinds };
constexpr const char* kind_names[kinds] = {
    "steps", "loan, publish and take", "waiting", "collectives", "GPU", "work of threads"};

struct Rank {
  std::string own;
  std::array<std::array<float, bins>, kinds> busy{};  // ns by bin
  Histogram steps;
  std::int64_t collective_ns = 0;
};
struct Channel {
  int from = -1, to = -1;
  std::uint64_t chunks = 0, bytes = 0;
  Histogram dwell;
};

double us(std::int64_t ns) { return static_cast<double>(ns) / 1000; }

class Report {
 public:
  Result<void> read(const TraceSet& set) {
    notes_ = set.notes;
    auto clock = common_clock(set.files);
    if (!clock) return clock.error();
    if (!clock->note.empty()) notes_.push_back(clock->note);
    for (const bool first : {true, false})
      for (std::size_t i = 0; i < set.files.size(); ++i)
        LIMELIGHT_TRY(read(set.files[i], clock->shifts_ns[i], first));
    for (const auto& file : set.files) {
      LIMELIGHT_TRY(tables_.add(file));
      names_.push_back(file.filename().string());
    }
    return tables_.finish();
  }
  const std::vector<std::string>& notes() const { return notes_; }

  ordered_json json() {
    ordered_json all;
    all["files"] = names_;
    all["notes"] = notes_;
    all["begin_ns"] = begin_;
    all["end_ns"] = end_;
    all["kinds"] = kind_names;
    all["ranks"] = ordered_json::array();
    for (const auto& [number, rank] : ranks_) all["ranks"].push_back(json_of(number, rank));
    all["channels"] = ordered_json::array();
    for (const auto& [number, c] : channels_)
      all["channels"].push_back({{"channel", number},
                                 {"from", c.from},
                                 {"to", c.to},
                                 {"chunks", c.chunks},
                                 {"bytes", c.bytes},
                                 {"matched", c.dwell.count()},
                                 {"dwell_p50_us", c.dwell.quantile(0.5) / 1000},
                                 {"dwell_p99_us", c.dwell.quantile(0.99) / 1000},
                                 {"dwell_most_us", us(c.dwell.most())}});
    all["requests"] = ordered_json::array();
    for (const RequestPath& path : paths_.finish()) {
      ordered_json stages = ordered_json::array();
      for (const StagePath& s : path.stages)
        if (s.steps > 0) stages.push_back(json_of(s));
      if (!stages.empty())
        all["requests"].push_back(
            {{"request", path.request}, {"count", path.count()}, {"stages", stages}});
    }
    return all;
  }

 private:
  Result<void> read(const std::filesystem::path& file, std::int64_t shift_ns, bool first) {
    auto lines = TraceReader::open(file);
    if (!lines) return lines.error();
    numbers_.begin(*lines);
    own_ = lines->origin().limelight;
    std::map<int, bool> shown;
    for (;;) {
      auto next = lines->next();
      if (!next) return next.error();
      if (!*next) break;
      EventLine event = **next;
      const int rank = numbers_.of(event);
      if (rank < 0) continue;
      event.begin_ns += shift_ns;
      if (event.phase == 'X') {
        shown[rank] = true;
        first ? measure(event) : add_event(event, rank);
      }
    }
    for (const auto& [rank, is] : shown) {
      const auto own = lines->keys().find("limelight");
      if (own == lines->keys().end()) continue;
      const ordered_json all = ordered_json::parse(own->second, nullptr, false);
      if (!all.is_object()) continue;
      const std::string number = std::to_string(rank);
      if (!lines->origin().merged) ranks_[rank].own = own->second;
      else if (all.contains("ranks") && all["ranks"].contains(number))
        ranks_[rank].own = all["ranks"][number].dump();
    }
    if (const std::string odd = lines->odd().text(); first && !odd.empty())
      notes_.push_back(file.string() + ": " + odd);
    return {};
  }

  ordered_json json_of(int number, const Rank& rank) {
    ordered_json r{{"rank", number}, {"name", numbers_.name(number)}};
    r["own"] = ordered_json::parse(rank.own, nullptr, false);
    if (r["own"].is_discarded()) r["own"] = nullptr;
    const double bin_ns = std::max(static_cast<double>(end_ - begin_) / bins, 1.0);
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      ordered_json shares = ordered_json::array();
      bool any = false;
      for (const float ns : rank.busy[kind]) {
        any = any || ns > 0;
        shares.push_back(std::min(100, static_cast<int>(std::lround(100 * ns / bin_ns))));
      }
      r["busy"].push_back(any ? shares : ordered_json());
    }
    r["operations"] = ordered_json::array();
    const std::string its = std::to_string(number);
    for (const TimeKind kind :
         {TimeKind::cpu, TimeKind::device, TimeKind::annotations, TimeKind::other})
      for (const TimeRow& row : tables_.rows(kind))
        if (row.stage == its)
          r["operations"].push_back({{"name", row.name},
                                     {"kind", time_kind_names[static_cast<std::size_t>(kind)]},
                                     {"calls", row.calls},
                                     {"total_us", us(row.total_ns)},
                                     {"self_us", us(row.self_ns)},
                                     {"waiting_us", us(row.waiting_ns)}});
    r["steps"] = {{"count", rank.steps.count()},
                  {"p50_us", rank.steps.quantile(0.5) / 1000},
                  {"p99_us", rank.steps.quantile(0.99) / 1000},
                  {"most_us", us(rank.steps.most())},
                  {"collective_us", us(rank.collective_ns)}};
    return r;
  }

  static ordered_json json_of(const StagePath& s) {
    ordered_json worked = ordered_json::array();
    for (const Interval& interval : s.worked) worked.push_back({interval.first, interval.second});
    return {{"rank", s.rank},
            {"orchestrator", s.orchestrator},
            {"submitted_ns", s.submitted_ns},
            {"first_ns", s.first_step_ns},
            {"last_ns", s.last_step_ns},
            {"worked_ns", worked},
            {"steps", s.steps},
            {"compute_us", us(s.compute_ns)},
            {"beside_us", us(s.beside_ns)},
            {"transfer_us", us(s.transfer_ns)},
            {"collective_us", us(s.collective_ns)},
            {"others_us", us(s.others_ns)},
            {"idle_us", us(s.idle_ns())}};
  }

  void measure(const EventLine& e) {
    begin_ = std::min(begin_, e.begin_ns);
    end_ = std::max(end_, e.end_ns());
  }

  void add_event(const EventLine& e, int number) {
    Rank& rank = ranks_[number];
    paths_.add(e, number);
    if (e.name.starts_with(event_names::step_prefix) && e.category != "gpu_user_annotation") {
      rank.steps.add(e.duration_ns);
      fill(rank.busy[step], e);
    } else if (e.name.starts_with(event_names::collective_prefix) ||
               (e.name.starts_with("nccl") && is_device_category(e.category))) {
      rank.collective_ns += e.duration_ns;
      fill(rank.busy[collective], e);
    } else if (is_device_category(e.category)) {
      fill(rank.busy[gpu], e);
    } else if (e.name.starts_with(event_names::wait_prefix)) {
      fill(rank.busy[wait], e);
    } else if (e.name == event_names::ipc_loan) {
      fill(rank.busy[transfer], e);
    } else if (e.name == event_names::ipc_publish || e.name == event_names::ipc_take) {
      const bool publish = e.name == event_names::ipc_publish;
      fill(rank.busy[transfer], e);
      chunk(e, number, publish);
    } else if (!own_ && e.category != "Trace" && e.category != "gpu_user_annotation") {
      fill(rank.busy[threads], e);
    }
  }

  // Adds a slice to the bins that it covers.
  void fill(std::array<float, bins>& busy, const EventLine& e) const {
    const double bin_ns = std::max(static_cast<double>(end_ - begin_) / bins, 1.0);
    const double from = static_cast<double>(e.begin_ns - begin_) / bin_ns,
                 to = static_cast<double>(e.end_ns() - begin_) / bin_ns;
    for (auto bin = static_cast<std::size_t>(from); bin < bins && static_cast<double>(bin) < to;
         ++bin)
      busy[bin] += static_cast<float>(
          (std::min(to, static_cast<double>(bin) + 1) - std::max(from, static_cast<double>(bin))) *
          bin_ns);
  }

  void chunk(const EventLine& e, int rank, bool publish) {
    const auto channel = e.number_arg("channel"), number = e.number_arg("chunk");
    if (!channel || !number) return;
    Channel& c = channels_[*channel];
    (publish ? c.from : c.to) = rank;
    if (publish) {
      ++c.chunks;
      c.bytes += e.number_arg("bytes").value_or(0);
    }
    const std::uint64_t key = *channel << 24 | *number;
    auto& others = publish ? takes_ : publishes_;
    if (const auto other = others.find(key); other != others.end()) {
      c.dwell.add(std::max<std::int64_t>(
          publish ? other->second - e.begin_ns : e.end_ns() - other->second, 0));
      others.erase(other);
    } else if (auto& own = publish ? publishes_ : takes_; own.size() < most_open_chunks)
      own[key] = publish ? e.begin_ns : e.end_ns();
  }

  std::int64_t begin_ = INT64_MAX, end_ = INT64_MIN;
  std::vector<std::string> names_, notes_;
  RankNumbers numbers_;
  bool own_ = false;  // the file that is read is of ours
  std::map<int, Rank> ranks_;
  std::map<std::uint64_t, Channel> channels_;
  std::unordered_map<std::uint64_t, std::int64_t> publishes_, takes_;
  RequestPaths paths_;
  TimeTables tables_{{.by_rank = true}};
};

bool is_report(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(4096, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return head.find("<title>Limelight report</title>") != std::string::npos;
}

}  // namespace

Result<Notes> write_report(const std::filesystem::path& out,
                           const TraceFiles& files,
                           const OutputOptions& options) {
  LIMELIGHT_TRY(may_write(out, files, options.force, is_report));
  const auto set = choose_traces(files, options.session);
  if (!set) return set.error();
  Report report;
  LIMELIGHT_TRY(report.read(*set));
  const ordered_json content = report.json();
  if (content["ranks"].empty())
    return Error{ErrorCode::corrupt,
                 "found no slice in any of the files, expected events with a "
                 "duration"};
  std::string data = content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // The name of a request or operation must not be able to end the script.
  for (std::size_t at = 0; (at = data.find('<', at)) != std::string::npos;)
    data.replace(at, 1, "\\u003c");
  std::string page = report_page;
  const std::string_view mark = "@DATA@";
  page.replace(page.find(mark), mark.size(), data);
  LIMELIGHT_TRY(write_whole(out, page));
  return report.notes();
}

}  // namespace limelight::profiling

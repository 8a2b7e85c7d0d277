#include <algorithm>
#include <array>
#include <fstream>
#include <limelight/trace.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/try.hpp"
#include "profiling/analysis/histogram.hpp"
#include "profiling/analysis/request_path.hpp"
#include "profiling/analysis/self_time.hpp"
#include "profiling/analysis/trace_line_reader.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

extern const char report_page[];  // report_page.html; @DATA@ is replaced by the data

using nlohmann::ordered_json;

namespace {

constexpr std::size_t bins = 1000;
constexpr std::size_t most_waiting = 1 << 20;  // chunks that wait for their other end
enum Kind : std::size_t { step, transfer, wait, collective, gpu, kinds };
constexpr const char* kind_names[kinds] = {"steps", "loan, publish and take", "waiting",
                                           "collectives", "GPU"};

struct Row {
  std::uint64_t calls = 0;
  std::int64_t total = 0, self = 0;
};
struct Rank {
  std::string name, own;
  std::map<std::string, Row, std::less<>> operations;
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
  Result<void> read(const std::vector<std::filesystem::path>& files) {
    if (files.empty())
      return Error{ErrorCode::invalid_argument,
                   "found no trace to report on, expected at least one file"};
    std::optional<std::int64_t> base;
    for (const bool first : {true, false})
      for (const auto& path : files) {
        auto lines = TraceLineReader::open(path);
        if (!lines) return lines.error();
        if (base.value_or(lines->base_ns()) != lines->base_ns())
          return Error{ErrorCode::invalid_argument,
                       path.string() + ": found a baseTimeNanoseconds that differs from that of " +
                           files.front().string() + ", expected the same"};
        base = lines->base_ns();
        for (;;) {
          auto event = lines->next();
          if (!event) return event.error();
          if (!*event) break;
          first ? measure(**event, lines->rank()) : add_event(**event, lines->rank());
        }
        ranks_[lines->rank()].own = lines->own_json();
        if (first) names_.push_back(path.filename().string());
      }
    return {};
  }

  ordered_json json() const {
    ordered_json all;
    all["files"] = names_;
    all["begin_ns"] = begin_;
    all["end_ns"] = end_;
    all["kinds"] = kind_names;
    for (const auto& [number, rank] : ranks_) {
      ordered_json r{{"rank", number}, {"name", rank.name}};
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
      std::vector<const std::pair<const std::string, Row>*> rows;
      for (const auto& row : rank.operations) rows.push_back(&row);
      std::sort(rows.begin(), rows.end(),
                [](const auto* a, const auto* b) { return a->second.self > b->second.self; });
      for (const auto* row : rows)
        r["operations"].push_back({{"name", row->first},
                                   {"calls", row->second.calls},
                                   {"total_us", us(row->second.total)},
                                   {"self_us", us(row->second.self)}});
      r["steps"] = {{"count", rank.steps.count()},
                    {"p50_us", rank.steps.quantile(0.5) / 1000},
                    {"p99_us", rank.steps.quantile(0.99) / 1000},
                    {"most_us", us(rank.steps.most())},
                    {"collective_us", us(rank.collective_ns)}};
      all["ranks"].push_back(std::move(r));
    }
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
        if (s.steps > 0)
          stages.push_back({{"rank", s.rank},
                            {"orchestrator", s.orchestrator},
                            {"submitted_ns", s.submitted_ns},
                            {"first_ns", s.first_step_ns},
                            {"last_ns", s.last_step_ns},
                            {"steps", s.steps},
                            {"compute_us", us(s.compute_ns)},
                            {"transfer_us", us(s.transfer_ns)},
                            {"collective_us", us(s.collective_ns)}});
      if (!stages.empty())
        all["requests"].push_back({{"request", path.request}, {"stages", stages}});
    }
    return all;
  }

 private:
  void measure(const EventLine& e, int rank) {
    if (e.phase == 'M' && e.name == "process_name" && ranks_[rank].name.empty())
      ranks_[rank].name = std::string(e.arg("name").value_or("?"));
    if (e.phase != 'X') return;
    begin_ = std::min(begin_, e.begin_ns);
    end_ = std::max(end_, e.end_ns());
  }

  void add_event(const EventLine& e, int number) {
    if (e.phase != 'X') return;
    Rank& rank = ranks_[number];
    paths_.add(e, number);
    const bool host = e.category == "cpu_op" || e.category == "user_annotation",
               is_step = e.name.starts_with(event_names::step_prefix);
    const std::string_view name = is_step ? e.arg("step of").value_or(e.name) : e.name;
    auto at = rank.operations.find(name);
    if (at == rank.operations.end()) at = rank.operations.emplace(std::string(name), Row()).first;
    ++at->second.calls;
    at->second.total += e.duration_ns;
    at->second.self += host ? self_.add(e.pid, e.tid, e.begin_ns, e.duration_ns) : e.duration_ns;

    if (is_step) {
      rank.steps.add(e.duration_ns);
      fill(rank.busy[step], e);
    } else if (e.name.starts_with(event_names::collective_prefix)) {
      rank.collective_ns += e.duration_ns;
      fill(rank.busy[collective], e);
    } else if (e.category == "kernel" || e.category == "gpu_memcpy" || e.category == "gpu_memset") {
      fill(rank.busy[gpu], e);
    } else if (e.name.starts_with(event_names::wait_prefix)) {
      fill(rank.busy[wait], e);
    } else if (e.name == event_names::ipc_loan) {
      fill(rank.busy[transfer], e);
    } else if (e.name == event_names::ipc_publish || e.name == event_names::ipc_take) {
      const bool publish = e.name == event_names::ipc_publish;
      fill(rank.busy[transfer], e);
      chunk(e, number, publish);
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
    } else if (auto& own = publish ? publishes_ : takes_; own.size() < most_waiting)
      own[key] = publish ? e.begin_ns : e.end_ns();
  }

  std::int64_t begin_ = INT64_MAX, end_ = 0;
  std::vector<std::string> names_;
  std::map<int, Rank> ranks_;
  std::map<std::uint64_t, Channel> channels_;
  std::unordered_map<std::uint64_t, std::int64_t> publishes_, takes_;
  RequestPaths paths_;
  SelfTime self_;
};

}  // namespace

Result<void> write_report(const std::filesystem::path& out,
                          const std::vector<std::filesystem::path>& files) {
  Report report;
  LIMELIGHT_TRY(report.read(files));
  std::string data = report.json().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // The name of a request or operation must not be able to end the script.
  for (std::size_t at = 0; (at = data.find('<', at)) != std::string::npos;)
    data.replace(at, 1, "\\u003c");
  std::string page = report_page;
  const std::string_view mark = "@DATA@";
  page.replace(page.find(mark), mark.size(), data);
  std::ofstream file(out, std::ios::binary);
  if (!(file << page).flush())
    return Error{ErrorCode::io, out.string() + ": cannot write the report"};
  return {};
}

}  // namespace limelight::profiling

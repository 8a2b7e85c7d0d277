// The JSON of ReportData: what the page's script reads.
#include <algorithm>
#include <cmath>

#include "profiling/analysis/path_words.hpp"
#include "profiling/analysis/report_data.hpp"

namespace limelight::profiling {

using nlohmann::ordered_json;

namespace {

// Of so many requests, the longest, the path is shown; of all others their times.
constexpr std::size_t most_paths = 1000;
constexpr std::size_t most_drawn_parts = 60'000;  // of all paths together
constexpr std::size_t most_drawn_intervals = 60'000;

double us(std::int64_t ns) { return static_cast<double>(ns) / 1000; }

// since: a function that makes a time one since the begin of the run.
template <class Since>
ordered_json json_of(const StagePath& s, Since since, std::size_t most_intervals) {
  ordered_json worked = ordered_json::array();
  const std::size_t every = s.worked.size() / std::max<std::size_t>(most_intervals, 1) + 1;
  for (std::size_t i = 0; i < s.worked.size(); i += every)
    worked.push_back({since(s.worked[i].first),
                      since(s.worked[std::min(i + every, s.worked.size()) - 1].second)});
  return {
      {"rank", s.rank},
      {"orchestrator", s.orchestrator},
      {"submitted_ns", s.submitted_ns > 0 ? ordered_json(since(s.submitted_ns)) : ordered_json()},
      {"first_ns", since(s.first_step_ns)},
      {"last_ns", since(s.last_step_ns)},
      {"worked_ns", worked},
      {"steps", s.steps},
      {"compute_us", us(s.compute_ns)},
      {"beside_us", us(s.beside_ns)},
      {"transfer_us", us(s.transfer_ns)},
      {"collective_us", us(s.collective_ns)},
      {"others_us", us(s.others_ns)},
      {"idle_us", us(s.idle_ns())}};
}

// Parts to be drawn: of too many, the shortest become part of the one before.
std::vector<PathPart> drawn(const std::vector<PathPart>& parts, std::size_t most) {
  if (parts.size() <= most) return parts;
  std::vector<std::int64_t> lengths;
  for (const PathPart& part : parts) lengths.push_back(part.length_ns());
  std::nth_element(lengths.begin(), lengths.end() - static_cast<std::ptrdiff_t>(most),
                   lengths.end());
  const std::int64_t least = lengths[lengths.size() - most];
  std::vector<PathPart> made;
  for (const PathPart& part : parts) {
    if (!made.empty() && part.length_ns() < least) made.back().end_ns = part.end_ns;
    else if (!made.empty() && made.size() >= most) made.back().end_ns = part.end_ns;
    else made.push_back(part);
  }
  return made;
}

}  // namespace

ordered_json ReportData::json() {
  ordered_json all;
  all["files"] = files_;
  all["notes"] = notes_;
  all["begin_ns"] = begin_ns_;
  all["end_ns"] = end_ns_;
  all["span_ns"] = since(end_ns_);
  all["events"] = events_;
  all["kinds"] = slice_kind_names;
  all["ranks"] = ordered_json::array();
  for (const auto& [number, rank] : ranks_) all["ranks"].push_back(rank_json(number, rank));
  all["channels"] = ordered_json::array();
  for (const auto& [number, c] : hand_offs_.channels())
    all["channels"].push_back({{"channel", number},
                               {"from", c.from},
                               {"to", c.to},
                               {"chunks", c.chunks},
                               {"bytes", c.bytes},
                               {"matched", c.dwell.count()},
                               {"dwell_p50_us", c.dwell.quantile(0.5) / 1000},
                               {"dwell_p99_us", c.dwell.quantile(0.99) / 1000},
                               {"dwell_most_us", us(c.dwell.most())}});
  all["collectives"] = collectives_json();
  all["requests"] = requests_json();
  all["counters"] = counters_json();
  all["flame"] = flame_json();
  all["tracks"] = tracks_json();
  all["columns"] = columns_.bytes();
  all["slices"] = columns_.slices();
  all["together"] = {{"slices", columns_.joined()}, {"shorter_ns", columns_.limit_ns()}};
  ordered_json names = ordered_json::array();
  for (const Name& one : names_) names.push_back(one.text);
  all["names"] = std::move(names);
  ordered_json kinds = ordered_json::array();
  for (const Name& one : names_) kinds.push_back(static_cast<int>(one.kind));
  all["name_kinds"] = std::move(kinds);
  all["request_names"] = request_names_;
  return all;
}

ordered_json ReportData::rank_json(int number, const Rank& rank) {
  ordered_json r{{"rank", number}, {"name", numbers_.name(number)}};
  r["own"] = ordered_json::parse(rank.own, nullptr, false);
  if (r["own"].is_discarded()) r["own"] = nullptr;
  const double bin_ns = std::max(static_cast<double>(since(end_ns_)) / bins, 1.0);
  for (std::size_t kind = 0; kind < binned; ++kind) {
    ordered_json shares = ordered_json::array();
    bool any = false;
    for (const float ns : rank.busy[kind]) {
      any = any || ns > 0;
      shares.push_back(std::min(999, static_cast<int>(std::lround(100 * ns / bin_ns))));
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
                                   {"bytes", row.bytes},
                                   {"total_us", us(row.total_ns)},
                                   {"self_us", us(row.self_ns)},
                                   {"waiting_us", us(row.waiting_ns)}});
  r["steps"] = {{"count", rank.steps.count()},
                {"p50_us", rank.steps.quantile(0.5) / 1000},
                {"p99_us", rank.steps.quantile(0.99) / 1000},
                {"most_us", us(rank.steps.most())},
                {"collective_us", us(rank.collective_ns)}};
  for (const DeviceShares& one : tables_.devices())
    if (one.rank == number)
      r["device"] = {{"span_us", us(one.span_ns)},         {"busy_us", us(one.busy_ns)},
                     {"computing_us", us(one.work_ns[0])}, {"communicating_us", us(one.work_ns[1])},
                     {"copying_us", us(one.work_ns[2])},   {"overlapped_us", us(one.overlap_ns)}};
  return r;
}

ordered_json ReportData::requests_json() {
  ordered_json requests = ordered_json::array();
  std::vector<RequestPath> paths = paths_.finish();
  std::erase_if(paths, [](const RequestPath& path) {
    return std::none_of(path.stages.begin(), path.stages.end(),
                        [](const StagePath& s) { return s.steps > 0; });
  });
  const auto begin_of = [](const RequestPath& path) {
    std::int64_t begin = INT64_MAX;
    for (const StagePath& s : path.stages)
      if (s.steps > 0)
        begin = std::min(begin, s.submitted_ns > 0 ? s.submitted_ns : s.first_step_ns);
    return begin;
  };
  const auto end_of = [](const RequestPath& path) {
    std::int64_t end = INT64_MIN;
    for (const StagePath& s : path.stages)
      if (s.steps > 0) end = std::max(end, s.last_step_ns);
    return end;
  };
  std::vector<std::int64_t> lengths;
  for (const RequestPath& path : paths) lengths.push_back(end_of(path) - begin_of(path));
  std::int64_t least = INT64_MIN;
  if (lengths.size() > most_paths) {
    const auto at = lengths.end() - static_cast<std::ptrdiff_t>(most_paths);
    std::nth_element(lengths.begin(), at, lengths.end());
    least = *at;
  }
  std::size_t shown = 0;
  const std::size_t with_path = std::min(paths.size(), most_paths);
  const std::size_t parts = std::max<std::size_t>(most_drawn_parts / (with_path + 1), 24);
  const RankName rank_name = [this](int rank) { return numbers_.name(rank); };
  for (const RequestPath& path : paths) {
    ordered_json one{{"request", path.request},
                     {"count", path.count()},
                     {"begin_ns", since(begin_of(path))},
                     {"end_ns", since(end_of(path))}};
    if (end_of(path) - begin_of(path) >= least && shown < most_paths) {
      ++shown;
      ordered_json stages = ordered_json::array();
      const std::size_t intervals =
          most_drawn_intervals / (with_path + 1) / std::max<std::size_t>(path.stages.size(), 1);
      for (const StagePath& s : path.stages)
        if (s.steps > 0)
          stages.push_back(json_of(
              s, [this](std::int64_t ns) { return since(ns); },
              std::max<std::size_t>(intervals, 8)));
      one["stages"] = std::move(stages);
      const CriticalPath critical =
          critical_.path(path.request, [this](std::uint32_t id) { return names_[id].text; });
      one["sentence"] = path_sentence(critical, rank_name);
      one["path"] = ordered_json::array();
      for (const PathPart& part : drawn(critical.parts, parts))
        one["path"].push_back({path_kind_name(part.kind), part.rank, part.other,
                               since(part.begin_ns), since(part.end_ns)});
      one["totals"] = ordered_json::array();
      for (const PathTotal& total : critical.totals) {
        ordered_json operations = ordered_json::array();
        for (std::size_t i = 0; i < std::min<std::size_t>(total.operations.size(), 3); ++i)
          operations.push_back(
              ordered_json::array({total.operations[i].first, us(total.operations[i].second)}));
        one["totals"].push_back({{"kind", path_kind_name(total.kind)},
                                 {"place", place_of(total, rank_name)},
                                 {"us", us(total.ns)},
                                 {"operations", std::move(operations)}});
      }
    }
    requests.push_back(std::move(one));
  }
  return requests;
}

ordered_json ReportData::collectives_json() {
  ordered_json all = ordered_json::array();
  for (const auto& [key, total] : collectives_.totals()) {
    ordered_json last = ordered_json::array();
    for (const auto& [rank, late] : total.last)
      last.push_back({{"rank", rank},
                      {"times", late.times},
                      {"late_us", us(late.late_ns)},
                      {"waited_us", us(late.waited_ns)}});
    all.push_back({{"name", key.first},
                   {"count", total.count},
                   {"slowest", total.slowest()},
                   {"waited_us", us(total.waited_ns)},
                   {"spread_p50_us", total.spread.quantile(0.5) / 1000},
                   {"spread_most_us", us(total.spread.most())},
                   {"ranks", std::move(last)}});
  }
  return all;
}

ordered_json ReportData::flame_json() const {
  ordered_json parents = ordered_json::array(), names = ordered_json::array(),
               self = ordered_json::array(), calls = ordered_json::array();
  for (const FlameGraph::Entry& entry : flame_.entries()) {
    parents.push_back(entry.parent);
    names.push_back(entry.name);
    self.push_back(us(entry.self_ns));
    calls.push_back(entry.calls);
  }
  return {{"parent", parents}, {"name", names}, {"self_us", self}, {"calls", calls}};
}

ordered_json ReportData::counters_json() const {
  ordered_json all = ordered_json::array();
  for (const auto& [key, series] : counters_.series()) {
    ordered_json times = ordered_json::array(), values = ordered_json::array();
    for (const CounterSeries::Point& point : series.points) {
      times.push_back(since(point.ns));
      values.push_back(point.value);
    }
    all.push_back({{"rank", key.first},
                   {"name", key.second},
                   {"count", series.values},
                   {"ns", std::move(times)},
                   {"values", std::move(values)}});
  }
  return all;
}

ordered_json ReportData::tracks_json() const {
  ordered_json all = ordered_json::array();
  for (const SliceColumns::Track& track : columns_.tracks())
    all.push_back({{"rank", lanes_.lane(track.track).rank},
                   {"label", lanes_.label(track.track)},
                   {"kind", static_cast<int>(lanes_.lane(track.track).kind)},
                   {"slices", track.slices},
                   {"rows", track.depths}});
  return all;
}

}  // namespace limelight::profiling

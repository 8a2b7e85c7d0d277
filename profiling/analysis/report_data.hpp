// What a report shows of one run: JSON for the page's script, and the slices, packed.
//
// read() reads each file twice: once for what the page draws, once for the tables of operations.
// Memory is that of SpilledSort, of SliceColumns and of the names, requests, steps and chunks; the
// number of other events does not count. One thread uses an object.
#pragma once

#include <array>
#include <limelight/result.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "profiling/analysis/collective_totals.hpp"
#include "profiling/analysis/counter_series.hpp"
#include "profiling/analysis/critical_path.hpp"
#include "profiling/analysis/flame_graph.hpp"
#include "profiling/analysis/hand_off.hpp"
#include "profiling/analysis/histogram.hpp"
#include "profiling/analysis/rank_numbers.hpp"
#include "profiling/analysis/report_lanes.hpp"
#include "profiling/analysis/request_path.hpp"
#include "profiling/analysis/slice_columns.hpp"
#include "profiling/analysis/slice_kind.hpp"
#include "profiling/analysis/slice_sweep.hpp"
#include "profiling/analysis/spilled_sort.hpp"
#include "profiling/analysis/stage_collectives.hpp"
#include "profiling/analysis/time_tables.hpp"
#include "profiling/analysis/trace_set.hpp"

namespace limelight::profiling {

class ReportData : private SliceSweep::Visitor {
 public:
  ReportData();
  // Errors: those of the reader; io; corrupt (no slice in any file).
  Result<void> read(const TraceSet& set);
  const std::vector<std::string>& notes() const noexcept { return notes_; }

  nlohmann::ordered_json json();
  // The slices; once. Their lengths are in the JSON.
  std::string slices() { return columns_.packed(); }

 private:
  static constexpr std::size_t bins = 1000;
  static constexpr std::size_t binned = 6;  // kinds that are added up over time: the first
  struct Name {
    std::string text;
    SliceKind kind;
  };
  struct Rank {
    std::string own;                                     // what its trace says of itself, JSON
    std::array<std::array<float, bins>, binned> busy{};  // ns by bin
    Histogram steps;
    std::int64_t collective_ns = 0;
    std::uint64_t turns = 0;  // since the last step
  };
  struct Open {  // an asynchronous span that began
    std::string name;
    std::int64_t ns;
  };

  Result<void> read(const std::filesystem::path& file, std::int64_t shift_ns);
  Result<void> add(const EventLine& event, int rank);
  Result<void> slice(const EventLine& event, int rank);
  Result<void> async(const EventLine& event, int rank);
  Result<void> put(ReportLanes::Track track,
                   std::uint32_t name,
                   std::int64_t begin_ns,
                   std::int64_t end_ns,
                   const EventLine& event,
                   std::uint64_t value);
  void counter(const EventLine& event, int rank);
  void batch(const EventLine& event, Rank& rank, int number);
  std::uint32_t name(std::string_view text, SliceKind kind);
  void fill(std::array<float, bins>& busy, std::int64_t from, std::int64_t to) const;

  SliceSweep::Tag opened(const TrackSlice& slice,
                         std::size_t depth,
                         const SliceSweep::Tag* parent) override;
  void spent(const TrackSlice& slice,
             SliceSweep::Tag tag,
             std::int64_t from,
             std::int64_t to) override;
  void closed(const TrackSlice& slice, std::int64_t self_ns, SliceSweep::Tag tag) override;

  // Times in the page are since the begin of the run: those since 1970 have no room in a double.
  std::int64_t since(std::int64_t ns) const {
    std::int64_t passed = 0;
    return __builtin_sub_overflow(ns, begin_ns_, &passed) ? INT64_MAX : passed;
  }
  nlohmann::ordered_json rank_json(int number, const Rank& rank);
  nlohmann::ordered_json requests_json();
  nlohmann::ordered_json collectives_json();
  nlohmann::ordered_json flame_json() const;
  nlohmann::ordered_json counters_json() const;
  nlohmann::ordered_json tracks_json() const;

  std::int64_t begin_ns_ = INT64_MAX, end_ns_ = INT64_MIN;
  std::vector<std::string> files_, notes_;
  RankNumbers numbers_;
  bool own_ = false;  // the file that is read is of ours
  std::uint64_t events_ = 0;

  std::vector<Name> names_;
  std::unordered_map<std::string, std::uint32_t> name_ids_;
  std::vector<std::string> request_names_{""};
  std::unordered_map<std::string, std::uint32_t> request_ids_;
  std::map<int, Rank> ranks_;
  ReportLanes lanes_;
  std::map<std::string, std::vector<Open>> begun_;
  std::vector<std::int64_t> rows_;  // of asynchronous spans: when each row is free
  ReportLanes::Track rows_of_ = UINT32_MAX;

  SpilledSort<TrackSlice, TrackSliceBefore> sorted_;
  SliceColumns columns_;
  FlameGraph flame_;
  std::vector<bool> in_step_;  // of each node of the flame graph
  CounterSeries counters_;
  HandOffs hand_offs_;
  StageCollectives match_;
  CollectiveTotals collectives_;
  RequestPaths paths_;
  CriticalPaths critical_;
  TimeTables tables_{{.by_rank = true}};
};

}  // namespace limelight::profiling

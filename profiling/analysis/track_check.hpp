// Checks what concerns several events of a trace: that slices of a thread nest, that begins have
// ends, and that arrows lead from one slice to a later one. Events may come in any order.
//
// Memory: bounded but for the begins that have no end yet; see spilled_sort.hpp. One thread uses an
// object.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <map>
#include <utility>
#include <vector>

#include "profiling/analysis/any_event.hpp"
#include "profiling/analysis/reader_findings.hpp"
#include "profiling/analysis/spilled_sort.hpp"

namespace limelight::profiling {

class TrackCheck {
 public:
  // Errors: io.
  Result<void> add(const AnyEvent& event, std::size_t line);
  // Errors: io.
  Result<void> finish(ReaderFindings& findings);
  std::uint64_t slices() const noexcept { return slices_; }

 private:
  enum Kind : std::uint32_t { slice, pair, flow, flow_to_next };
  struct Mark {  // on a track
    std::int64_t begin_ns, end_ns;
    std::uint32_t track, kind;
    std::uint64_t line;
  };
  // Slices come before the arrows that begin with them, and parents before their children.
  struct MarkBefore {
    bool operator()(const Mark& a, const Mark& b) const {
      if (a.track != b.track) return a.track < b.track;
      if (a.begin_ns != b.begin_ns) return a.begin_ns < b.begin_ns;
      if ((a.kind >= flow) != (b.kind >= flow)) return a.kind < flow;
      return a.end_ns > b.end_ns;
    }
  };
  struct Flow {  // of an arrow
    std::uint64_t key, line;
    std::int64_t ns;
    std::uint64_t kind;  // 0: start, 1: step, 2: end
  };
  struct FlowBefore {
    bool operator()(const Flow& a, const Flow& b) const {
      if (a.key != b.key) return a.key < b.key;
      return a.ns != b.ns ? a.ns < b.ns : a.kind < b.kind;
    }
  };
  class Track;

  std::uint32_t track_of(const AnyEvent& event);
  Result<void> flow_event(const AnyEvent& event, std::size_t line);

  std::map<std::pair<std::int64_t, std::int64_t>, std::uint32_t> tracks_;
  std::map<std::uint32_t, std::vector<std::pair<std::int64_t, std::uint64_t>>> begun_;  // ns, line
  static constexpr std::size_t most_bytes = std::size_t{8} << 20;  // of each of the two
  SpilledSort<Mark, MarkBefore> marks_{most_bytes};
  SpilledSort<Flow, FlowBefore> flows_{most_bytes};
  std::uint64_t slices_ = 0;
  std::uint64_t ends_alone_ = 0, backwards_ = 0;
  std::size_t end_alone_line_ = 0, backwards_line_ = 0;
};

}  // namespace limelight::profiling

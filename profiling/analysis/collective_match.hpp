// Finds the parts of one collective in the traces of several ranks, and who came last.
//
// Parts belong together if they have the same group, name and number: the n-th of the group in each
// rank's trace, or the `Seq` that NCCL's kernels carry. A collective ends for all when the last
// rank has come, so the others waited for that one.
//
// Memory: the collectives whose parts are not complete, up to a limit. One thread uses an object.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "profiling/analysis/trace_event.hpp"

namespace limelight::profiling {

class CollectiveMatch {
 public:
  struct Part {
    int rank;
    std::int64_t pid, tid, begin_ns, end_ns;
  };
  // parts: at least two, by their begins: the last one is that of the rank that came last.
  using OnMatch = std::function<void(const std::string& name, const std::vector<Part>& parts)>;

  // most_open: of those that are not complete, the first is given up when there are more.
  explicit CollectiveMatch(OnMatch on_match, std::size_t most_open = std::size_t{1} << 16)
      : on_match_(std::move(on_match)), most_open_(most_open) {}

  // Takes any event; those that are no collectives are passed over. stage: of the rank, which is
  // the group where an event names none; size: how many ranks of it there are.
  void add(const EventLine& event, int rank, const std::string& stage, std::size_t size);
  void finish();

 private:
  struct Open {
    std::string name;
    std::size_t size;
    std::vector<Part> parts;
  };
  void complete(const std::string& key);

  OnMatch on_match_;
  std::size_t most_open_;
  std::map<std::string, std::uint64_t> counts_;  // by rank and group
  std::map<std::string, Open> open_;
  std::deque<std::string> order_;
};

}  // namespace limelight::profiling

// Leaves out the steps of the other phase: what their thread recorded in them, and what devices did
// for them. It is told the records of each thread in their order. One thread uses an object.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string_view>

#include "profiling/record/record.hpp"
#include "profiling/record/step_phase.hpp"

namespace limelight::profiling {

class PhaseFilter {
 public:
  // phase: "prefill" or "decode"; empty: all steps are chosen.
  explicit PhaseFilter(std::string_view phase)
      : active_(!phase.empty()),
        wanted_(phase == "prefill" ? StepPhase::prefill : StepPhase::decode) {}
  bool active() const noexcept { return active_; }

  // The thread says which phase its next step is in.
  void announce(int thread_id, const Record& record) {
    const auto phase = static_cast<StepPhase>(record.value);
    end(thread_id, record.begin);
    if (phase == StepPhase::none || phase == wanted_) return;
    out_[thread_id] = record.begin;
  }
  // Whether the record is chosen. step: it is that of a step, which ends the phase.
  bool chosen(int thread_id, const Record& record, bool step) {
    const auto at = out_.find(thread_id);
    if (at == out_.end() || record.begin < at->second) return true;
    if (step) end(thread_id, record.end);
    return false;
  }
  // Whether work is chosen that was launched then, in ticks().
  bool launch_chosen(std::uint64_t ticks) const {
    if (!active_) return true;
    for (const auto& [thread, from] : out_)
      if (ticks >= from) return false;
    const auto last = std::lower_bound(over_.begin(), over_.end(), ticks,
                                       [](const Interval& a, std::uint64_t t) { return a.to < t; });
    return std::none_of(last, over_.end(), [&](const Interval& a) { return a.from <= ticks; });
  }

 private:
  static constexpr std::size_t most_over = 4096;  // devices report their work soon
  struct Interval {
    std::uint64_t from, to;
  };
  void end(int thread_id, std::uint64_t at) {
    const auto out = out_.find(thread_id);
    if (out == out_.end()) return;
    over_.push_back({out->second, at});
    if (over_.size() > most_over) over_.pop_front();
    out_.erase(out);
  }

  bool active_;
  StepPhase wanted_;
  std::map<int, std::uint64_t> out_;  // since when a thread is in a step that is not chosen
  std::deque<Interval> over_;         // such steps that are over, by their end
};

}  // namespace limelight::profiling

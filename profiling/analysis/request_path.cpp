#include "profiling/analysis/request_path.hpp"

#include <algorithm>

#include "profiling/analysis/json_members.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

namespace {

// The sum of what sorted intervals cover of [0, to): the intervals must not overlap.
class Covered {
 public:
  explicit Covered(std::vector<Interval> intervals) : intervals_(std::move(intervals)) {
    std::sort(intervals_.begin(), intervals_.end());
    std::int64_t sum = 0, end = INT64_MIN;
    for (Interval& interval : intervals_) {
      interval.first = std::max(interval.first, end);
      interval.second = std::max(interval.first, interval.second);
      end = interval.second;
      before_.push_back(sum);
      sum += interval.second - interval.first;
    }
  }
  std::int64_t up_to(std::int64_t to) const {
    const auto next =
        std::upper_bound(intervals_.begin(), intervals_.end(), Interval(to, INT64_MAX));
    if (next == intervals_.begin()) return 0;
    const auto at = static_cast<std::size_t>(next - intervals_.begin() - 1);
    return before_[at] + std::min(to, intervals_[at].second) - intervals_[at].first;
  }

 private:
  std::vector<Interval> intervals_;
  std::vector<std::int64_t> before_;  // the sum of those before each
};

}  // namespace

void Intervals::add(Interval interval) {
  if (!intervals_.empty() && interval.first >= intervals_.back().first &&
      interval.first - gap_ <= intervals_.back().second) {
    intervals_.back().second = std::max(intervals_.back().second, interval.second);
    return;
  }
  intervals_.push_back(interval);
  while (intervals_.size() > most) {
    intervals_ = join(std::move(intervals_), gap_);
    if (intervals_.size() > most / 2) gap_ = std::max<std::int64_t>(gap_ * 2, 1000);
  }
}
std::vector<Interval> Intervals::joined() const { return join(intervals_, gap_); }

std::vector<Interval> Intervals::join(std::vector<Interval> intervals, std::int64_t gap) {
  std::sort(intervals.begin(), intervals.end());
  std::vector<Interval> made;
  for (const Interval& interval : intervals) {
    if (!made.empty() && interval.first - gap <= made.back().second)
      made.back().second = std::max(made.back().second, interval.second);
    else made.push_back(interval);
  }
  return made;
}

std::int64_t StagePath::idle_ns() const {
  return std::max<std::int64_t>(last_step_ns - first_step_ns - compute_ns - beside_ns -
                                    transfer_ns - collective_ns - others_ns,
                                0);
}

std::uint64_t RequestPath::count() const {
  std::uint64_t most = 1;
  for (const StagePath& stage : stages) most = std::max(most, stage.submissions);
  return most;
}

void RequestPaths::Collected::step(Interval interval) {
  if (path.steps++ == 0 || interval.first < path.first_step_ns) path.first_step_ns = interval.first;
  path.last_step_ns = std::max(path.last_step_ns, interval.second);
  in_steps_ns += interval.second - interval.first;
  worked.add(interval);
}

void RequestPaths::add(const EventLine& event, int rank) {
  if (event.phase != 'X') return;
  const bool is_step = event.name.starts_with(event_names::step_prefix);
  if (is_step) steps_[rank].emplace_back(event.begin_ns, event.end_ns());
  if (event.args.empty()) return;
  const auto request = event.arg("request");
  if (!request) return;
  const std::string name = unescaped(*request);
  Collected& collected = requests_[name][rank];
  StagePath& path = collected.path;
  path.rank = rank;
  if (event.name == event_names::actor_submit || event.name == event_names::orchestrator_submit) {
    if (path.submissions++ == 0 || event.begin_ns < path.submitted_ns)
      path.submitted_ns = event.begin_ns;
    return;
  }
  if (event.name == event_names::orchestrator_admit ||
      event.name == event_names::orchestrator_finish) {
    path.orchestrator = true;
    path.steps = 1;
    if (event.name == event_names::orchestrator_admit) path.first_step_ns = event.begin_ns;
    path.last_step_ns = std::max(path.last_step_ns, event.end_ns());
    return;
  }
  if (is_step) {
    collected.step({event.begin_ns, event.end_ns()});
    path.compute_ns += event.duration_ns;
    return;
  }
  if (event.name == event_names::turn) {  // recorded at the end of its step
    const auto us = [&event](std::string_view key) {
      return static_cast<std::int64_t>(1000 * event.number_arg(key).value_or(0));
    };
    const std::int64_t step = us("step us"), share = std::min(us("share us"), step);
    collected.step({event.begin_ns - step, event.begin_ns});
    path.last_step_ns = std::max(path.last_step_ns, event.end_ns());
    path.compute_ns += share;
    path.beside_ns += step - share;
    return;
  }
  if (event.category != "cpu_op") return;
  const bool transfer = event.name == event_names::ipc_publish ||
                        event.name == event_names::ipc_loan ||
                        event.name == event_names::wait_for_room,
             collective = event.name.starts_with(event_names::all_reduce);
  if (transfer) path.transfer_ns += event.duration_ns;
  if (collective) path.collective_ns += event.duration_ns;
  if (transfer || collective) path.compute_ns -= event.duration_ns;
  collected.operations[event.plain_name()] += event.duration_ns;
}

std::vector<RequestPath> RequestPaths::finish() const {
  std::map<int, Covered> steps;
  for (const auto& [rank, intervals] : steps_) steps.emplace(rank, Covered(intervals));
  std::vector<RequestPath> paths;
  for (const auto& [request, ranks] : requests_) {
    RequestPath path{request, {}};
    for (const auto& [rank, collected] : ranks) {
      StagePath stage = collected.path;
      stage.worked = collected.worked.joined();
      if (const auto all = steps.find(rank); all != steps.end() && stage.steps > 0)
        stage.others_ns = std::max<std::int64_t>(all->second.up_to(stage.last_step_ns) -
                                                     all->second.up_to(stage.first_step_ns) -
                                                     collected.in_steps_ns,
                                                 0);
      stage.operations.assign(collected.operations.begin(), collected.operations.end());
      std::stable_sort(stage.operations.begin(), stage.operations.end(),
                       [](const auto& a, const auto& b) { return a.second > b.second; });
      path.stages.push_back(std::move(stage));
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace limelight::profiling

#include "actors/orchestrator/replica_life.hpp"

#include <algorithm>

namespace limelight::actors {

ReplicaLife::ReplicaLife(const stages::Replica& replica, const stages::Supervision& limits)
    : replica_(replica), limits_(limits) {}

bool ReplicaLife::joined(int rank, int incarnation) {
  if (phase_ != Phase::starting || incarnation != incarnation_) return false;
  joined_.insert(rank);
  if (joined_.size() < static_cast<std::size_t>(replica_.ranks)) return false;
  phase_ = Phase::serving;
  next_.reset();
  return true;
}

bool ReplicaLife::failed(Clock::time_point now) {
  if (phase_ != Phase::starting && phase_ != Phase::serving) return false;
  failures_.push_back(now);
  // A replica that fails to start, however slowly, does not get there by waiting.
  if (phase_ == Phase::serving)
    while (now - failures_.front() > limits_.failure_window) failures_.pop_front();
  phase_ = Phase::ending;
  next_ = now + grace;
  return true;
}

void ReplicaLife::gone(int rank, Clock::time_point now) {
  gone_.insert(rank);
  if (phase_ != Phase::ending || gone_.size() < static_cast<std::size_t>(replica_.ranks)) return;
  if (failures_.size() >= static_cast<std::size_t>(limits_.max_failures)) {
    phase_ = Phase::given_up;
    next_.reset();
    return;
  }
  const auto doublings = std::min<std::size_t>(failures_.size() - 1, 20);
  const auto pause =
      std::min(limits_.restart_backoff * (1 << doublings),
               std::max<std::chrono::milliseconds>(most_pause, limits_.restart_backoff));
  phase_ = Phase::pausing;
  next_ = now + pause;
}

ReplicaLife::Deed ReplicaLife::due(Clock::time_point now) {
  if (!next_ || now < *next_) return Deed::nothing;
  if (phase_ == Phase::starting) (void)failed(now);
  if (phase_ == Phase::ending) {
    next_.reset();
    return Deed::kill;
  }
  if (phase_ != Phase::pausing) return Deed::nothing;
  phase_ = Phase::starting;
  next_ = now + start_limit;
  ++incarnation_;
  joined_.clear();
  gone_.clear();
  return Deed::start;
}

}  // namespace limelight::actors

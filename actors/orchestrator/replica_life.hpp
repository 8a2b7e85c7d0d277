// The life of one replica of a stage: when its ranks serve, end, are killed, and are started again.
// It starts and kills nothing itself, so that it can be tested without a process.
//
//             all joined            a rank fails
//   starting ------------> serving ------------> ending --- all are gone ---> pausing
//    ^    \________________________________________^  \                          |
//    |              a rank fails                       \--- too many failures -> given_up
//    +------------------------- the pause is over -------------------------------+
//
// A replica's ranks live and die together: when one fails, the others are told to end, and killed
// after `grace`; so are ranks that have not joined within start_limit. Each start is another
// incarnation. The engine calls it, with its lock held.
//
// A replica that served for longer than it paused before pauses briefly again (restart_backoff);
// the pause of one that did not is twice the one before, up to most_pause. So one that always fails
// soon takes ever less of the machine, and one that fails now and then is there again at once.
#pragma once

#include <chrono>
#include <deque>
#include <limelight/config.hpp>
#include <optional>
#include <set>

namespace limelight::actors {

class ReplicaLife {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Phase { starting, serving, ending, pausing, given_up };
  enum class Deed { nothing, kill, start };
  static constexpr std::chrono::milliseconds grace{500}, most_pause{10'000}, start_limit{60'000};

  ReplicaLife(const stages::Replica& replica, const stages::Supervision& limits);

  // A rank of that incarnation has joined. True: it was the last one, the replica serves now.
  bool joined(int rank, int incarnation, Clock::time_point now);
  // A rank died or is silent. True: it was the first one of this incarnation, so its others are to
  // be told to end, and what the replica worked on has failed.
  bool failed(Clock::time_point now);
  // Its process is no more.
  void gone(int rank, Clock::time_point now);
  // What is due: kill (the ranks that are not gone), start (all of them, as incarnation()).
  Deed due(Clock::time_point now);
  // When due() is to be asked again; nothing: after the next event.
  std::optional<Clock::time_point> next() const { return next_; }
  bool is_gone(int rank) const { return gone_.contains(rank); }

  Phase phase() const { return phase_; }
  const stages::Replica& replica() const { return replica_; }
  int incarnation() const { return incarnation_; }

 private:
  stages::Replica replica_;
  stages::Supervision limits_;
  Phase phase_ = Phase::starting;
  int incarnation_ = 0;
  std::set<int> joined_, gone_;             // of this incarnation
  std::deque<Clock::time_point> failures_;  // within the window, or since it served; oldest first
  std::optional<Clock::time_point> next_;
  Clock::time_point serves_since_{};
  Clock::duration served_{};  // by the incarnation that failed last
  std::chrono::milliseconds pause_{};
};

}  // namespace limelight::actors

#include "actors/orchestrator/heartbeat.hpp"

#include <memory>

namespace limelight::actors {

using Clock = std::chrono::steady_clock;

namespace {
struct Pulse {
  std::vector<Join> ranks;
  std::vector<Clock::time_point> seen;
  std::vector<bool> asked, told;
  Clock::time_point last_beat = Clock::now();
};
}  // namespace

caf::behavior heartbeat(caf::event_based_actor* self,
                        std::vector<Join> ranks,
                        std::chrono::milliseconds timeout,
                        std::function<void(const Join&, std::chrono::milliseconds)> on_silent) {
  const auto pulse = std::make_shared<Pulse>();
  pulse->ranks = std::move(ranks);
  pulse->seen.assign(pulse->ranks.size(), Clock::now());
  pulse->asked.assign(pulse->ranks.size(), false);
  pulse->told = pulse->asked;
  const auto interval = std::max(timeout / 5, std::chrono::milliseconds(10));
  self->send(self, Beat{});
  return {[=](Beat) {
    const auto now = Clock::now();
    if (now - pulse->last_beat > timeout / 2) pulse->seen.assign(pulse->seen.size(), now);
    pulse->last_beat = now;
    for (std::size_t i = 0; i < pulse->ranks.size(); ++i) {
      const auto silent =
          std::chrono::duration_cast<std::chrono::milliseconds>(now - pulse->seen[i]);
      if (silent > timeout && !pulse->told[i]) {
        pulse->told[i] = true;
        on_silent(pulse->ranks[i], silent);
      }
      if (pulse->asked[i]) continue;
      pulse->asked[i] = true;
      const auto answered = [=] {
        pulse->asked[i] = false;
        pulse->seen[i] = Clock::now();
      };
      // An error means that the rank's node is gone: the launcher says so with its cause.
      self->request(pulse->ranks[i].actor, caf::infinite, Ping{})
          .then([=](Pong) { answered(); }, [=](const caf::error&) { answered(); });
    }
    self->delayed_send(self, interval, Beat{});
  }};
}

}  // namespace limelight::actors

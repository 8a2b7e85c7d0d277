#include "actors/orchestrator/heartbeat.hpp"

#include <map>
#include <memory>

namespace limelight::actors {

using Clock = std::chrono::steady_clock;

namespace {
struct Watched {
  Join joined;
  Clock::time_point seen = Clock::now();
  bool asked = false, told = false;
};
struct Watch {
  std::map<int, Watched> ranks;
  Clock::time_point last_beat = Clock::now();
};
}  // namespace

caf::behavior heartbeat(caf::event_based_actor* self,
                        std::vector<Join> ranks,
                        std::chrono::milliseconds timeout,
                        std::function<void(const Join&, std::chrono::milliseconds)> on_silent,
                        std::function<void(const Join&, const Pong&)> on_sign) {
  const auto watch = std::make_shared<Watch>();
  for (Join& joined : ranks) watch->ranks[joined.rank].joined = std::move(joined);
  const auto interval = std::max(timeout / 5, std::chrono::milliseconds(10));
  self->send(self, Beat{});
  return {[=](const Join& joined) { watch->ranks[joined.rank] = {.joined = joined}; },
          [=](Beat) {
            const auto now = Clock::now();
            const bool was_away = now - watch->last_beat > timeout / 2;
            watch->last_beat = now;
            for (auto& [rank, watched] : watch->ranks) {
              if (was_away) watched.seen = now;
              const auto silent =
                  std::chrono::duration_cast<std::chrono::milliseconds>(now - watched.seen);
              if (silent > timeout && !watched.told) {
                watched.told = true;
                on_silent(watched.joined, silent);
              }
              if (watched.asked) continue;
              watched.asked = true;
              const auto answered = [watch, number = rank,
                                     incarnation = watched.joined.incarnation] {
                Watched& who = watch->ranks.at(number);
                if (who.joined.incarnation != incarnation) return;
                who.asked = false;
                who.seen = Clock::now();
              };
              // An error means that the rank's node is gone: the launcher says so with its cause.
              self->request(watched.joined.actor, caf::infinite, Ping{})
                  .then(
                      [=, joined = watched.joined](const Pong& sign) {
                        answered();
                        on_sign(joined, sign);
                      },
                      [=](const caf::error&) { answered(); });
            }
            self->delayed_send(self, interval, Beat{});
          }};
}

}  // namespace limelight::actors

// Signs of life, from ranks that answer, keep silent or end.
#include <boost/test/unit_test.hpp>
#include <future>
#include <map>
#include <mutex>

#include "actors/orchestrator/heartbeat.hpp"

using namespace limelight::actors;
using namespace std::chrono_literals;

namespace {

enum class Life { answers, is_silent };

RankActor::behavior_type rank_like(RankActor::pointer self, Life life) {
  return {
      [](const Submit&) {},
      [](const Cancel&) {},
      [](const EndRank&) {},
      [](const ReplicaAnew&) {},
      [](const SetClock&) {},
      [=](const Ping&) -> caf::result<Pong> {
        if (life == Life::answers) return Pong{.kv_blocks = 8, .used_kv_blocks = 3};
        return self->make_response_promise<Pong>();
      },
      [](const StartTrace&) { return limelight::RankTrace{}; },
      [](const StopTrace&) { return limelight::RankTrace{}; },
      [](const DumpTrace&) { return limelight::RankTrace{}; },
      [](const SetFlight&) { return limelight::RankTrace{}; },
  };
}

struct Config : caf::actor_system_config {
  Config() {
    add_message_types<caf::id_block::limelight>();
    set("scheduler.max-threads", 1u);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(heartbeat_of_ranks)

// On the clock of the system: a rank that answers is never told of, since the silent one is, which
// has as many beats.
BOOST_AUTO_TEST_CASE(the_rank_that_is_silent_is_told_of_once_with_how_long_and_no_other) {
  Config config;
  caf::actor_system system(config);
  std::vector<Join> ranks;
  std::promise<std::pair<int, std::chrono::milliseconds>> told;
  for (const int number : {0, 1, 2, 3}) {
    Join joined;
    joined.rank = number;
    joined.actor = system.spawn(rank_like, number == 1 ? Life::is_silent : Life::answers);
    ranks.push_back(joined);
  }
  caf::anon_send_exit(ranks[3].actor, caf::exit_reason::kill);  // the launcher tells of that
  std::mutex mutex;
  std::map<int, std::uint64_t> signs;  // the blocks in use, by rank
  const auto beating = system.spawn(
      heartbeat, ranks, 200ms,
      [&](const Join& rank, auto silent) {
        told.set_value({rank.rank, silent});  // throws, were it set twice
      },
      [&](const Join& rank, const Pong& sign) {
        const std::lock_guard lock(mutex);
        signs[rank.rank] = sign.used_kv_blocks;
      });
  const auto [who, silent] = told.get_future().get();
  BOOST_TEST(who == 1);
  BOOST_TEST((silent > 200ms));
  {
    const std::lock_guard lock(mutex);
    BOOST_TEST((signs == std::map<int, std::uint64_t>{{0, 3}, {2, 3}}));
  }
  caf::anon_send_exit(beating, caf::exit_reason::kill);
  for (const Join& rank : ranks) caf::anon_send_exit(rank.actor, caf::exit_reason::kill);
}

BOOST_AUTO_TEST_SUITE_END()

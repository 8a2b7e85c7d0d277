// The channels of a pipeline whose talker has two replicas, over a real broker: all ends in one
// process.
#pragma once

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <limelight/config.hpp>
#include <string>
#include <thread>

#include "actors/pipeline/pools.hpp"
#include "actors/rank/rank_channels.hpp"
#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

inline stages::PipelineConfig two_talkers() {
  const Folder folder;
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  const std::string talker = "  - stage_id: 1\n";
  text.insert(text.find(talker) + talker.size(), "    num_replicas: 2\n");
  auto config = stages::parse(write_file(folder.path / "two.yaml", text));
  BOOST_REQUIRE(config.ok());
  return *config;
}

struct Ends {
  explicit Ends(const stages::PipelineConfig& config)
      : run(std::to_string(getpid())),
        thinker(actors::RankChannels::open(config, config.replicas()[0], run)),
        first(actors::RankChannels::open(config, config.replicas()[1], run)),
        second(actors::RankChannels::open(config, config.replicas()[2], run)),
        user(actors::topic_to_user(run, {0, 0}), actors::user_window) {}
  bool connect() const {
    using namespace std::chrono_literals;
    for (int i = 0; i < 10'000; ++i) {
      if (thinker.connected({}) && first.connected({{2, 0}}) && second.connected({{2, 0}}))
        return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  std::string run;
  actors::RankChannels thinker, first, second;
  ipc::Subscriber user;
};

// Runs body(ends) in a process that is attached to a broker of its own. Returns what it returns.
template <class Body>
int with_ends(Body body) {
  const stages::PipelineConfig config = two_talkers();
  auto broker = ipc::Broker::use(BROKER_HELPER, actors::pools_for(config));
  if (!broker) BOOST_FAIL(broker.error().message);
  return exit_code(in_process([&] {
    using namespace std::chrono_literals;
    if (!ipc::attach("limelight-test-ends-" + std::to_string(getpid()), 5s)) return 101;
    Ends ends(config);
    return ends.connect() ? body(config, ends) : 102;
  }));
}

}  // namespace limelight::tests

// Collectives of ranks of one machine.
#include <boost/test/unit_test.hpp>
#include <vector>

#include "ipc/shared_group.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(all_reduce_gives_every_rank_the_same_sum) {
  constexpr int ranks = 3;
  const std::string group = "limelight-test-group-" + std::to_string(getpid());
  std::vector<pid_t> members;
  for (int rank = 0; rank < ranks; ++rank)
    members.push_back(in_process([&] {
      auto joined = SharedGroup::join(group, rank, ranks, 1024, 5s);
      if (!joined) return 1;
      for (int round = 0; round < 50; ++round) {
        std::vector<float> values(1000);  // more than the capacity: goes in pieces
        for (std::size_t i = 0; i < values.size(); ++i)
          values[i] = static_cast<float>(rank) + 0.1f * static_cast<float>(i);
        if (!joined->all_reduce_sum(values)) return 2;
        for (std::size_t i = 0; i < values.size(); ++i) {
          const float x = 0.1f * static_cast<float>(i);
          if (values[i] != (x + (1.f + x)) + (2.f + x)) return 3;
        }
        int word = rank == 0 ? round : -1;
        if (!joined->broadcast(std::as_writable_bytes(std::span(&word, 1)), 5s) || word != round)
          return 4;
      }
      return 0;
    }));
  for (const pid_t member : members) BOOST_TEST(exit_code(member) == 0);
  BOOST_TEST(access(("/dev/shm/" + group).c_str(), F_OK) != 0);
}

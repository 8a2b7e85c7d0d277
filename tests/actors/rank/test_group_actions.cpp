// Lists of actions from the first rank of a group to the others, in processes of their own.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "actors/rank/group_actions.hpp"
#include "tests/support.hpp"

using namespace limelight::actors;
using namespace limelight::tests;
using limelight::ipc::SharedGroup;
using namespace std::chrono_literals;

namespace {
// More than one message holds.
std::vector<Action> many() {
  std::vector<Action> actions;
  for (std::uint32_t i = 0; i < 130; ++i)
    actions.push_back({Action::Kind::turn, i, std::uint64_t{1} << 40 | i});
  return actions;
}
const std::vector<Action> one{{Action::Kind::begin, 0, 7}};
}  // namespace

BOOST_AUTO_TEST_CASE(every_rank_of_a_group_hears_the_same_actions_in_the_same_lists) {
  const std::string name = "limelight-test-actions-" + std::to_string(getpid());
  std::vector<pid_t> ranks;
  for (int rank = 0; rank < 3; ++rank)
    ranks.push_back(in_process([&] {
      auto group = SharedGroup::join(name, rank, 3, 4096, 5s);
      if (!group) return 1;
      if (rank == 0)
        return send_actions(*group, many()) && send_actions(*group, {}) && send_actions(*group, one)
                   ? 0
                   : 2;
      std::vector<Action> heard{{Action::Kind::end_rank, 9, 9}};  // of before
      if (!receive_actions(*group, heard) || heard != many()) return 3;
      return receive_actions(*group, heard) && heard == one ? 0 : 4;
    }));
  for (const pid_t rank : ranks) BOOST_TEST(exit_code(rank) == 0);
}

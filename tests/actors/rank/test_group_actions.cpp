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
const std::vector<Action> two{{Action::Kind::consume, 0, 7}, {Action::Kind::consume, 0, 8}};
std::vector<ToldChunk> chunks() {
  return {{.input = 1, .last = true, .tensor = {}, .data = {}},
          {.input = 2,
           .last = false,
           .tensor = limelight::ipc::TensorSpec::of(limelight::ipc::DType::int32, {1250}),
           .data = std::vector<std::byte>(5000, std::byte{9})}};  // more than one piece
}
}  // namespace

BOOST_AUTO_TEST_CASE(every_rank_of_a_group_hears_the_same_actions_in_the_same_lists) {
  const std::string name = "limelight-test-actions-" + std::to_string(getpid());
  std::vector<pid_t> ranks;
  for (int rank = 0; rank < 3; ++rank)
    ranks.push_back(in_process([&] {
      auto group = SharedGroup::join(name, rank, 3, 4096, 5s);
      if (!group) return 1;
      if (rank == 0)
        return send_actions(*group, many()) && send_actions(*group, {}) &&
                       send_actions(*group, one) && send_actions(*group, two, chunks())
                   ? 0
                   : 2;
      std::vector<Action> heard{{Action::Kind::end_rank, 9, 9}};  // of before
      std::vector<ToldChunk> told;
      if (!receive_actions(*group, heard, told) || heard != many()) return 3;
      if (!receive_actions(*group, heard, told) || heard != one || !told.empty()) return 4;
      if (!receive_actions(*group, heard, told) || heard != two || told.size() != 2) return 5;
      return told[0].input == 1 && told[0].last && told[0].data.empty() && !told[1].last &&
                     told[1].tensor.text() == chunks()[1].tensor.text() &&
                     told[1].data == chunks()[1].data
                 ? 0
                 : 6;
    }));
  for (const pid_t rank : ranks) BOOST_TEST(exit_code(rank) == 0);
}

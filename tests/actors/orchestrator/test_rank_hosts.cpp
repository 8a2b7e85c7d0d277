// What a pipeline with nodes is refused for before anything is started.
#include <boost/test/unit_test.hpp>

#include "actors/orchestrator/rank_hosts.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(rank_hosts)

namespace {

stages::PipelineConfig placed() {
  stages::PipelineConfig config;
  config.stages.resize(1);
  config.nodes = {{"b", "127.0.0.1:1"}};
  config.placement = {{0, {"b"}}};
  return config;
}

Error refusal(const stages::PipelineConfig& config,
              const RankProgram& program,
              const std::filesystem::path& token) {
  RankHosts hosts("/nonexistent", [](const RankDeath&) {});
  const auto started =
      hosts.start(program, config, {.system = nullptr, .orchestrator = {}, .token_file = token});
  BOOST_REQUIRE(!started.ok());
  return started.error();
}

}  // namespace

BOOST_AUTO_TEST_CASE(nodes_need_a_token_a_rank_that_they_have_and_a_config) {
  const Folder folder;
  const auto token = write_file(folder.path / "token", "0123456789abcdef");
  std::filesystem::permissions(token, std::filesystem::perms::owner_read);
  RankProgram program;
  program.config = folder.path / "none.yaml";

  const Error no_token = refusal(placed(), program, "");
  BOOST_TEST((no_token.code == ErrorCode::invalid_argument));
  BOOST_TEST(no_token.message.starts_with("stages are placed on node b"), no_token.message);

  auto config = placed();
  config.rank_executable = "/own/rank";
  const Error own_rank = refusal(config, program, token);
  BOOST_TEST(own_rank.message.starts_with("rank_executable: found /own/rank"), own_rank.message);

  const Error no_config = refusal(placed(), program, token);
  BOOST_TEST((no_config.code == ErrorCode::io));
  BOOST_TEST(no_config.message.starts_with(program.config.string()), no_config.message);
}

BOOST_AUTO_TEST_SUITE_END()

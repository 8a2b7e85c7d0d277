// The stages that a request needs, by what is wanted of it.
#include <boost/test/unit_test.hpp>

#include "actors/pipeline/routes.hpp"

using namespace limelight::actors;
using limelight::stages::PipelineConfig;
using limelight::stages::StageConfig;
using Bools = std::vector<bool>;

namespace {

StageConfig stage(int id, const std::string& to_user = "") {
  StageConfig s;
  s.stage_id = id;
  s.final_output_type = to_user;
  s.user_output = to_user.empty() ? -1 : 0;
  return s;
}

//       +-> 2 --+
//   1 --+       +-> 4 (audio)
//   |   +-> 3 --+
//   (text)              9: reads 3 and has nothing for the user
PipelineConfig diamond() {
  PipelineConfig config;
  config.stages = {stage(1, "text"), stage(2), stage(3), stage(9), stage(4, "audio")};
  for (const auto& [from, to] : {std::pair(1, 2), {1, 3}, {2, 4}, {3, 4}, {3, 9}})
    config.edges.push_back({.from = from, .to = to});
  return config;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(routes)

BOOST_AUTO_TEST_CASE(without_a_wish_every_stage_takes_part) {
  const auto needs = needs_of(diamond(), {});
  BOOST_TEST((needs->stages == Bools{true, true, true, true, true}));
  BOOST_TEST((needs->to_user == Bools{true, false, false, false, true}));
}

BOOST_AUTO_TEST_CASE(a_text_runs_no_stage_of_the_sound) {
  const auto needs = needs_of(diamond(), {"text"});
  BOOST_TEST((needs->stages == Bools{true, false, false, false, false}));
  BOOST_TEST((needs->to_user == Bools{true, false, false, false, false}));
}

BOOST_AUTO_TEST_CASE(a_sound_needs_all_that_lead_to_it_and_no_text_is_sent) {
  const auto needs = needs_of(diamond(), {"audio"});
  BOOST_TEST((needs->stages == Bools{true, true, true, false, true}));
  BOOST_TEST((needs->to_user == Bools{false, false, false, false, true}));
}

BOOST_AUTO_TEST_CASE(both_may_be_wanted_in_any_order_and_twice) {
  const auto needs = needs_of(diamond(), {"audio", "text", "audio"});
  BOOST_TEST((needs->stages == Bools{true, true, true, false, true}));
  BOOST_TEST((needs->to_user == Bools{true, false, false, false, true}));
}

BOOST_AUTO_TEST_CASE(an_output_that_no_stage_has_is_refused) {
  const auto needs = needs_of(diamond(), {"text", "video"});
  BOOST_REQUIRE(!needs.ok());
  BOOST_TEST(needs.error().message ==
             "modalities: found 'video', expected what the pipeline has: audio, text");
}

BOOST_AUTO_TEST_CASE(requests_enter_where_no_edge_ends) {
  BOOST_TEST(is_entry(diamond(), 1));
  for (const int other : {2, 3, 4, 9}) BOOST_TEST(!is_entry(diamond(), other));
}

BOOST_AUTO_TEST_SUITE_END()

// What a program says of its own stage types; tests/test_plugins.cpp has those of libraries.
#include <boost/test/unit_test.hpp>

#include "stages/plugin_description.hpp"
#include "stages/plugin_library.hpp"
#include "stages/plugin_stage.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

PluginType type_named(std::string name) {
  return {.name = std::move(name),
          .options = {"width"},
          .ports = [](const PluginConfig& config) -> Result<PluginPorts> {
            return PluginPorts{
                .inputs = {{"in", "rows"}},
                .outputs = {{"out", "rows", std::stoull(config.option("width", "16"))}}};
          },
          .make = [](const PluginConfig&) -> Result<std::unique_ptr<Stage>> {
            return std::unique_ptr<Stage>();
          }};
}
std::string refusal(const PluginStage& stage) {
  const auto description = describe(stage);
  return description ? "" : description.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plugin_description)

BOOST_AUTO_TEST_CASE(the_only_type_needs_no_name) {
  host_types({type_named("rows")});
  const auto description = describe({});
  BOOST_REQUIRE(description.ok());
  BOOST_TEST(description->name == "rows");
  BOOST_TEST(refusal({.name = "row"}) == "'model_stage': found 'row', expected rows");
  host_types({type_named("rows"), type_named("columns")});
  BOOST_TEST(refusal({}) == "'model_stage': found no such key, expected one of rows, columns");
  BOOST_TEST(describe({.name = "columns"})->name == "columns");
}

BOOST_AUTO_TEST_CASE(options_decide_the_ports_and_their_sizes) {
  host_types({type_named("rows")});
  PluginStage stage{.config = {.options = {{"width", "64"}}}};
  auto description = describe(stage);
  BOOST_REQUIRE(description.ok());
  const StageType type = stage_type_of(stage, std::move(description).value());
  BOOST_TEST(type.inputs.at(0).carries == "rows");
  BOOST_TEST(type.largest_output({}, 0) == 64u);
  BOOST_TEST(type.weight_bytes({}) == 0u);
  stage.config.options["width"] = "many";
  BOOST_TEST(refusal(stage).starts_with("stage type 'rows': its ports cannot be told"));
  stage.config.options["width"] = "4294967295";
  BOOST_TEST(refusal(stage).find("found tensors of 4294967295 bytes") != std::string::npos);
  stage.config.options["height"] = "1";
  BOOST_TEST(refusal(stage) ==
             "'height': found an option that a rows does not have, expected one of width");
}

BOOST_AUTO_TEST_CASE(types_of_a_program_have_names_that_can_be_told_apart) {
  host_types({type_named("a b")});
  BOOST_TEST(refusal({}).find("a stage named 'a b'") != std::string::npos);
  host_types({type_named("rows"), type_named("rows")});
  BOOST_TEST(refusal({}).find("two stages named 'rows'") != std::string::npos);
  PluginType empty = type_named("rows");
  empty.make = {};
  host_types({empty});
  BOOST_TEST(refusal({}).find("has no function make") != std::string::npos);
  host_types({});
  BOOST_TEST(refusal({}).starts_with("'library': found no such key"));
}

// Where this fails, a library and its host no longer share what they did: raise
// LIMELIGHT_PLUGIN_ABI, then the sizes.
BOOST_AUTO_TEST_CASE(the_number_of_the_interface_changes_with_what_crosses_it) {
  const std::vector<std::size_t> sizes{
      sizeof(Request),      sizeof(SamplingParams), sizeof(Turn),       sizeof(AnswerInfo),
      sizeof(PluginConfig), sizeof(PluginType),     sizeof(OutputPort), sizeof(ipc::TensorSpec),
      sizeof(Error),        sizeof(Message),        sizeof(ContentPart)};
  const std::vector<std::size_t> of_interface_6{408, 280, 72, 120, 112, 120, 80, 24, 40, 128, 104};
  BOOST_TEST(LIMELIGHT_PLUGIN_ABI == 6);
  BOOST_TEST(sizes == of_interface_6, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

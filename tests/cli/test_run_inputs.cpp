// The prompts and the stages that `limelight run` is given.
#include <boost/test/unit_test.hpp>

#include "cli/run_inputs.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::ErrorCode;
using limelight::cli::read_prompts;
using limelight::cli::read_stages;

namespace {
struct Prompts {
  Folder folder;
  std::filesystem::path path = folder.path / "prompts.jsonl";
  explicit Prompts(const std::string& text) { write_file(path, text); }
  std::string refused() const {
    const auto prompts = read_prompts(path);
    BOOST_REQUIRE(!prompts.ok());
    BOOST_TEST((prompts.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(prompts.error().message.starts_with(path.string() + ":"), prompts.error().message);
    return prompts.error().message.substr(path.string().size() + 1);
  }
};
}  // namespace

BOOST_AUTO_TEST_SUITE(run_inputs)

BOOST_AUTO_TEST_CASE(prompts_are_read_in_order_and_empty_lines_are_skipped) {
  const Prompts file("{\"prompt\": \"one\"}\n\n  \t\r\n{\"other\": 1, \"prompt\": \"t\\u00e4o\"}");
  const auto prompts = read_prompts(file.path);
  if (!prompts) BOOST_FAIL(prompts.error().message);
  BOOST_TEST(*prompts == (std::vector<std::string>{"one", "täo"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_line_at_fault_is_named) {
  for (const char* line : {"plain text", "[1]", "{\"prompt\": \"half", "\"prompt\""})
    BOOST_TEST(Prompts("{\"prompt\": \"one\"}\n\n" + std::string(line)).refused() ==
               "3: found no JSON object, expected {\"prompt\": \"...\"}");
  for (const char* line : {"{}", "{\"prompt\": 5}", "{\"Prompt\": \"one\"}"})
    BOOST_TEST(Prompts(line).refused() == "1: key 'prompt': found no text, expected a string");
  BOOST_TEST(Prompts("\n\n").refused().find("found no prompt") != std::string::npos);
  const auto missing = read_prompts("/no/such.jsonl");
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST((missing.error().code == ErrorCode::not_found));
  BOOST_TEST(missing.error().message.starts_with("/no/such.jsonl: "));
}

BOOST_AUTO_TEST_CASE(stages_are_all_or_a_list_of_ids) {
  BOOST_TEST(read_stages("all")->empty());
  BOOST_TEST(read_stages("")->empty());
  BOOST_TEST(*read_stages("0,2,10") == (std::vector<int>{0, 2, 10}),
             boost::test_tools::per_element());
  for (const char* wrong :
       {"one", "0,", ",0", "0,,2", "-1", "1.5", "0 2", "99999999999", "all,0"}) {
    const auto stages = read_stages(wrong);
    BOOST_REQUIRE_MESSAGE(!stages.ok(), wrong);
    BOOST_TEST((stages.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(stages.error().message == "--profile: found '" + std::string(wrong) +
                                             "', expected 'all' or stage ids such as 0,2");
  }
}

BOOST_AUTO_TEST_SUITE_END()

// A file of flags: what counts, and what is refused.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "cli/config_file.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
using namespace limelight::tests;

namespace {

struct Command {
  int port = 1;
  std::string name;
  std::vector<std::string> keys;
  bool loud = false;
  std::string certificate, key;
  Folder folder;

  // Of the file's text, with these arguments; "" where all is well.
  std::string apply(const std::string& text, const std::string& arguments = "") {
    CLI::App app;
    CLI::App* serve = app.add_subcommand("serve");
    serve->add_option("--port", port)->check(CLI::Range(0, 65535))->envname("TEST_PORT");
    serve->add_option("--model-name", name);
    serve->add_option("--api-key", keys)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    serve->add_flag("--loud", loud);
    serve->add_flag("--check");
    auto* first = serve->add_option("--certificate", certificate);
    auto* second = serve->add_option("--key", key);
    first->needs(second);
    app.parse("serve " + arguments);
    const auto done = apply_config_file(*serve, write_file(folder.path / "f", text), {"check"});
    if (done) return "";
    const std::string message = done.error().message, before = (folder.path / "f").string() + ":";
    BOOST_TEST(message.starts_with(before), message);
    return message.substr(before.size());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(config_file, Command)

BOOST_AUTO_TEST_CASE(it_says_what_nobody_else_says) {
  BOOST_TEST(apply("# nothing\n") == "");
  BOOST_TEST(apply("port: 80\nmodel_name: m\napi-key: [a, b]\nloud: true\n") == "");
  BOOST_TEST(port == 80);
  BOOST_TEST(name == "m");
  BOOST_TEST((keys == std::vector<std::string>{"a", "b"}));
  BOOST_TEST(loud);
}

BOOST_AUTO_TEST_CASE(flags_come_before_the_environment_and_that_before_the_file) {
  BOOST_TEST(apply("port: 80\nmodel-name: m\n", "--model-name n") == "");
  BOOST_TEST(port == 80);
  BOOST_TEST(name == "n");
  ::setenv("TEST_PORT", "90", 1);
  BOOST_TEST(apply("port: 80\n") == "");
  BOOST_TEST(port == 90);
  BOOST_TEST(apply("port: 80\n", "--port 100") == "");
  BOOST_TEST(port == 100);
  ::unsetenv("TEST_PORT");
  BOOST_TEST(apply("loud: false\n", "--loud") == "");
  BOOST_TEST(loud);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named_with_its_line) {
  BOOST_TEST(apply("port: 80\nprot: 81\n") ==
             "2: key 'prot': found an unknown key, expected a flag of `limelight serve`, such as "
             "port");
  BOOST_TEST(apply("check: true\n").starts_with("1: key 'check': found an unknown key"));
  BOOST_TEST(apply("help: true\n").starts_with("1: key 'help': found an unknown key"));
  BOOST_TEST(apply("\nport: 99999\n").starts_with("2: key 'port': "));
  BOOST_TEST(apply("port: 99999\n").find("65535") != std::string::npos);
  BOOST_TEST(apply("port: many\n").starts_with("1: key 'port': "));
  BOOST_TEST(apply("port: 1\nport: 2\n") == "2: key 'port': found it twice, expected it once");
  BOOST_TEST(apply("model_name: a\nmodel-name: b\n").starts_with("2: key 'model-name': found it"));
  BOOST_TEST(apply("port: [1, 2]\n") == "1: key 'port': expected one value");
  BOOST_TEST(apply("port:\n") == "1: key 'port': expected one value");
  BOOST_TEST(apply("api-key: {a: b}\n") == "1: key 'api-key': expected a text, or a list of texts");
  BOOST_TEST(apply("loud: perhaps\n") == "1: key 'loud': found 'perhaps', expected true or false");
  BOOST_TEST(apply("- port\n") == "1: found no map, expected keys such as port: 8091");
  BOOST_TEST(apply("a: [\n").starts_with("2: "));
  BOOST_TEST(apply("certificate: c\n") == " found --certificate without --key, expected both");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_told) {
  CLI::App app;
  const auto done = apply_config_file(app, "/no/such/file", {});
  BOOST_REQUIRE(!done.ok());
  BOOST_TEST((done.error().code == ErrorCode::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

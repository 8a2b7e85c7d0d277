// Peers that are scripts: what they are started with, and what counts as an answer.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "bench/peer.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::bench::run_peer;
namespace fs = std::filesystem;

namespace {
constexpr const char* script = "torch_profiler.py";  // any that there is

// In the place of python3: a shell script with this body, for as long as the object lives.
struct Interpreter {
  Folder folder;
  explicit Interpreter(const std::string& body) {
    const fs::path path = write_file(folder.path / "python", "#!/bin/sh\n" + body + "\n");
    fs::permissions(path, fs::perms::owner_all);
    ::setenv("LIMELIGHT_PYTHON", path.c_str(), 1);
  }
  ~Interpreter() { ::unsetenv("LIMELIGHT_PYTHON"); }
};
}  // namespace

BOOST_AUTO_TEST_SUITE(bench_peer)

BOOST_AUTO_TEST_CASE(the_interpreter_gets_the_script_and_its_arguments_and_its_json_is_returned) {
  const Interpreter python(R"(test -f "$1" && echo "{\"first\": \"$2\", \"second\": \"$3\"}")");
  const auto answer = run_peer(script, {"one", "and two"});
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST((*answer)["first"] == "one");
  BOOST_TEST((*answer)["second"] == "and two");
}

BOOST_AUTO_TEST_CASE(a_long_answer_is_read_to_its_end) {
  const Interpreter python(
      R"(printf '{"text": "'; head -c 200000 /dev/zero | tr '\0' x; printf '"}')");
  const auto answer = run_peer(script, {});
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST((*answer)["text"].get<std::string>().size() == 200'000u);
}

BOOST_AUTO_TEST_CASE(a_peer_that_fails_or_says_something_else_is_no_peer) {
  for (const char* body : {"echo '{\"half\": 1}'; exit 3", "echo '{\"half\": 1}'; kill -9 $$",
                           "echo 'ImportError: no module named torch'", "echo '[1, 2]'", "true"}) {
    const Interpreter python(body);
    BOOST_TEST(!run_peer(script, {}).has_value(), body);
  }
}

BOOST_AUTO_TEST_CASE(without_the_script_or_the_interpreter_there_is_no_peer) {
  {
    const Interpreter python("echo '{}'");
    BOOST_TEST(run_peer(script, {}).has_value());
    BOOST_TEST(!run_peer("no_such_peer.py", {}).has_value());
  }
  ::setenv("LIMELIGHT_PYTHON", "/no/such/interpreter", 1);
  BOOST_TEST(!run_peer(script, {}).has_value());
  ::unsetenv("LIMELIGHT_PYTHON");
}

BOOST_AUTO_TEST_SUITE_END()

// What is wrong with a trace, by file and key.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <limelight/trace.hpp>

#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

BOOST_AUTO_TEST_CASE(the_validator_accepts_what_sessions_write_and_names_what_is_broken) {
  const Folder folder;
  auto session = prof::Session::start(options(folder.path));
  std::thread([] {
    const prof::Span a(outer);
    const prof::Span b(inner);
  }).join();
  const fs::path good = (*session)->stop()->file;
  BOOST_TEST(prof::validate({good}).empty());
  BOOST_TEST(prof::validate({good, good}).size() == 1u);  // one rank twice

  const std::string text = read_gzip(good);
  const struct {
    std::string from, to, expected;
  } cases[] = {{"\"rank\": 3", "\"rank\":3", "with a space"},
               {"\"schemaVersion\": 1", "\"schemaVersion\": 2", "schemaVersion"},
               {"\"cat\":\"cpu_op\"", "\"cat\":\"\"", "'cat'"},
               {"\"events\": 2", "\"events\": 3", "limelight.events"},
               {"\"ring_drops\"", "\"hidden\"", "limelight.ring_drops"},
               {"\"traceName\"", "\"traceName", ":"}};
  for (const auto& c : cases) {
    std::string broken = text;
    const auto at = broken.find(c.from);
    BOOST_REQUIRE(at != std::string::npos);
    broken.replace(at, c.from.size(), c.to);
    const fs::path path = folder.path / "broken.json";
    std::ofstream(path) << broken;
    const auto findings = prof::validate({path});
    BOOST_REQUIRE(!findings.empty());
    BOOST_TEST(findings[0].find(c.expected) != std::string::npos, findings[0]);
  }
  fs::resize_file(good, fs::file_size(good) / 2);
  BOOST_TEST(prof::validate({good})[0].find("ends early") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_rank_may_have_files_of_several_sessions_but_one_file_in_each) {
  const Folder folder;
  const auto by_name = [&](const fs::path& file, const char* name) {
    fs::copy_file(file, folder.path / name);
    return folder.path / name;
  };
  auto crash = options_of_rank(folder.path, 0);
  crash.profile.prefix = "flight";
  const fs::path profile = written(options_of_rank(folder.path, 0)), flight = written(crash),
                 next = written(options_of_rank(folder.path, 1)),
                 merged = folder.path / "all.json.gz";
  BOOST_REQUIRE(prof::merge({profile, next}, merged).ok());
  for (const auto& finding : prof::validate({profile, flight, next, merged}))
    BOOST_TEST(finding == "");

  // Whatever the files are called.
  const fs::path again = by_name(profile, "1800000000000-rank-0.h_1_x.pt.trace.json.gz");
  const auto twice = prof::validate({profile, flight, again});
  BOOST_REQUIRE(twice.size() == 1u);
  for (const std::string& part : {profile.string(), again.string(), std::string("rank 0"),
                                  std::string("'some-run-1700000000000'")})
    BOOST_TEST(twice[0].find(part) != std::string::npos, twice[0]);

  // Without the key, by the name.
  std::string text = read_gzip(profile);
  const auto at = text.find("\"session\": ");
  text.erase(at, text.find("\"events\"", at) - at);
  const auto old = [&](const char* name) {
    std::ofstream(folder.path / name) << text;
    return folder.path / name;
  };
  const fs::path first = old("1-rank-0.h_1_x.pt.trace.json"),
                 second = old("2-rank-0.h_1_x.pt.trace.json"),
                 same = old("1-rank-0.h_2_x.pt.trace.json"), a = old("a.json"), b = old("b.json");
  BOOST_TEST(prof::validate({first, second, a}).empty());
  BOOST_TEST(prof::validate({first, second, same}).size() == 1u);
  BOOST_TEST(prof::validate({a, b}).size() == 1u);
}

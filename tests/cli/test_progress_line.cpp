// How far a run is, on a terminal and elsewhere.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "cli/progress_line.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
using namespace limelight::tests;

namespace {
std::string shown(bool terminal, std::size_t total) {
  const Folder folder;
  const auto path = folder.path / "said";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ProgressLine line(file, terminal, total);
  for (std::size_t done = 0; done <= total; ++done)
    line.show({.done = done, .total = total, .audio_seconds = 2.5});
  line.end();
  std::fclose(file);
  return read_file(path);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(progress_line)

BOOST_AUTO_TEST_CASE(elsewhere_it_is_ten_lines_at_most) {
  BOOST_TEST(shown(false, 3) == "1/3 requests\n2/3 requests\n3/3 requests\n");
  for (const std::size_t total : {10, 11, 95, 10'000}) {
    const std::string said = shown(false, total);
    const auto lines = std::count(said.begin(), said.end(), '\n');
    BOOST_TEST(lines <= 10);
    BOOST_TEST(lines >= 5);
    const std::string all = std::to_string(total);
    BOOST_TEST(said.ends_with("\n" + all + "/" + all + " requests\n"));
  }
}

BOOST_AUTO_TEST_CASE(on_a_terminal_it_is_one_line) {
  const std::string said = shown(true, 10'000);
  BOOST_TEST(std::count(said.begin(), said.end(), '\n') == 1);
  BOOST_TEST(said.starts_with("\r0/10000 requests, 0 bytes of text, 2.5 s of sound"));
  BOOST_TEST(said.find("\r10000/10000 requests") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

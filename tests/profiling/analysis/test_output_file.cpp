// What a tool may replace.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include "profiling/analysis/output_file.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(output_file)

BOOST_AUTO_TEST_CASE(inputs_links_and_devices_are_never_replaced_and_files_of_others_by_force) {
  const Folder folder;
  const fs::path input = write_file(folder.path / "in", "x"),
                 own = write_file(folder.path / "own", "x"),
                 other = write_file(folder.path / "other", "x"), link = folder.path / "link",
                 hard = folder.path / "hard", pipe = folder.path / "pipe";
  fs::create_symlink(folder.path / "nothing", link);
  fs::create_hard_link(input, hard);
  BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto made_here = [&](const fs::path& file) { return file == own; };
  const auto refused = [&](const fs::path& out, bool force) {
    const auto may = prof::may_write(out, {input}, force, made_here);
    return may ? "" : may.error().message.substr(out.string().size());
  };
  for (const bool force : {false, true}) {
    BOOST_TEST(refused(input, force).find("one of the inputs") != std::string::npos);
    BOOST_TEST(refused(folder.path / "." / "in", force).find("one of the inputs") !=
               std::string::npos);
    BOOST_TEST(refused(hard, force).find("one of the inputs") != std::string::npos);
    BOOST_TEST(refused(link, force).find("found a link") != std::string::npos);
    for (const fs::path& special : {pipe, fs::path("/dev/null"), folder.path})
      BOOST_TEST(refused(special, force).find("no plain file") != std::string::npos, special);
    BOOST_TEST(refused(own, force) == "");
    BOOST_TEST(refused(folder.path / "new", force) == "");
  }
  BOOST_TEST(refused(other, false).find("--force") != std::string::npos);
  BOOST_TEST(refused(other, true) == "");
}

BOOST_AUTO_TEST_CASE(a_file_appears_whole_or_not_at_all) {
  const Folder folder;
  BOOST_REQUIRE(prof::write_whole(folder.path / "a", "text").ok());
  BOOST_TEST(read_file(folder.path / "a") == "text");
  const auto failed = prof::write_whole(folder.path / "none/a", "text");
  BOOST_REQUIRE(!failed.ok());
  BOOST_TEST((failed.error().code == limelight::ErrorCode::io));
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder.path)) files += entry.exists();
  BOOST_TEST(files == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

// The finished traces of a folder, and nothing else of it.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "actors/http/profile_files.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::http;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(profile_files)

BOOST_FIXTURE_TEST_CASE(only_plain_files_that_are_named_like_traces_are_listed, Folder) {
  for (const char* name : {"1-rank-0.h.pt.trace.json.gz", "1-rank-0.h.pt.trace.pftrace",
                           "profiler_out_0.txt", "1-rank-0.h.folded.txt"})
    write_file(path / name, "x");
  for (const char* name : {"secret", ".1-rank-0.h.pt.trace.json.gz", "a b.pt.trace.json",
                           "1-rank-0.h.pt.trace.json.gz.part", "profiler_out_0.json"})
    write_file(path / name, "x");
  std::filesystem::create_directory(path / "folder.pt.trace.json");
  std::filesystem::create_symlink(path / "secret", path / "link.pt.trace.json");
  std::filesystem::last_write_time(
      path / "profiler_out_0.txt",
      std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  const auto files = list_profiles(path);
  BOOST_REQUIRE(files.size() == 4u);
  BOOST_TEST(files[0].name == "profiler_out_0.txt");  // the newest
  BOOST_TEST(list_profiles(path / "none").empty());
}

BOOST_FIXTURE_TEST_CASE(a_file_is_read_in_pieces_to_the_end_that_it_had, Folder) {
  const auto file = write_file(path / "a.pt.trace.json", "0123456789");
  auto open = OpenProfile::open(path, "a.pt.trace.json");
  BOOST_REQUIRE(open.ok());
  BOOST_TEST(open->bytes() == 10u);
  BOOST_TEST(*open->read(4) == "0123");
  write_file(file, "01234567890123456789");
  BOOST_TEST(*open->read(100) == "456789");
  BOOST_TEST(*open->read(100) == "");
}

BOOST_FIXTURE_TEST_CASE(a_file_that_became_shorter_is_an_error_not_a_short_trace, Folder) {
  const auto file = write_file(path / "a.pt.trace.json", "0123456789");
  auto open = OpenProfile::open(path, "a.pt.trace.json");
  BOOST_REQUIRE(open.ok());
  BOOST_REQUIRE(::truncate(file.c_str(), 0) == 0);
  const auto piece = open->read(4);
  BOOST_REQUIRE(!piece);
  BOOST_TEST(piece.error().message == "cannot read the trace: it has become shorter");
}

BOOST_FIXTURE_TEST_CASE(no_name_leads_out_of_the_folder, Folder) {
  write_file(path / "secret.pt.trace.json", "x");
  std::filesystem::create_directory(path / "in");
  for (const char* name : {"../secret.pt.trace.json", "/etc/passwd", "", ".", "..",
                           "in/../../secret.pt.trace.json", "secret.pt.trace.json\0.gz"})
    BOOST_TEST(!OpenProfile::open(path / "in", name), name);
}

BOOST_AUTO_TEST_CASE(each_kind_has_its_type) {
  BOOST_TEST(profile_type("a.pt.trace.json") == std::string("application/json"));
  BOOST_TEST(profile_type("a.pt.trace.json.gz") == std::string("application/gzip"));
  BOOST_TEST(profile_type("a.pt.trace.json.zst") == std::string("application/zstd"));
  BOOST_TEST(profile_type("a.pt.trace.pftrace") == std::string("application/x-protobuf"));
  BOOST_TEST(profile_type("profiler_out_0.txt") == std::string("text/plain; charset=utf-8"));
}

BOOST_AUTO_TEST_SUITE_END()

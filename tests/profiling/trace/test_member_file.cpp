// A compressed file: there under its name when it is whole, and readable as far as it came.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/compressed_reader.hpp"
#include "profiling/trace/member_file.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;
using limelight::ErrorCode;

namespace {
std::string text_of(const fs::path& path) {
  auto input = prof::CompressedReader::open(path);
  BOOST_REQUIRE(input.ok());
  std::string text, piece(1000, '\0');
  for (std::size_t n; (n = input->read(piece.data(), piece.size())) > 0;) text.append(piece, 0, n);
  BOOST_TEST(!input->broken());
  return text;
}
std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}
}  // namespace

BOOST_AUTO_TEST_SUITE(member_file)

BOOST_AUTO_TEST_CASE(a_file_has_its_name_once_it_is_whole_and_the_hidden_one_before) {
  for (const char* name : {"a.json.gz", "a.json.zst"}) {
    const Folder folder;
    const fs::path path = folder.path / name, part = prof::part_of(path);
    auto file = prof::MemberFile::create(path);
    if (!file) BOOST_FAIL(file.error().message);
    BOOST_TEST(file->path() == path);
    BOOST_TEST(file->write("first, ").ok());
    BOOST_TEST(files_in(folder.path) == 0u);  // nothing that could not be read
    BOOST_TEST(file->end_member().ok());
    BOOST_TEST(!fs::exists(path));
    BOOST_TEST(text_of(part) == "first, ");
    BOOST_TEST(file->written() == fs::file_size(part));
    BOOST_TEST(file->end_member().ok());  // an empty member is none
    BOOST_TEST(file->written() == fs::file_size(part));
    BOOST_TEST(file->write("second").ok());
    const auto bytes = file->finish();
    BOOST_REQUIRE(bytes.ok());
    BOOST_TEST(*bytes == fs::file_size(path));
    BOOST_TEST(text_of(path) == "first, second");
    BOOST_TEST(files_in(folder.path) == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_member_is_written_when_it_holds_enough_text) {
  const Folder folder;
  auto file = prof::MemberFile::create(folder.path / "a.gz");
  const std::string half(prof::MemberFile::member_bytes / 2, 'x');
  BOOST_TEST(file->write(half).ok());
  BOOST_TEST(file->written() == 0u);
  BOOST_TEST(file->write(half).ok());
  BOOST_TEST(file->written() > 0u);
  BOOST_TEST(text_of(prof::part_of(folder.path / "a.gz")) == half + half);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_finished_leaves_nothing) {
  const Folder folder;
  {
    auto first = prof::MemberFile::create(folder.path / "a.gz");
    BOOST_TEST(first->write("text").ok());
    BOOST_TEST(first->end_member().ok());
    const prof::MemberFile moved = std::move(*first);
    BOOST_TEST(files_in(folder.path) == 1u);
  }
  { auto unnamed = prof::MemberFile::create(folder.path / "b.gz"); }
  BOOST_TEST(files_in(folder.path) == 0u);
}

BOOST_AUTO_TEST_CASE(what_an_earlier_process_left_under_the_names_is_replaced) {
  const Folder folder;
  const fs::path path = folder.path / "a.gz";
  write_file(path, "old");
  write_file(prof::part_of(path), "torn");
  auto file = prof::MemberFile::create(path);
  BOOST_TEST(file->write("new").ok());
  BOOST_TEST(file->finish().ok());
  BOOST_TEST(text_of(path) == "new");
  BOOST_TEST(files_in(folder.path) == 1u);
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_gone_is_an_error_that_names_the_file) {
  const Folder folder;
  const auto none = prof::MemberFile::create(folder.path / "none/a.gz");
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::io));
  BOOST_TEST(none.error().message.find((folder.path / "none").string()) != std::string::npos);
  fs::create_directories(folder.path / "gone");
  auto file = prof::MemberFile::create(folder.path / "gone/a.gz");
  BOOST_REQUIRE(file.ok());
  fs::remove_all(folder.path / "gone");
  BOOST_TEST(file->write("text").ok());
  const auto finished = file->finish();
  BOOST_REQUIRE(!finished.ok());
  BOOST_TEST((finished.error().code == ErrorCode::io));
}

BOOST_AUTO_TEST_CASE(the_hidden_name_of_a_file_and_back) {
  BOOST_TEST(prof::part_of("d/a.json.gz") == "d/.a.json.gz.part");
  BOOST_TEST(prof::whole_of("d/.a.json.gz.part") == "d/a.json.gz");
  for (const char* other : {"d/a.json.gz.part", "d/.a.json.gz", "d/a"})
    BOOST_TEST(prof::whole_of(other).empty());
}

BOOST_AUTO_TEST_SUITE_END()

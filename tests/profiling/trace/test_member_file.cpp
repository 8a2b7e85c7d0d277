// A compressed file: there under its name when it is whole, and readable as far as it came.
#include <signal.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <random>

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

BOOST_AUTO_TEST_CASE(a_file_that_keeps_others_takes_a_name_that_is_free) {
  for (const char* taken : {"a.pt.trace.json.gz", ".a.pt.trace.json.gz.part"}) {
    const Folder folder;
    const fs::path path = folder.path / "a.pt.trace.json.gz";
    write_file(folder.path / taken, "old");
    auto file = prof::MemberFile::create(path, prof::Existing::keep);
    BOOST_TEST(file->write("new").ok());
    BOOST_TEST(file->end_member().ok());
    BOOST_TEST(file->path() == folder.path / "a.2.pt.trace.json.gz");
    BOOST_TEST(fs::exists(prof::part_of(file->path())));
    BOOST_TEST(file->finish().ok());
    BOOST_TEST(text_of(folder.path / "a.2.pt.trace.json.gz") == "new");
    BOOST_TEST(read_file(folder.path / taken) == "old");
    BOOST_TEST(files_in(folder.path) == 2u);
  }
}

BOOST_AUTO_TEST_CASE(many_at_once_of_one_name_are_all_kept) {
  const Folder folder;
  std::vector<pid_t> processes;
  for (int i = 0; i < 20; ++i)
    processes.push_back(in_process([&] {
      auto file = prof::MemberFile::create(folder.path / "a.gz", prof::Existing::keep);
      return file && file->write("text").ok() && file->end_member().ok() && file->finish().ok() ? 0
                                                                                                : 1;
    }));
  for (const pid_t process : processes) BOOST_TEST(exit_code(process) == 0);
  BOOST_TEST(files_in(folder.path) == 20u);
  for (const auto& entry : fs::directory_iterator(folder.path))
    BOOST_TEST(text_of(entry.path()) == "text");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_meanwhile_is_not_replaced) {
  const Folder folder;
  auto file = prof::MemberFile::create(folder.path / "a.gz", prof::Existing::keep);
  BOOST_TEST(file->write("new").ok());
  BOOST_TEST(file->end_member().ok());
  write_file(folder.path / "a.gz", "another's");
  BOOST_TEST(file->finish().ok());
  BOOST_TEST(read_file(folder.path / "a.gz") == "another's");
  BOOST_TEST(text_of(file->path()) == "new");
  BOOST_TEST(file->path() == folder.path / "a.2.gz");
}

// As on a full disk: a limit of file sizes.
BOOST_AUTO_TEST_CASE(where_there_is_no_room_the_members_before_are_whole_and_can_be_ended) {
  BOOST_TEST(exit_code(in_process([] {
               ::signal(SIGXFSZ, SIG_IGN);
               const rlimit limit{1000, 1000};
               ::setrlimit(RLIMIT_FSIZE, &limit);
               const Folder folder;
               auto file = prof::MemberFile::create(folder.path / "a.gz");
               std::mt19937 random(1);
               std::string text;
               while (file->write(std::to_string(random())).ok() && file->end_member().ok()) {}
               if (!file->full() || file->written() > 1000) return 1;
               const std::uint64_t whole = file->written();
               if (fs::file_size(prof::part_of(file->path())) != whole) return 2;
               if (file->write("no room for this text, which is longer than the others").ok() &&
                   file->end_member().ok())
                 return 3;
               if (!file->cut_to(100 < whole ? 0 : whole).ok() || file->written() != 0) return 4;
               if (!file->write("the end").ok() || !file->finish().ok() || file->full()) return 5;
               return text_of(file->path()) == "the end" ? 0 : 6;
             })) == 0);
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
  BOOST_TEST(prof::numbered("d/a.b.pt.trace.json.gz", 1) == "d/a.b.pt.trace.json.gz");
  BOOST_TEST(prof::numbered("d/a.b.pt.trace.json.gz", 3) == "d/a.b.3.pt.trace.json.gz");
  BOOST_TEST(prof::numbered("d/a.txt", 2) == "d/a.2.txt");
  BOOST_TEST(prof::numbered("a", 2) == "a.2");
  for (const char* other : {"d/a.json.gz.part", "d/.a.json.gz", "d/a"})
    BOOST_TEST(prof::whole_of(other).empty());
}

BOOST_AUTO_TEST_SUITE_END()

// A trace's text, whatever it is packed in and however it ends.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/compressed_reader.hpp"
#include "profiling/trace/member_file.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {
struct Read {
  std::string text;
  bool broken = false;
  std::uint64_t whole_bytes = 0, whole_text = 0;
};
Read all_of(const fs::path& path, std::size_t room = 1000) {
  auto input = prof::CompressedReader::open(path);
  BOOST_REQUIRE(input.ok());
  Read read;
  std::string piece(room, '\0');
  for (std::size_t n; (n = input->read(piece.data(), room)) > 0;) read.text.append(piece, 0, n);
  BOOST_TEST(input->read(piece.data(), room) == 0u);  // and stays at the end
  read.broken = input->broken();
  read.whole_bytes = input->whole_bytes();
  read.whole_text = input->whole_text();
  return read;
}
std::string member(const std::string& text, const char* format) {
  const auto compressor = prof::make_compressor(std::string("a.") + format);
  compressor->add(text);
  return std::string(compressor->finish());
}
}  // namespace

BOOST_AUTO_TEST_SUITE(compressed_reader)

BOOST_AUTO_TEST_CASE(the_packing_is_known_by_the_first_bytes_whatever_the_file_is_called) {
  const Folder folder;
  const std::string text(5000, 'x');
  for (const std::string& bytes : {member(text, "gz"), member(text, "zst"), text})
    for (const std::size_t room : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
      const Read read = all_of(write_file(folder.path / "trace.json", bytes), room);
      BOOST_TEST((read.text == text));
      BOOST_TEST(!read.broken);
    }
  BOOST_TEST(all_of(write_file(folder.path / "empty", "")).text == "");
}

BOOST_AUTO_TEST_CASE(zeros_behind_a_gzip_file_are_no_damage) {
  const Folder folder;
  const std::string whole = member("text", "gz");
  const Read read = all_of(write_file(folder.path / "a", whole + std::string(512, '\0')));
  BOOST_TEST(read.text == "text");
  BOOST_TEST(!read.broken);
  BOOST_TEST(read.whole_bytes == whole.size());
}

BOOST_AUTO_TEST_CASE(members_are_one_text_and_what_is_torn_behind_the_last_whole_one_is_known) {
  const Folder folder;
  for (const char* format : {"gz", "zst"}) {
    const std::string whole = member("first, ", format) + member("second", format);
    const Read good = all_of(write_file(folder.path / "good", whole));
    BOOST_TEST(good.text == "first, second");
    BOOST_TEST(good.whole_bytes == whole.size());
    BOOST_TEST(good.whole_text == 13u);
    std::string more(100'000, ' ');
    for (std::size_t i = 0; i < more.size(); ++i) more[i] = static_cast<char>('a' + i * i % 26);
    const std::string torn = member(more, format);
    for (const std::size_t kept : {std::size_t{1}, torn.size() / 2, torn.size() - 1}) {
      const Read read = all_of(write_file(folder.path / "torn", whole + torn.substr(0, kept)));
      BOOST_TEST(read.broken);
      BOOST_TEST(read.text.starts_with("first, second"));
      BOOST_TEST(read.whole_bytes == whole.size());
      BOOST_TEST(read.whole_text == 13u);
    }
  }
}

BOOST_AUTO_TEST_CASE(bytes_of_another_kind_behind_a_member_break_the_packing) {
  const Folder folder;
  for (const char* format : {"gz", "zst"}) {
    const Read read = all_of(write_file(folder.path / "mixed", member("text", format) + "noise"));
    BOOST_TEST(read.broken);
    BOOST_TEST(read.text == "text");
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_named) {
  const auto none = prof::CompressedReader::open("/no/such.gz");
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == limelight::ErrorCode::not_found));
  BOOST_TEST(none.error().message.starts_with("/no/such.gz: "));
}

BOOST_AUTO_TEST_SUITE_END()

// A file in memory.
#include <boost/test/unit_test.hpp>

#include "base/mapped_file.hpp"
#include "tests/support.hpp"

using limelight::ErrorCode;
using limelight::MappedFile;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(base_mapped_file)

BOOST_AUTO_TEST_CASE(a_mapped_file_has_the_bytes_of_the_file_also_when_that_is_gone) {
  const Folder folder;
  const auto path = write_file(folder.path / "file", std::string("a\0b", 3));
  const auto file = MappedFile::open(path);
  BOOST_REQUIRE(file.ok());
  std::filesystem::remove(path);
  const auto bytes = (*file)->bytes();
  BOOST_TEST(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) ==
             std::string("a\0b", 3));
  BOOST_TEST((*file)->path() == path);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_mapped_is_named) {
  const Folder folder;
  const auto check = [](const std::filesystem::path& path, ErrorCode code) {
    const auto file = MappedFile::open(path);
    BOOST_REQUIRE(!file.ok());
    BOOST_TEST((file.error().code == code));
    BOOST_TEST(file.error().message.starts_with(path.string() + ": "), file.error().message);
  };
  check(folder.path / "none", ErrorCode::not_found);
  check(write_file(folder.path / "empty", ""), ErrorCode::corrupt);
  check(folder.path, ErrorCode::corrupt);
  check("/dev/null", ErrorCode::corrupt);
}

BOOST_AUTO_TEST_SUITE_END()

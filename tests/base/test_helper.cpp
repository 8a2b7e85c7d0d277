// Programs and files of this library are found where an installation or a built tree has them.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "base/helper.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(base_helper)

BOOST_AUTO_TEST_CASE(a_program_beside_this_one_is_found) {
  const fs::path own = fs::read_symlink("/proc/self/exe");
  const auto found = find_helper(own.filename());
  BOOST_REQUIRE(found.ok());
  BOOST_TEST(*found == own);
}

BOOST_AUTO_TEST_CASE(a_program_of_the_installation_in_the_path_is_found) {
  const Folder folder;
  const std::string name = "limelight-helper-" + std::to_string(getpid());
  fs::create_directories(folder.path / "bin");
  fs::create_directories(folder.path / "libexec/limelight");
  const fs::path helper = write_file(folder.path / "libexec/limelight" / name, "#!/bin/sh\n");
  const char* path = std::getenv("PATH");
  const std::string old = path != nullptr ? path : "";
  const std::string with = old + ":relative:" + (folder.path / "bin").string();
  setenv("PATH", with.c_str(), 1);
  const auto none = find_helper(name);  // no `limelight` there
  write_file(folder.path / "bin/limelight", "#!/bin/sh\n");
  fs::permissions(folder.path / "bin/limelight", fs::perms::owner_all);
  const auto closed = find_helper(name);  // nobody may run it
  fs::permissions(helper, fs::perms::owner_all);
  const auto found = find_helper(name);
  setenv("PATH", old.c_str(), 1);
  for (const auto& error : {none, closed}) {
    BOOST_REQUIRE(!error.ok());
    BOOST_TEST((error.error().code == ErrorCode::not_found));
    BOOST_TEST(error.error().message.find(name) != std::string::npos);
  }
  BOOST_REQUIRE(found.ok());
  BOOST_TEST(*found == helper);
}

BOOST_AUTO_TEST_CASE(a_shared_file_that_is_not_there_is_named_with_all_places) {
  const auto none = find_shared("configs/no_such.yaml");
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::not_found));
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& root : {here, here.parent_path(), here.parent_path().parent_path()})
    BOOST_TEST(none.error().message.find(
                   (root / "share/limelight/configs/no_such.yaml").string()) != std::string::npos);
  BOOST_TEST(find_shared("configs").ok());
}

BOOST_AUTO_TEST_SUITE_END()

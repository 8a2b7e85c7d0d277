// Folders that go with their scope.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "base/scratch.hpp"
#include "tests/support.hpp"

using limelight::Scratch;
using namespace limelight::tests;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(scratch)

BOOST_FIXTURE_TEST_CASE(a_folder_is_its_user_s_alone_and_goes_with_what_is_in_it, Folder) {
  fs::path made;
  {
    auto one = Scratch::make("test", path);
    BOOST_REQUIRE(one.ok());
    made = one->path;
    BOOST_TEST(made.parent_path() == path);
    BOOST_TEST(made.filename().string().starts_with("limelight-test-"));
    BOOST_TEST((fs::status(made).permissions() == fs::perms::owner_all));
    BOOST_TEST(read_file(one->write("a", "text")) == "text");
    const Scratch moved = std::move(one).value();
    BOOST_TEST(moved.path == made);
    BOOST_TEST(fs::exists(made));
  }
  BOOST_TEST(!fs::exists(made));
}

BOOST_FIXTURE_TEST_CASE(one_that_cannot_be_made_is_an_error_with_its_place, Folder) {
  const auto none = Scratch::make("test", path / "missing");
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST(none.error().message.starts_with((path / "missing/limelight-test-").string()));
}

BOOST_AUTO_TEST_SUITE_END()

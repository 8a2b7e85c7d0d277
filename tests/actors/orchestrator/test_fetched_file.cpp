// A file of another machine comes in pieces, and takes no other's place.
#include <boost/test/unit_test.hpp>
#include <iterator>
#include <string>

#include "actors/orchestrator/fetched_file.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(fetched_file)

namespace {

// A session that has one file, in pieces of 1000 bytes.
NodeActor::behavior_type session(NodeActor::pointer, std::string bytes) {
  return {[](const PrepareNode&) { return NodeAnswer{}; },
          [](const StartRank&) { return NodeAnswer{}; },
          [](const EndRanks&) { return NodeAnswer{}; },
          [bytes = std::move(bytes)](const ReadTrace& m) {
            if (m.path != "/there/a.gz")
              return TracePart{.error = {ErrorCode::not_found, m.path + ": no trace"}, .bytes = {}};
            const std::string part =
                bytes.substr(std::min<std::size_t>(m.offset, bytes.size()), 1000);
            return TracePart{.bytes = {part.begin(), part.end()}};
          },
          [](const KillRank&) {},
          [](const ReplicaAnew&) {},
          [](const SetClock&) {}};
}

struct Config : caf::actor_system_config {
  Config() {
    add_message_types<caf::id_block::limelight>();
    set("scheduler.max-threads", 2u);
  }
};

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(it_is_whole_and_overwrites_nothing) {
  Config config;
  caf::actor_system system(config);
  const Folder folder;
  std::string bytes;
  for (int i = 0; i < 2500; ++i) bytes += static_cast<char>(i * 7);
  const NodeActor first = system.spawn(session, bytes), second = system.spawn(session, "other");
  const auto fetch = [&](const NodeActor& from) {
    return fetch_file(system, from, "node b", "/there/a.gz", folder.path);
  };
  const auto here = fetch(first);
  if (!here) BOOST_FAIL(here.error().message);
  BOOST_TEST(here->string() == (folder.path / "a.gz").string());
  BOOST_TEST((read_file(*here) == bytes));
  BOOST_TEST(fetch(first)->string() == here->string());  // the same bytes are there already
  const auto another = fetch(second);
  BOOST_REQUIRE(another.ok());
  BOOST_TEST(another->string() != here->string());
  BOOST_TEST(read_file(*another) == "other");
  BOOST_TEST((read_file(*here) == bytes));
  BOOST_TEST(files_in(folder.path) == 2u);
}

BOOST_AUTO_TEST_CASE(what_fails_is_said_and_leaves_nothing) {
  Config config;
  caf::actor_system system(config);
  const Folder folder;
  const NodeActor node = system.spawn(session, "x");
  const auto none = fetch_file(system, node, "node b", "/there/b.gz", folder.path);
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::not_found));
  BOOST_TEST(none.error().message == "/there/b.gz: no trace");
  caf::anon_send_exit(node, caf::exit_reason::kill);
  const auto gone = fetch_file(system, node, "node b", "/there/a.gz", folder.path);
  BOOST_REQUIRE(!gone.ok());
  BOOST_TEST(gone.error().message.starts_with("node b does not answer"), gone.error().message);
  BOOST_TEST(files_in(folder.path) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

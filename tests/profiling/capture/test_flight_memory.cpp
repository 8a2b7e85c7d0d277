// What another process reads of a flight recorder's memory.
#include <boost/test/unit_test.hpp>
#include <limelight/span.hpp>
#include <random>

#include "profiling/capture/flight_memory.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
using namespace limelight::tests;
using limelight::ErrorCode;
namespace fs = std::filesystem;

namespace {
prof::KeptRecord kept_at(std::uint64_t end, int thread = 1) {
  prof::KeptRecord kept;
  kept.record.end = end;
  kept.thread_id = thread;
  return kept;
}
}  // namespace

BOOST_AUTO_TEST_CASE(the_flight_memory_keeps_all_that_a_name_was_interned_with) {
  const Folder folder;
  const auto id = prof::intern("kept", prof::Category::user_annotation, prof::ValueKind::chunk,
                               true, prof::Activity::collectives);
  BOOST_TEST(id != prof::intern("kept", prof::Category::user_annotation, prof::ValueKind::chunk,
                                true, prof::Activity::ipc));
  const auto memory = prof::FlightMemory::create(folder.path / "memory", 10);
  memory->keep_words(0);
  const auto read = prof::FlightMemory::open(folder.path / "memory", prof::Owner::silent);
  if (!read) BOOST_FAIL(read.error().message);
  const prof::NameInfo kept = (*read)->name(id);
  BOOST_TEST(kept.name == "kept");
  BOOST_TEST((kept.category == prof::Category::user_annotation));
  BOOST_TEST((kept.value_kind == prof::ValueKind::chunk));
  BOOST_TEST(kept.correlated);
  BOOST_TEST((kept.activity == prof::Activity::collectives));
  BOOST_TEST(((*read)->name(id + 1).activity == prof::Activity::ipc));
}

BOOST_AUTO_TEST_CASE(the_newest_records_are_kept_in_order_and_lost_ones_are_told_of) {
  const auto memory = prof::FlightMemory::create({}, 4);
  const auto ends_since = [&](std::uint64_t from, bool expect_overwritten) {
    bool overwritten = false;
    std::vector<std::uint64_t> ends;
    for (const auto& kept : memory->since(from, overwritten)) ends.push_back(kept.record.end);
    BOOST_TEST(overwritten == expect_overwritten);
    return ends;
  };
  using Ends = std::vector<std::uint64_t>;
  BOOST_TEST((ends_since(0, false) == Ends{}));
  for (const std::uint64_t end : {10, 20, 30, 40}) memory->keep(kept_at(end));
  BOOST_TEST((ends_since(0, false) == Ends{10, 20, 30, 40}));
  BOOST_TEST((ends_since(30, false) == Ends{30, 40}));
  for (const std::uint64_t end : {50, 60}) memory->keep(kept_at(end));
  BOOST_TEST((ends_since(0, true) == Ends{30, 40, 50, 60}));
  BOOST_TEST((ends_since(50, false) == Ends{50, 60}));  // all of those are there
}

BOOST_AUTO_TEST_CASE(words_counts_and_costs_are_read_by_another) {
  const Folder folder;
  const fs::path file = folder.path / "memory";
  auto memory = prof::FlightMemory::create(file, 10);
  memory->keep_words(17);
  memory->keep_request_name(3, "three");
  memory->keep_request_name(4, std::string(500, 'x'));
  memory->keep(kept_at(5, 77));
  BOOST_TEST((prof::FlightMemory::open(file, prof::Owner::gone).error().code == ErrorCode::busy));
  {
    const auto read = prof::FlightMemory::open(file, prof::Owner::silent);
    BOOST_REQUIRE(read.ok());
    BOOST_TEST((*read)->pid() == getpid());
    BOOST_TEST((*read)->drops() == 17u);
    BOOST_TEST((*read)->cpu_share() == 0);
    BOOST_TEST((*read)->request_name(3) == "three");
    BOOST_TEST((*read)->request_name(3 + 4096) == "4099");  // its number: the name is another's
    BOOST_TEST((*read)->request_name(4) == std::string(55, 'x'));
    BOOST_TEST((*read)->name(prof::name_count() + 1).name == "(unnamed)");
    bool overwritten = false;
    BOOST_TEST((*read)->since(0, overwritten)[0].thread_id == 77);
  }
  memory.reset();
  BOOST_TEST(!fs::exists(file));
}

BOOST_AUTO_TEST_CASE(an_open_request_keeps_its_name_while_others_come_and_go) {
  const Folder folder;
  const fs::path file = folder.path / "memory";
  const auto memory = prof::FlightMemory::create(file, 10);
  const auto id = [](std::uint32_t request) { return "request-" + std::to_string(request); };
  for (const std::uint32_t open : {1u, 513u, 1000u}) memory->keep_request_name(open, id(open));
  constexpr std::uint32_t last = 100'000;
  for (std::uint32_t request = 2000; request <= last; ++request) {
    memory->keep_request_name(request, id(request));
    if (request < last) memory->end_request(request);
  }
  const auto read = prof::FlightMemory::open(file, prof::Owner::silent);
  if (!read) BOOST_FAIL(read.error().message);
  for (const std::uint32_t known : {1u, 513u, 1000u, last, last - 3000})
    BOOST_TEST((*read)->request_name(known) == id(known));
  BOOST_TEST((*read)->request_name(2000) == "2000");  // ended long ago: its number alone
}

BOOST_AUTO_TEST_CASE(a_file_of_other_bytes_is_refused_or_read_and_never_worse) {
  const Folder folder;
  const fs::path file = folder.path / "memory", other = folder.path / "other";
  std::string good;
  {
    const auto memory = prof::FlightMemory::create(file, 10);
    memory->keep_words(0);
    memory->keep(kept_at(5));
    good = read_file(file);
  }
  const auto refused = [&](const std::string& bytes) {
    const auto opened = prof::FlightMemory::open(write_file(other, bytes), prof::Owner::gone);
    BOOST_REQUIRE(!opened.ok());
    BOOST_TEST((opened.error().code == ErrorCode::corrupt));
    BOOST_TEST(opened.error().message.starts_with(other.string() + ": "));
  };
  refused("");
  refused(good.substr(0, good.size() / 2));
  refused(good + "x");
  refused(std::string(good.size(), '\0'));
  BOOST_TEST((prof::FlightMemory::open(folder.path / "none", prof::Owner::gone).error().code ==
              ErrorCode::not_found));
  fs::create_symlink(other, folder.path / "link");
  BOOST_TEST((prof::FlightMemory::open(folder.path / "link", prof::Owner::gone).error().code ==
              ErrorCode::not_found));
  std::mt19937 random(5);
  for (int i = 0; i < 50; ++i) {
    std::string changed = good;
    for (int n = 0; n < 1000; ++n)
      changed[8 + random() % (changed.size() - 8)] = static_cast<char>(random());
    for (int n = 0; n < 2; ++n) changed[8 + random() % 64] = static_cast<char>(random());
    const auto opened = prof::FlightMemory::open(write_file(other, changed), prof::Owner::gone);
    if (!opened) continue;
    bool overwritten = false;
    for (const auto& kept : (*opened)->since(0, overwritten)) {
      (void)(*opened)->name(kept.record.name);
      (void)(*opened)->request_name(kept.record.request);
    }
    (void)(*opened)->thread_names();
  }
}

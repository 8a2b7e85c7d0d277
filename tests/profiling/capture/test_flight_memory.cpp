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

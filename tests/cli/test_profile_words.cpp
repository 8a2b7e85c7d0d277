// What `limelight run` says of a profile beside its files.
#include <boost/test/unit_test.hpp>

#include "cli/profile_words.hpp"

using namespace limelight;
using cli::describe_traces;

namespace {
RankTrace trace(int rank, std::uint64_t events) {
  RankTrace made;
  made.rank = rank;
  made.stage_id = rank;
  made.events = events;
  made.file = "a.gz";
  return made;
}
constexpr std::int64_t now = 1'700'000'000'000'000'000;
}  // namespace

BOOST_AUTO_TEST_SUITE(profile_words)

BOOST_AUTO_TEST_CASE(a_profile_with_something_in_it_needs_no_words) {
  const auto words = describe_traces({trace(0, 5), trace(1, 7)}, {}, false, now);
  BOOST_TEST(words.failures.empty());
  BOOST_TEST(words.remarks.empty());
}

BOOST_AUTO_TEST_CASE(who_has_nothing_is_remarked_and_nothing_at_all_is_a_failure) {
  auto orchestrator = trace(2, 0);
  orchestrator.stage_id = -1;
  const auto some = describe_traces({trace(0, 5), trace(1, 0), orchestrator}, {}, false, now);
  BOOST_TEST(some.failures.empty());
  BOOST_TEST(some.remarks == std::vector<std::string>{"nothing was recorded of rank 1 (stage 1), "
                                                      "the orchestrator"});
  const auto none = [](const ProfileOptions& options, bool came) {
    const auto words = describe_traces({trace(0, 0), trace(1, 0)}, options, came, now);
    BOOST_REQUIRE(words.failures.size() == 1u);
    return words.failures[0];
  };
  BOOST_TEST(none({}, false) == "the profile recorded nothing: its ranks did no work while it ran");
  BOOST_TEST(none({.activities = "gpu"}, false).ends_with("of the kinds 'gpu'"));
  BOOST_TEST(none({.request_id = "nosuch"}, false) ==
             "the profile recorded nothing: no request of this run is named 'nosuch' "
             "(--profile-request)");
  BOOST_TEST(none({.request_id = "0"}, true).ends_with("did no work for request '0'"));
  BOOST_TEST(
      none({.start_at_ns = now + 90'000'000'000}, false).ends_with("which is 90 s from now"));
}

BOOST_AUTO_TEST_CASE(failures_and_notes_of_ranks_are_told) {
  auto lost = trace(0, 0), noted = trace(1, 3);
  lost.error = {ErrorCode::io, "a.gz: cannot write"};
  noted.note = "its disk was full";
  noted.truncated = "after 5.000 ms: a.gz: no space";
  noted.failed_allocations = {.times = 1, .last = "found no room", .file = "a.json"};
  const auto words = describe_traces({lost, noted}, {}, false, now);
  BOOST_TEST(words.failures ==
             (std::vector<std::string>{
                 "no trace of rank 0 (stage 0): a.gz: cannot write",
                 "the trace of rank 1 (stage 1) ends early, after 5.000 ms: a.gz: no space"}));
  BOOST_TEST(words.remarks == (std::vector<std::string>{
                                  "trace of rank 1 (stage 1): its disk was full",
                                  "trace of rank 1 (stage 1): 1 allocation failed: found no room; "
                                  "see a.json"}));
}

BOOST_AUTO_TEST_SUITE_END()

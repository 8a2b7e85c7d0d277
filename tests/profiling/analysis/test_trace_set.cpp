// Which files belong together.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>

#include "profiling/analysis/trace_set.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {
fs::path trace(const fs::path& folder, int rank, const char* timestamp, const char* prefix = "") {
  auto how = options_of_rank(folder, rank);
  how.timestamp = timestamp;
  how.profile.prefix = prefix;
  return written(how);
}
prof::TraceSet chosen(const std::vector<fs::path>& files, const std::string& session = {}) {
  auto set = prof::choose_traces(files, session);
  if (!set) BOOST_FAIL(set.error().message);
  return std::move(set).value();
}
}  // namespace

BOOST_AUTO_TEST_SUITE(trace_set)

BOOST_AUTO_TEST_CASE(of_several_sessions_the_latest_profile_is_shown_and_the_others_are_named) {
  const Folder folder;
  const fs::path old = trace(folder.path, 0, "1700000000000"),
                 first = trace(folder.path, 0, "1700000000001"),
                 second = trace(folder.path, 1, "1700000000001"),
                 flight = trace(folder.path, 0, "1700000000009", "flight");
  const std::vector<fs::path> all{old, flight, first, second};
  const auto set = chosen(all);
  BOOST_TEST((set.files == std::vector<fs::path>{first, second}));
  BOOST_REQUIRE(set.notes.size() == 1u);
  BOOST_TEST(set.notes[0] ==
             "shown: session '1700000000001' (2 files); left out: session '1700000000000' (1 "
             "file), session 'flight-1700000000009' (1 file); --session NAME shows another");
  BOOST_TEST((chosen(all, "flight-1700000000009").files == std::vector<fs::path>{flight}));
  BOOST_TEST((chosen({old, flight}).files == std::vector<fs::path>{old}));
  BOOST_TEST(prof::choose_traces(all, "x").error().message.find("'1700000000000'") !=
             std::string::npos);
  // All tools alike.
  const auto merged = prof::merge(all, folder.path / "m.json.gz");
  if (!merged) BOOST_FAIL(merged.error().message);
  BOOST_TEST(merged->files == 2u);
  prof::Notes notes;
  BOOST_TEST(prof::summary_table(all, {}, &notes)->starts_with("shown: session"));
  BOOST_TEST(notes == set.notes, boost::test_tools::per_element());
  BOOST_TEST(prof::write_report(folder.path / "r.html", all)->front() == set.notes[0]);
}

BOOST_AUTO_TEST_CASE(one_file_counts_once_whatever_it_is_called) {
  const Folder folder;
  const fs::path file = trace(folder.path, 0, "1700000000000"), copy = folder.path / "copy.json.gz",
                 link = folder.path / "link.json.gz";
  fs::copy_file(file, copy);
  fs::create_symlink(file, link);
  const auto set = chosen({file, file, copy, link});
  BOOST_TEST(set.files.size() == 1u);
  BOOST_TEST(set.notes.size() == 3u);
  BOOST_TEST(set.notes[1].find("copy.json.gz is ") != std::string::npos, set.notes[1]);
}

BOOST_AUTO_TEST_CASE(a_merged_file_does_not_count_beside_those_of_its_ranks) {
  const Folder folder;
  const fs::path first = trace(folder.path, 0, "1700000000000"),
                 second = trace(folder.path, 1, "1700000000000"),
                 merged = folder.path / "m.json.gz";
  BOOST_REQUIRE(prof::merge({first, second}, merged).ok());
  const auto set = chosen({merged, first, second});
  BOOST_TEST((set.files == std::vector<fs::path>{first, second}));
  BOOST_TEST(set.notes.at(0).find("is a merged file") != std::string::npos);
  BOOST_TEST((chosen({merged}).files == std::vector<fs::path>{merged}));
}

BOOST_AUTO_TEST_CASE(files_of_others_are_shown_together_and_a_rank_twice_is_said) {
  const Folder folder;
  const auto other = [&](const char* name, const char* text) {
    return write_file(folder.path / name, text);
  };
  const fs::path a = other("rank0.json", "[]"), b = other("rank1.json", "[{}]"),
                 c = other("more_rank1.json", "[{},{}]");
  BOOST_TEST(chosen({a, b}).notes.empty());
  const auto set = chosen({a, b, c});
  BOOST_TEST(set.files.size() == 3u);
  BOOST_TEST(set.notes.at(0).find("rank 1 is in ") != std::string::npos);
  BOOST_TEST((prof::choose_traces({}).error().code == limelight::ErrorCode::invalid_argument));
}

BOOST_AUTO_TEST_SUITE_END()

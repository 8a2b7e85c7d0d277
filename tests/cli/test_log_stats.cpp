// Tables of statistics in the log.
#include <boost/test/unit_test.hpp>
#include <limelight/log.hpp>

#include "cli/log_stats.hpp"

using namespace limelight;
using namespace limelight::cli;
using namespace std::chrono_literals;

namespace {

RequestOutput output(const std::string& id, int index = 0) {
  RequestOutput out;
  out.request_id = id;
  out.index = index;
  out.e2e_time_ms = 12.5;
  out.answer.prompt_tokens = 5;
  out.answer.output_tokens = 7;
  out.answer.finish_reason = "stop";
  out.stages = {{.stage_id = 0, .num_tokens_out = 7, .stage_gen_time_ms = 3}};
  out.transfers = {{.from_stage = 0, .to_stage = 1, .chunks = 2, .size_bytes = 64}};
  return out;
}
struct Log {
  Log() {
    set_log_sink([this](LogLevel, std::string_view message) {
      const std::lock_guard lock(mutex);
      messages.emplace_back(message);
      said.notify_all();
    });
  }
  ~Log() { set_log_sink({}); }
  std::vector<std::string> until(std::size_t count) {
    std::unique_lock lock(mutex);
    said.wait_for(lock, 20s, [&] { return messages.size() >= count; });
    return messages;
  }
  std::mutex mutex;
  std::condition_variable said;
  std::vector<std::string> messages;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(log_stats)

BOOST_AUTO_TEST_CASE(a_request_is_a_line) {
  const std::string table = requests_table({output("a"), output("b", 1)}, 7);
  BOOST_TEST(table.find("e2e_time_ms") != std::string::npos);
  BOOST_TEST(table.find("\na  ") != std::string::npos, table);
  BOOST_TEST(table.find("\nb.1 ") != std::string::npos, table);
  BOOST_TEST(table.ends_with("and 5 others\n"), table);
}

BOOST_AUTO_TEST_CASE(tables_come_while_there_are_requests_and_at_the_end) {
  Log log;
  {
    LogStats stats(20ms);
    stats.add(output("first"));
    const auto said = log.until(1);
    BOOST_REQUIRE(said.size() == 1u);
    BOOST_TEST(said[0].starts_with("statistics of the last "));
    for (const char* part : {"\nfirst ", "stage_gen_time_ms", "0 -> 1", "1 of 1 requests done"})
      BOOST_TEST(said[0].find(part) != std::string::npos, said[0]);
    stats.add(output("second"));
    BOOST_TEST(log.until(2)[1].find("first") == std::string::npos);
  }
  const auto said = log.until(3);
  BOOST_REQUIRE(said.size() == 3u);
  BOOST_TEST(said[2].starts_with("statistics of all requests:"));
  BOOST_TEST(said[2].find("2 of 2 requests done") != std::string::npos, said[2]);
}

BOOST_AUTO_TEST_CASE(the_end_does_not_wait_for_the_interval) {
  Log log;
  { LogStats(1h).add(output("only")); }
  BOOST_TEST(log.until(2).size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()

// Graphs that are no chain, with real processes: fan-out, fan-in, edges that skip stages, several
// first stages, and replicas of any of them. Whatever is slow, and however small the windows are,
// each request gets each row once and in order.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <limelight/omni.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/run_command.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

using limelight::Omni;
using limelight::RequestOutput;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

const std::string library = PLUGIN_DIR "/graph.so";

std::string stage(int id, const std::string& type, const std::string& options, int replicas = 1) {
  return "  - stage_id: " + std::to_string(id) +
         "\n"
         "    stage_type: plugin\n"
         "    library: " +
         library +
         "\n"
         "    engine_args: {model_stage: " +
         type +
         "}\n"
         "    options: {" +
         options +
         "}\n"
         "    num_replicas: " +
         std::to_string(replicas) + "\n";
}

std::string edge(int from, int to, int window, const std::string& to_port = {}) {
  return "    - {from: " + std::to_string(from) + ", to: " + std::to_string(to) +
         ", window_size: " + std::to_string(window) +
         (to_port.empty() ? "" : ", to_port: " + to_port) + "}\n";
}

// One source whose rows go to a join directly and through two relays.
//
//          +-> 1 relay +100 --+
//   0 -----+-> 2 relay +10 ---+--> 3 join
//          +------------------+
//
struct Diamond {
  int window = 1;         // of each edge, but for
  int past = window;      // that of the edge past the relays
  int slow = 3;           // the stage that takes 1 ms for each row
  int replicas = 1;       // of the relays and the join
  std::string more = {};  // lines of the key `runtime`
};
std::string diamond(const Diamond& d) {
  const auto& [window, past, slow, replicas, more] = d;
  const auto ms = [slow = slow](int id) { return "ms: " + std::to_string(id == slow ? 1 : 0); };
  return "stage_args:\n" + stage(0, "source", ms(0)) +
         stage(1, "relay", "add: 100, " + ms(1), replicas) +
         stage(2, "relay", "add: 10, " + ms(2), replicas) +
         stage(3, "join", "inputs: left right past, " + ms(3), replicas) +
         "    final_output: true\n"
         "runtime:\n"
         "  defaults: {max_inflight: 8}\n" +
         more + "  edges:\n" + edge(0, 1, window) + edge(0, 2, window) + edge(0, 3, past, "past") +
         edge(1, 3, window, "left") + edge(2, 3, window, "right");
}

// Row i of `paths` paths is i on each, and `added` more in all.
std::string sums(int rows, int paths, int added) {
  std::string text;
  for (int i = 0; i < rows; ++i) text += std::to_string(paths * i + added) + " ";
  return text;
}

struct Pipeline {
  explicit Pipeline(const std::string& config) {
    auto made = Omni::from_engine_args({.config = write_file(folder.path / "graph.yaml", config),
                                        .profile_dir = folder.path / "traces"});
    if (!made) BOOST_FAIL(made.error().message);
    omni = std::move(*made);
  }
  // Asks for so many rows each.
  std::vector<RequestOutput> count(
      const std::vector<int>& rows,
      const std::function<void(const limelight::Progress&)>& on_progress = {}) {
    std::vector<std::string> prompts;
    for (const int one : rows) prompts.push_back(std::to_string(one));
    return omni->generate(prompts, {}, on_progress);
  }
  Folder folder;
  std::unique_ptr<Omni> omni;
};

const std::vector<int> many_rows{1, 60, 2, 45, 7, 90, 1, 30, 64, 3, 17, 50};

}  // namespace

BOOST_AUTO_TEST_CASE(a_diamond_with_every_window_full_loses_nothing_and_ends) {
  // The longest wait for each edge, in the run in which it was longest.
  std::map<std::pair<int, int>, double> held_back_ms;
  for (const int window : {1, 2, 7})
    for (const int slow : {0, 1, 2, 3})
      for (const int past : {window, 250}) {
        if (window > 1 && slow != 3) continue;
        Pipeline pipeline(diamond({.window = window, .past = past, .slow = slow}));
        const auto outputs = pipeline.count(many_rows);
        std::map<std::pair<int, int>, double> waited_ms;
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          BOOST_TEST(outputs[i].error.message == "");
          BOOST_TEST(outputs[i].text == sums(many_rows[i], 3, 110));
          BOOST_TEST(outputs[i].transfers.size() == 5u);
          for (const auto& edge : outputs[i].transfers) {
            waited_ms[{edge.from_stage, edge.to_stage}] += edge.tx_time_ms;
            BOOST_TEST(edge.chunks == static_cast<std::uint64_t>(many_rows[i]));
          }
        }
        for (const auto& [edge, ms] : waited_ms)
          held_back_ms[edge] = std::max(held_back_ms[edge], ms);
      }
  // The slow stage needs 1 ms for each row, whatever the others could do: so the rows that go to it
  // have waited, and each stage but the source was the slow one, or the one behind it.
  BOOST_TEST(held_back_ms.size() == 5u);
  for (const auto& [edge, ms] : held_back_ms)
    BOOST_TEST(ms > 50, "from " << edge.first << " to " << edge.second << ": " << ms << " ms");
}

BOOST_AUTO_TEST_CASE(replicas_in_a_diamond_keep_the_rows_of_a_request_together) {
  Pipeline pipeline(diamond({.replicas = 2}));
  BOOST_REQUIRE(pipeline.omni->start_profile().ok());
  const auto outputs = pipeline.count(many_rows);
  const auto traces = pipeline.omni->stop_profile();
  if (!traces) BOOST_FAIL(traces.error().message);
  std::set<std::pair<int, int>> traced;
  for (const auto& trace : *traces) {
    traced.emplace(trace.stage_id, trace.replica);
    const auto json = nlohmann::json::parse(read_gzip(trace.file));
    BOOST_TEST(json["limelight"]["replica"] == trace.replica);
    const std::string named = ", replica " + std::to_string(trace.replica);
    for (const auto& event : json["traceEvents"])
      if (event["name"] == "process_name")
        BOOST_TEST(event["args"]["name"].get<std::string>().ends_with(named) ==
                   (trace.stage_id > 0));
  }
  BOOST_TEST(traced.size() == 7u);
  std::set<std::pair<int, int>> used;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    BOOST_TEST(outputs[i].text == sums(many_rows[i], 3, 110), outputs[i].error.message);
    BOOST_TEST(outputs[i].transfers.size() == 5u);  // from and to one replica of each stage
    for (const auto& one : outputs[i].stages) used.emplace(one.stage_id, one.replica);
  }
  BOOST_TEST(used.size() == 7u);
}

BOOST_AUTO_TEST_CASE(several_first_stages_each_read_the_prompt) {
  Pipeline pipeline("stage_args:\n" + stage(0, "source", "") + stage(1, "source", "ms: 1") +
                    stage(2, "relay", "add: 5") + stage(3, "join", "inputs: a b c, add: 1000") +
                    "    final_output: true\n"
                    "runtime:\n"
                    "  edges:\n" +
                    edge(0, 3, 1, "a") + edge(1, 3, 2, "b") + edge(1, 2, 1) + edge(2, 3, 1, "c"));
  const auto outputs = pipeline.count({1, 20, 3});
  BOOST_TEST(outputs[0].text == sums(1, 3, 1005), outputs[0].error.message);
  BOOST_TEST(outputs[1].text == sums(20, 3, 1005), outputs[1].error.message);
  BOOST_TEST(outputs[2].text == sums(3, 3, 1005), outputs[2].error.message);
}

BOOST_AUTO_TEST_CASE(rows_for_several_stages_reach_each_of_them) {
  Pipeline pipeline("stage_args:\n" + stage(0, "source", "") +
                    stage(1, "join", "inputs: a, add: 1") + "    final_output: true\n" +
                    stage(2, "join", "inputs: a, add: 2, ms: 1") +
                    "runtime:\n"
                    "  edges:\n" +
                    edge(0, 1, 1) + edge(0, 2, 1));
  const auto outputs = pipeline.count(many_rows);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    BOOST_TEST(outputs[i].text == sums(many_rows[i], 1, 1), outputs[i].error.message);
}

BOOST_AUTO_TEST_CASE(a_request_fails_alone_in_a_diamond) {
  Pipeline pipeline(diamond({}));
  const auto outputs = pipeline.omni->generate({"30", "nothing", "40"});
  BOOST_TEST(outputs[0].text == sums(30, 3, 110));
  BOOST_TEST(outputs[1].error.message.find("expected a number of rows") != std::string::npos,
             outputs[1].error.message);
  BOOST_TEST(outputs[2].text == sums(40, 3, 110));
}

BOOST_AUTO_TEST_CASE(any_stage_of_a_full_diamond_may_be_killed) {
  for (int rank = 0; rank < 4; ++rank) {
    Pipeline pipeline(diamond({.more = "  supervision: {restart_backoff_ms: 1}\n"}));
    bool killed = false;
    const auto outputs = pipeline.count(many_rows, [&](const auto& progress) {
      if (killed || progress.text_bytes < 100) return;
      killed = kill(pipeline.omni->rank_pid(rank), SIGKILL) == 0;
    });
    BOOST_TEST(killed);
    std::size_t failures = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].error.code == limelight::ErrorCode::none)
        BOOST_TEST(outputs[i].text == sums(many_rows[i], 3, 110));
      else ++failures;
    BOOST_TEST(failures > 0u);
    BOOST_TEST(failures <= 8u);  // those that were open
    const auto after = pipeline.count({80, 80});
    for (const auto& one : after) BOOST_TEST(one.text == sums(80, 3, 110), one.error.message);
  }
}

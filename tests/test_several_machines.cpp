// One pipeline over several machines, as a user has it: nodes are processes of this machine, at
// addresses of its own; two network namespaces with a /tmp and a /dev/shm of their own stand for
// two machines where that is permitted.
#include <boost/test/unit_test.hpp>
#include <limelight/omni.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "tests/node_process.hpp"
#include "tests/run_command.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

using namespace limelight::tests;
using namespace std::chrono_literals;
using limelight::ErrorCode;
using limelight::Health;
using limelight::Omni;

namespace {

const std::string secret = "0123456789abcdef0123456789abcdef";
const std::string prompt = " --prompt 'Why is the sky blue?' --max-tokens 24";

// The shipped config with its stages on nodes. placed: by stage; empty: here.
fs::path placed_config(const Folder& folder,
                       const std::map<std::string, std::string>& nodes,
                       const std::vector<std::string>& placed,
                       const std::string& more = "") {
  std::string text = read_file(configs / "omni_tiny.yaml");
  for (std::size_t stage = 0; stage < placed.size(); ++stage) {
    const std::string id = "  - stage_id: " + std::to_string(stage) + "\n";
    const auto at = text.find(id);
    BOOST_REQUIRE(at != std::string::npos);
    if (!placed[stage].empty()) text.insert(at + id.size(), "    node: " + placed[stage] + "\n");
  }
  std::string table;
  for (const auto& [name, address] : nodes)
    table += (table.empty() ? "" : ", ") + name + ": \"" + address + "\"";
  const std::string begin = "  enabled: true\n";
  const auto at = text.find(begin);
  BOOST_REQUIRE(at != std::string::npos);
  text.insert(at + begin.size(), "  nodes: {" + table + "}\n" + more);
  return write_file(folder.path / "placed.yaml", text);
}

struct Outputs {
  std::string text, sound;
};
Outputs outputs_of(const fs::path& folder) {
  return {read_file(folder / "0.txt"), read_file(folder / "0.wav")};
}
// What the pipeline makes of the prompt on one machine.
const Outputs& on_one_machine() {
  static const Outputs outputs = [] {
    const Folder folder;
    const Ran ran = limelight_command("run" + prompt + " --output-dir " + folder.path.string());
    BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
    return outputs_of(folder.path);
  }();
  return outputs;
}
void check_outputs(const fs::path& folder) {
  const Outputs found = outputs_of(folder);
  BOOST_TEST(found.text == on_one_machine().text);
  BOOST_TEST((found.sound == on_one_machine().sound));
  BOOST_TEST(found.sound.size() > 1000);
}

Ran run_placed(const fs::path& config, const fs::path& token, const std::string& more) {
  return limelight_command("run --config " + config.string() + " --token-file " + token.string() +
                           prompt + " " + more);
}

}  // namespace

BOOST_AUTO_TEST_CASE(stages_on_nodes_give_the_same_outputs_and_no_token_is_on_the_wire) {
  const Folder folder;
  const auto token = write_token(folder, secret + "\n");
  NodeProcess one(token), two(token);
  Tap tap(one.address()), other(two.address());
  // Channels from here to a node, from a node to another, and from there to the user.
  const auto config = placed_config(folder, {{"gpu1", tap.address()}, {"gpu2", other.address()}},
                                    {"", "gpu1", "gpu2"});
  const Ran ran = run_placed(config, token, "--output-dir " + (folder.path / "out").string());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  check_outputs(folder.path / "out");
  for (const std::string& heard : {tap.heard(), other.heard()}) {
    BOOST_TEST(heard.size() > 10'000);
    for (std::size_t i = 0; i + 8 <= secret.size(); ++i)
      BOOST_TEST(heard.find(secret.substr(i, 8)) == std::string::npos);
  }
  one.end(SIGTERM);
  BOOST_TEST(one.status() == 0);
}

BOOST_AUTO_TEST_CASE(the_first_stage_on_a_node_gets_its_requests_there) {
  const Folder folder;
  const auto token = write_token(folder, secret);
  NodeProcess node(token);
  const auto config = placed_config(folder, {{"gpu2", node.address()}}, {"gpu2", "", ""});
  const Ran ran = run_placed(config, token, "--output-dir " + (folder.path / "out").string());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  check_outputs(folder.path / "out");
}

BOOST_AUTO_TEST_CASE(channels_that_are_cut_lose_nothing) {
  const Folder folder;
  const auto token = write_token(folder, secret);
  NodeProcess node(token);
  Tap tap(node.address());
  const auto config = placed_config(folder, {{"gpu2", tap.address()}}, {"", "gpu2", ""});
  std::atomic<bool> over = false;
  int cuts = 0;
  // The channel from the thinker carries most; control and clock stay below.
  std::thread cutter([&] {
    while (!over) {
      std::this_thread::sleep_for(20ms);
      cuts += tap.cut(100'000);
    }
  });
  const Ran ran = run_placed(config, token, "--output-dir " + (folder.path / "out").string());
  over = true;
  cutter.join();
  BOOST_TEST_MESSAGE("connections cut: " << cuts);
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  BOOST_TEST(cuts > 0);
  check_outputs(folder.path / "out");
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_shifted_and_drifts_leaves_no_arrow_backward) {
  const Folder folder;
  const auto token = write_token(folder, secret);
  NodeProcess node(token, "0", {"LIMELIGHT_TEST_CLOCK=5000000000,50"});
  const auto config = placed_config(folder, {{"gpu2", node.address()}}, {"", "gpu2", ""});
  const fs::path traces = folder.path / "traces";
  const Ran ran =
      run_placed(config, token, "--profile all --collect --profile-dir " + traces.string());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  std::int64_t error_ns = 0;
  std::string files;
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(traces)) {
    if (entry.path().extension() != ".gz") continue;
    ++count;
    files += " " + entry.path().string();
    const auto own = nlohmann::json::parse(read_gzip(entry.path()))["limelight"];
    const bool is_there = entry.path().filename().string().find("-rank-1.") != std::string::npos;
    BOOST_TEST(own.contains("host_clock_offset_ns") == is_there);
    if (!is_there) continue;
    error_ns = own["host_clock_error_ns"];
    // The drift is counted from the machine's start.
    BOOST_TEST(own["host_clock_offset_ns"].get<std::int64_t>() > 4'990'000'000);
    BOOST_TEST(error_ns > 0);
    BOOST_TEST(error_ns < 20'000'000);
    error_ns += std::abs(own["clock_error_ns"].get<std::int64_t>());
  }
  BOOST_TEST(count == 3u);
  const std::string merged = (folder.path / "merged.json.gz").string();
  const Ran merge = limelight_command("trace merge" + files + " -o " + merged);
  BOOST_REQUIRE_MESSAGE(merge.code == 0, merge.output);
  const auto trace = nlohmann::json::parse(read_gzip(merged));
  std::map<std::string, double> begins;
  std::size_t arrows = 0;
  double worst_us = 1e18;
  for (const auto& event : trace["traceEvents"])
    if (event["ph"] == "s") begins[event["id"].dump() + event["name"].dump()] = event["ts"];
  for (const auto& event : trace["traceEvents"])
    if (event["ph"] == "f") {
      const auto begin = begins.find(event["id"].dump() + event["name"].dump());
      if (begin == begins.end()) continue;
      ++arrows;
      worst_us = std::min(worst_us, event["ts"].get<double>() - begin->second);
    }
  BOOST_TEST(arrows > 20u);
  BOOST_TEST(worst_us * 1000 >= -static_cast<double>(error_ns));
  BOOST_TEST(worst_us < 1e6);  // they are of one clock, not seconds apart
}

BOOST_AUTO_TEST_CASE(traces_stay_on_the_node_where_nobody_collects_them) {
  const Folder folder;
  const auto token = write_token(folder, secret);
  NodeProcess node(token);
  const auto config = placed_config(folder, {{"gpu2", node.address()}}, {"", "gpu2", ""});
  const fs::path traces = folder.path / "traces";
  const Ran ran = run_placed(config, token, "--profile 1 --profile-dir " + traces.string());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  const auto at = ran.output.find("gpu2:" + traces.string());
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, ran.output);
  const std::string file = ran.output.substr(at + 5, ran.output.find(',', at) - at - 5);
  BOOST_TEST(fs::exists(file), file);
}

BOOST_AUTO_TEST_CASE(who_has_no_token_or_another_one_is_refused) {
  const Folder folder, others;
  const auto token = write_token(folder, secret), wrong = write_token(others, secret + "0");
  NodeProcess node(token);
  const auto config = placed_config(folder, {{"gpu2", node.address()}}, {"", "gpu2", ""});
  const Ran refused = run_placed(config, wrong, "");
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.output.find("does not accept this token") != std::string::npos,
             refused.output);
  const Ran none = limelight_command("run --config " + config.string() + prompt);
  BOOST_TEST(none.code == 2);
  BOOST_TEST(none.output.find("--token-file") != std::string::npos, none.output);
  BOOST_TEST(limelight_command("node").code == 2);
  BOOST_TEST(limelight_command("node --listen nowhere --token-file " + token.string()).code == 2);
  const Ran list = limelight_command("node list --config " + config.string() + " --token-file " +
                                     token.string());
  BOOST_TEST(list.code == 0);
  BOOST_TEST(list.output.find("gpu2 " + node.address() + ": Limelight ") != std::string::npos,
             list.output);
}

BOOST_AUTO_TEST_CASE(a_killed_node_is_the_death_of_its_ranks_and_its_return_their_restart) {
  const Folder folder;
  const auto token = write_token(folder, secret);
  std::optional<NodeProcess> node(std::in_place, token);
  const std::string port = node->port();
  const auto config = placed_config(folder, {{"gpu2", node->address()}}, {"", "gpu2", ""});
  auto omni = Omni::from_engine_args(
      {.config = config, .rank_timeout = 2000ms, .flight_recorder = 0ms, .token_file = token});
  if (!omni) BOOST_FAIL(omni.error().message);
  const auto generate = [&] { return (*omni)->generate(std::vector<std::string>{"a"}).front(); };
  const auto first = generate();
  BOOST_TEST((first.error.code == ErrorCode::none), first.error.message);
  std::thread killer([&] {
    std::this_thread::sleep_for(150ms);
    node->end(SIGKILL);
  });
  const auto failed = generate();
  killer.join();
  BOOST_TEST((failed.error.code == ErrorCode::rank_failed));
  BOOST_TEST(
      failed.error.message.find("node gpu2 (127.0.0.1:" + port + ") is lost") != std::string::npos,
      failed.error.message);
  node.emplace(token, port);
  const auto again = generate();  // waits until it serves again
  BOOST_TEST((again.error.code == ErrorCode::none), again.error.message);
  BOOST_TEST(again.text == first.text);
  BOOST_TEST((again.audio == first.audio));
}

BOOST_AUTO_TEST_CASE(two_namespaces_give_the_same_outputs_also_over_a_cut_of_three_seconds) {
  Folder folder;
  // The node has a /tmp of its own, and reads nothing below ours.
  std::string name = (fs::current_path() / "two-machines-XXXXXX").string();
  BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
  fs::remove(folder.path);
  folder.path = name;
  const auto token = write_token(folder, secret);
  const auto config = placed_config(folder, {{"gpu2", "10.77.0.2:7420"}}, {"", "gpu2", ""});
  const Ran ran = run("unshare -n -m " TWO_MACHINES " " LIMELIGHT_COMMAND " " + config.string() +
                      " " + folder.path.string());
  BOOST_TEST_MESSAGE(ran.output);
  if (ran.code == 77 || ran.output.starts_with("unshare:")) {
    BOOST_TEST_MESSAGE("skipped: network namespaces are not permitted here");
    return;
  }
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  check_outputs(folder.path / "plain");
  check_outputs(folder.path / "cut");
}

BOOST_AUTO_TEST_CASE(a_killed_orchestrator_ends_what_it_has_on_a_node) {
  const Folder folder;
  const auto token = write_token(folder, secret);
  NodeProcess node(token);
  const auto config = placed_config(folder, {{"gpu2", node.address()}}, {"", "gpu2", ""});
  const Ran killed = watched_run(
      {"--config", config, "--token-file", token, "--prompt", "a", "--max-tokens", "80"},
      [](pid_t run, const std::string& output) {
        if (output.find("node gpu2") != std::string::npos) kill(run, SIGKILL);
      });
  BOOST_TEST(killed.code == 128 + SIGKILL);
  const auto list = [&] {
    return limelight_command("node list --config " + config.string() + " --token-file " +
                             token.string())
        .output;
  };
  std::string found = list();
  for (int i = 0; i < 100 && found.find(", 0 runs") == std::string::npos; ++i) {
    std::this_thread::sleep_for(100ms);
    found = list();
  }
  BOOST_TEST(found.find(", 0 runs") != std::string::npos, found);
}

BOOST_AUTO_TEST_CASE(the_replica_here_goes_on_while_that_on_a_lost_node_is_away) {
  const Folder folder;
  const auto token = write_token(folder, secret);
  NodeProcess node(token);
  const auto config = placed_config(folder, {{"gpu2", node.address()}},
                                    {"", "[here, gpu2]\n    num_replicas: 2", ""});
  const Ran check = limelight_command("run --check --config " + config.string());
  BOOST_TEST(check.output.find("on here and gpu2\n") != std::string::npos, check.output);
  BOOST_TEST(check.output.find("node gpu2: " + node.address()) != std::string::npos);
  auto omni = Omni::from_engine_args(
      {.config = config, .rank_timeout = 2000ms, .flight_recorder = 0ms, .token_file = token});
  if (!omni) BOOST_FAIL(omni.error().message);
  const std::vector<std::string> prompts(3, "a");
  const auto both = (*omni)->generate(prompts);
  for (const auto& output : both)
    BOOST_TEST((output.error.code == ErrorCode::none), output.error.message);
  node.end(SIGKILL);
  for (int i = 0; i < 100 && (*omni)->status().health == Health::running; ++i)
    std::this_thread::sleep_for(50ms);
  BOOST_TEST(((*omni)->status().health == Health::degraded));
  for (const auto& output : (*omni)->generate(prompts)) {
    BOOST_TEST((output.error.code == ErrorCode::none), output.error.message);
    BOOST_TEST(output.text == both.front().text);
  }
}

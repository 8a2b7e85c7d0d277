// Tests the commands as a user sees them, with real processes and files, and what happens when a
// process is killed.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limelight/omni.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support.hpp"
#include "tests/trace_file.hpp"

using limelight::ErrorCode;
using limelight::Omni;
using namespace limelight::tests;
namespace fs = std::filesystem;

namespace {
const fs::path configs = CONFIG_DIR;

Ran limelight_command(const std::string& arguments) {
  return run(LIMELIGHT_COMMAND " " + arguments);
}
nlohmann::json read_trace(const fs::path& path) { return nlohmann::json::parse(read_gzip(path)); }
// Writes the shipped config with one piece of text replaced.
fs::path changed_config(const Folder& folder, const std::string& from, const std::string& to) {
  std::string text = read_file(configs / "omni_tiny.yaml");
  const auto at = text.find(from);
  BOOST_REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return write_file(folder.path / "changed.yaml", text);
}
// One request after the other, so that the first line of progress comes long before the end.
std::string one_by_one(const Folder& folder) {
  return changed_config(folder, "max_inflight: 4", "max_inflight: 1");
}
std::vector<std::string> left_behind() {
  std::vector<std::string> names;
  for (const char* place : {"/dev/shm", "/tmp"})
    for (const auto& entry : fs::directory_iterator(place)) {
      const std::string name = entry.path().filename();
      const bool ours = name.starts_with("limelight-") && !entry.is_directory();
      if (ours || name == "iceoryx_mgmt" || name == "roudi") names.push_back(entry.path());
    }
  return names;
}
}  // namespace

BOOST_AUTO_TEST_CASE(run_writes_text_sound_and_one_trace_for_each_chosen_stage) {
  const Folder folder;
  const std::string out = folder.path / "out", traces = folder.path / "traces";
  const Ran ran =
      limelight_command("run --prompt 'Why is the sky blue?' --profile 0,2 --profile-dir " +
                        traces + " --output-dir " + out);
  BOOST_TEST_INFO(ran.output);
  BOOST_REQUIRE(ran.code == 0);
  BOOST_TEST(!read_file(out + "/0.txt").empty());
  BOOST_TEST(read_file(out + "/0.wav").substr(0, 4) == "RIFF");
  BOOST_TEST(nlohmann::json::parse(read_file(out + "/outputs.jsonl"))["transfers"].size() == 2u);
  std::set<int> ranks;
  std::size_t files = 0;
  const std::regex name(R"(\d+-rank-(\d+)\..+_\d+_stage(\d+)-\w+\.pt\.trace\.json\.gz)");
  for (const auto& entry : fs::directory_iterator(traces)) {
    std::smatch parts;
    const std::string file = entry.path().filename();
    if (!std::regex_match(file, parts, name)) continue;
    ++files;
    ranks.insert(std::stoi(parts[1]));
    BOOST_TEST(parts[2] != "1");
    std::set<std::string> seen;
    const nlohmann::json trace = read_trace(entry.path());
    for (const auto& event : trace["traceEvents"]) seen.insert(event["name"]);
    for (const char* expected : {"linear", "attention", "ipc.publish", "ipc.loan"})
      BOOST_TEST(seen.contains(expected), expected);
  }
  BOOST_TEST(files == 2u);
  const Ran valid = limelight_command("trace validate " + traces + "/*.json.gz");
  BOOST_TEST(valid.code == 0, valid.output);
  BOOST_TEST(limelight_command("trace summary " + traces + "/*.json.gz").output.find("attention") !=
             std::string::npos);
  const Ran diff =
      limelight_command("trace diff -a " + traces + "/*rank-0*.gz -b " + traces + "/*.gz");
  BOOST_TEST(diff.code == 0, diff.output);
  BOOST_TEST(diff.output.find("upsample") != std::string::npos);  // only in B
  BOOST_TEST(limelight_command("trace diff -a /no/such.gz -b " + traces + "/*.gz")
                 .output.find("/no/such.gz") != std::string::npos);
  BOOST_TEST(ranks == (std::set<int>{0, 2}), boost::test_tools::per_element());
  BOOST_TEST(read_file(traces + "/profiler_out_0.txt").find("Self CPU %") != std::string::npos);
  BOOST_TEST(!fs::exists(traces + "/profiler_out_1.txt"));
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(the_orchestrator_and_the_queues_are_in_the_merged_picture) {
  const Folder folder;
  const std::string traces = folder.path / "traces", merged = folder.path / "merged.json.gz";
  const Ran ran = limelight_command(
      "run --prompts " PROMPTS_FILE
      " --profile all --profile-orchestrator --profile-format json.zst --profile-dir " +
      traces);
  BOOST_REQUIRE(ran.code == 0);
  BOOST_TEST(limelight_command("trace validate " + traces + "/*.zst").code == 0);
  BOOST_TEST(limelight_command("trace merge " + traces + "/*.zst -o " + merged).code == 0);
  const Ran valid = limelight_command("trace validate " + merged);
  BOOST_TEST(valid.code == 0, valid.output);
  std::set<std::string> names, queues;
  const nlohmann::json trace = read_trace(merged);
  for (const auto& event : trace["traceEvents"]) {
    names.insert(event["name"]);
    if (event["ph"] == "C") {
      queues.insert(event["name"]);
      BOOST_REQUIRE(event["args"]["chunks"].get<int>() >= 0);
    }
  }
  for (const char* expected : {"orchestrator.submit", "orchestrator.admit", "orchestrator.finish",
                               "actor.stage_report", "in the pipeline", "queue", "work"})
    BOOST_TEST(names.contains(expected), expected);
  BOOST_TEST(queues.size() == 4u);  // two between stages, two to the user
  const Ran path = limelight_command("trace summary --request 0 " + traces + "/*.zst");
  BOOST_TEST(path.output.find("orch.") != std::string::npos, path.output);
}

// Must come before the cases that embed Omni: after those this process uses the broker itself.
BOOST_AUTO_TEST_CASE(no_process_survives_the_orchestrator_and_the_next_start_is_clean) {
  const pid_t orchestrator = fork();
  if (orchestrator == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    execl(LIMELIGHT_COMMAND, "limelight", "run", "--prompts", PROMPTS_FILE, nullptr);
    _exit(127);
  }
  // Wait until the run has started its ranks.
  const auto running = [&] { return std::system("pgrep -x limelight-rank >/dev/null") == 0; };
  while (!running()) std::this_thread::yield();
  kill(orchestrator, SIGKILL);
  waitpid(orchestrator, nullptr, 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (running() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  BOOST_TEST(!running());
  BOOST_TEST(limelight_command("run --prompt next").code == 0);
  BOOST_TEST(left_behind().empty());
}

// The ranks continue until they have finished their traces.
BOOST_AUTO_TEST_CASE(an_orchestrator_killed_during_a_profile_leaves_whole_traces) {
  constexpr unsigned tries = 12;
  std::size_t whole = 0;
  for (unsigned round = 0; round < tries; ++round) {
    const Folder folder;
    const fs::path traces = folder.path / "traces";
    const pid_t orchestrator = fork();
    if (orchestrator == 0) {
      const int null = open("/dev/null", O_RDWR);
      dup2(null, 1);
      dup2(null, 2);
      execl(LIMELIGHT_COMMAND, "limelight", "run", "--prompts", PROMPTS_FILE, "--profile", "all",
            "--profile-dir", traces.c_str(), nullptr);
      _exit(127);
    }
    // The folder is created by the first rank that starts its trace.
    while (!fs::exists(traces)) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(round * 250 / tries));
    kill(orchestrator, SIGKILL);
    waitpid(orchestrator, nullptr, 0);
    const auto running = [] { return std::system("pgrep -x limelight-rank >/dev/null") == 0; };
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (running() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    BOOST_REQUIRE(!running());
    std::string all;
    for (const auto& entry : fs::directory_iterator(traces)) {
      BOOST_TEST(entry.path().extension() != ".part", entry.path());
      if (entry.path().extension() == ".gz") all += " " + entry.path().string(), ++whole;
    }
    if (all.empty()) continue;
    const Ran valid = limelight_command("trace validate" + all);
    BOOST_TEST(valid.code == 0, valid.output);
  }
  BOOST_TEST(whole > 2 * tries);  // only the first kills can come before all three have started
  BOOST_TEST(limelight_command("run --prompt next").code == 0);
  BOOST_TEST(left_behind().empty());
}

// Runs `limelight run`. For each piece of output it calls `watch` with the pid and all output so
// far.
Ran watched_run(std::vector<std::string> arguments,
                const std::function<void(pid_t, const std::string&)>& watch) {
  int output[2];
  BOOST_REQUIRE(pipe(output) == 0);
  const pid_t run = fork();
  if (run == 0) {
    dup2(output[1], 1);
    dup2(output[1], 2);
    close(output[0]);
    arguments.insert(arguments.begin(), {"limelight", "run"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(LIMELIGHT_COMMAND, argv.data());
    _exit(127);
  }
  close(output[1]);
  Ran ran;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = read(output[0], buffer.data(), buffer.size())) > 0;) {
    ran.output.append(buffer.data(), static_cast<std::size_t>(n));
    watch(run, ran.output);
  }
  close(output[0]);
  int status = 0;
  waitpid(run, &status, 0);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

BOOST_AUTO_TEST_CASE(ctrl_c_and_sigterm_end_all_processes_in_order) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Folder folder;
    bool sent = false;
    const Ran ran = watched_run({"--config", one_by_one(folder), "--prompts", PROMPTS_FILE,
                                 "--profile", "all", "--profile-dir", folder.path / "traces"},
                                [&](pid_t run, const std::string& said) {
                                  // The first line of progress shows that the request is being
                                  // worked on.
                                  if (!sent && said.find("1/4 requests") != std::string::npos)
                                    sent = kill(run, signal) == 0;
                                });
    BOOST_TEST(sent);
    BOOST_TEST(ran.code == 1);
    BOOST_TEST(ran.output.find(signal == SIGINT ? "ended by Ctrl-C" : "ended by SIGTERM") !=
                   std::string::npos,
               ran.output);
    BOOST_TEST(std::system("pgrep -x limelight-rank >/dev/null") != 0);
    BOOST_TEST(left_behind().empty());
  }
}

// What comes until the other side closes; empty as long as it only closes.
std::string said_to_a_stranger(const fs::path& socket, const std::string& greeting) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return "cannot connect";
  }
  (void)!send(fd, greeting.data(), greeting.size(), MSG_NOSIGNAL);
  std::string said;
  char bytes[4096];
  for (pollfd waiting{fd, POLLIN, 0};;) {
    if (poll(&waiting, 1, 10'000) <= 0) {
      said += "and it stays open";
      break;
    }
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got <= 0) break;
    said.append(bytes, static_cast<std::size_t>(got));
  }
  close(fd);
  return said;
}

// How many TCP ports these processes listen at: /proc/net names the inode of each socket.
std::size_t tcp_listeners_of(const std::vector<pid_t>& processes) {
  std::set<std::string> inodes;
  for (const pid_t pid : processes) {
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
      const std::string target = fs::read_symlink(entry.path(), gone);
      if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
    }
  }
  std::size_t count = 0;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string number, local, remote, state, queues, timer, retransmit, uid, timeout, inode;
      words >> number >> local >> remote >> state >> queues >> timer >> retransmit >> uid >>
          timeout >> inode;
      if (state == "0A" && inodes.contains(inode)) ++count;
    }
  }
  return count;
}

BOOST_AUTO_TEST_CASE(a_process_that_is_no_rank_is_told_nothing_and_the_run_goes_on) {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const fs::path folder = runtime != nullptr && *runtime == '/'
                              ? fs::path(runtime) / "limelight"
                              : fs::path("/tmp/limelight-" + std::to_string(getuid()));
  bool asked = false;
  std::string said;
  fs::path control;
  std::size_t ranks = 0, listeners = 0;
  const Folder own;
  const Ran ran =
      watched_run({"--config", one_by_one(own), "--prompts", PROMPTS_FILE},
                  [&](pid_t run, const std::string& so_far) {
                    if (asked || so_far.find("1/4 requests") == std::string::npos) return;
                    asked = true;
                    control = folder / ("run-" + std::to_string(run) + "-1.control");
                    // Of the same user, and even the parent of the orchestrator.
                    for (int i = 0; i < 200; ++i)
                      said += said_to_a_stranger(control, i % 2 == 0 ? "" : std::string(1000, 'x'));
                    std::vector<pid_t> processes{run};
                    FILE* children = popen(("pgrep -P " + std::to_string(run)).c_str(), "r");
                    for (pid_t child = 0; fscanf(children, "%d", &child) == 1;)
                      processes.push_back(child);
                    pclose(children);
                    ranks = processes.size() - 1;
                    listeners = tcp_listeners_of(processes);
                  });
  BOOST_TEST(asked);
  BOOST_TEST(said == "");
  BOOST_TEST(ranks >= 3u);
  BOOST_TEST(listeners == 0u);
  BOOST_TEST(ran.code == 0, ran.output);
  BOOST_TEST(ran.output.find("4/4 requests") != std::string::npos, ran.output);
  BOOST_TEST(!fs::exists(control));
  BOOST_TEST(left_behind().empty());
}

// Longer than 1.5 s, after which the original RouDi removes the ports of a silent process.
constexpr auto long_standstill = std::chrono::milliseconds(2500);

BOOST_AUTO_TEST_CASE(an_orchestrator_that_stood_still_goes_on_where_it_was) {
  bool stopped = false;
  const Folder folder;
  const Ran ran = watched_run({"--config", one_by_one(folder), "--prompts", PROMPTS_FILE},
                              [&](pid_t run, const std::string& said) {
                                if (stopped || said.find("1/4 requests") == std::string::npos)
                                  return;
                                stopped = kill(run, SIGSTOP) == 0;
                                std::this_thread::sleep_for(long_standstill);
                                kill(run, SIGCONT);
                              });
  BOOST_TEST(stopped);
  BOOST_TEST(ran.code == 0, ran.output);
  BOOST_TEST(ran.output.find("4/4 requests") != std::string::npos, ran.output);
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(bench_ipc_prints_each_peer_with_its_ratio) {
  const Ran ran = limelight_command("bench ipc --quick --json");
  BOOST_TEST(ran.code == 0);
  const auto results = nlohmann::json::parse(ran.output.substr(ran.output.find('{')))["results"];
  std::set<std::string> peers;
  for (const auto& row : results) {
    for (const char* key : {"name", "params", "value", "unit", "peer", "peer_value", "ratio"})
      BOOST_TEST(row.contains(key), key);
    BOOST_TEST(row["value"].get<double>() > 0);
    if (row["name"] == "handoff") peers.insert(row["peer"]);
  }
  for (const char* peer : {"iceoryx", "socket"}) BOOST_TEST(peers.contains(peer), peer);
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes) {
  const Folder folder;
  const std::string a = folder.path / "a", b = folder.path / "b";
  BOOST_REQUIRE(limelight_command("run --prompt again --output-dir " + a).code == 0);
  BOOST_REQUIRE(limelight_command("run --prompt again --output-dir " + b).code == 0);
  BOOST_TEST(read_file(a + "/0.txt") == read_file(b + "/0.txt"));
  BOOST_TEST((read_file(a + "/0.wav") == read_file(b + "/0.wav")));
}

BOOST_AUTO_TEST_CASE(two_tensor_parallel_ranks_give_the_greedy_text_of_one) {
  limelight::stages::SamplingParams greedy;
  greedy.max_tokens = 32;
  std::vector<std::string> texts;
  for (const char* name : {"omni_tiny.yaml", "omni_tiny_tp2.yaml"}) {
    auto omni = Omni::from_engine_args({configs / name, "traces"});
    if (!omni) BOOST_FAIL(omni.error().message);
    const auto outputs = (*omni)->generate({"What is a rank?", "And a stage?"}, greedy);
    for (const auto& output : outputs) BOOST_TEST(output.error.message == "");
    texts.push_back(outputs[0].text + "|" + outputs[1].text);
  }
  BOOST_TEST(texts[0] == texts[1]);
}

BOOST_AUTO_TEST_CASE(a_rank_that_stood_still_goes_on_where_it_was) {
  auto omni = Omni::from_engine_args(
      {.config = configs / "omni_tiny.yaml", .flight_recorder = std::chrono::milliseconds(0)});
  if (!omni) BOOST_FAIL(omni.error().message);
  const auto undisturbed = (*omni)->generate({"patience"});
  for (int rank = 0; rank < 3; ++rank) {
    std::thread waker;
    const auto outputs =
        (*omni)->generate({"patience"}, {}, [&](const limelight::Progress& progress) {
          if (waker.joinable() || progress.text_bytes == 0) return;
          kill((*omni)->rank_pid(rank), SIGSTOP);
          waker = std::thread([pid = (*omni)->rank_pid(rank)] {
            std::this_thread::sleep_for(long_standstill);
            kill(pid, SIGCONT);
          });
        });
    BOOST_REQUIRE(waker.joinable());
    waker.join();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      BOOST_TEST(outputs[i].error.message == "");
      BOOST_TEST(outputs[i].text == undisturbed[i].text);
      BOOST_TEST((outputs[i].audio == undisturbed[i].audio));
    }
  }
}

BOOST_AUTO_TEST_CASE(profiling_starts_and_stops_among_requests_and_twice_is_harmless) {
  const Folder folder;
  auto omni = Omni::from_engine_args({configs / "omni_tiny.yaml", folder.path});
  if (!omni) BOOST_FAIL(omni.error().message);
  BOOST_TEST((*omni)->stop_profile()->empty());
  BOOST_TEST((*omni)->start_profile({1})->size() == 1u);
  const auto again = (*omni)->start_profile({1});
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(again->at(0).note == "was already running");
  const auto unknown = (*omni)->start_profile({5});
  BOOST_REQUIRE(!unknown.ok());
  BOOST_TEST(unknown.error().message.find("the stages are 0, 1, 2") != std::string::npos);
  (*omni)->generate({"one"});
  const auto stopped = (*omni)->stop_profile();
  BOOST_REQUIRE(stopped.ok());
  BOOST_REQUIRE(stopped->size() == 1u);
  BOOST_TEST(fs::exists(stopped->at(0).file));
  BOOST_TEST(stopped->at(0).events > 0u);
  BOOST_TEST((*omni)->start_profile()->size() == 3u);
  BOOST_TEST((*omni)->stop_profile()->size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_profile_can_be_limited_to_ranks_steps_time_and_one_request) {
  const Folder folder;
  auto omni = Omni::from_engine_args({configs / "omni_tiny_tp2.yaml", folder.path});
  if (!omni) BOOST_FAIL(omni.error().message);
  const auto profiled = [&](limelight::StageIds stages, limelight::ProfileOptions options) {
    const auto started = (*omni)->start_profile(stages, options);
    if (!started) BOOST_FAIL(started.error().message);
    (*omni)->generate({"one", "two"});
    auto stopped = (*omni)->stop_profile();
    BOOST_REQUIRE(stopped.ok());
    return *stopped;
  };
  const auto slices = [](const limelight::RankTrace& trace) {
    std::vector<nlohmann::json> all;
    const auto json = read_trace(trace.file);
    for (const auto& event : json["traceEvents"])
      if (event["ph"] == "X") all.push_back(event);
    return all;
  };
  const auto steps = profiled({0}, {.ranks = {1}, .steps = 3, .prefix = "few"});
  BOOST_REQUIRE(steps.size() == 1u);
  BOOST_TEST(steps[0].rank == 1);
  BOOST_TEST(steps[0].file.filename().string().starts_with("few-"));
  const auto of_steps = slices(steps[0]);
  BOOST_TEST(std::count_if(of_steps.begin(), of_steps.end(), [](const auto& e) {
               return e["name"].template get<std::string>().starts_with("ProfilerStep#");
             }) == 3);

  const auto one = profiled({}, {.request_id = "2"});  // the run has the requests 2 and 3
  BOOST_TEST(one.size() == 4u);
  for (const auto& trace : one)
    for (const auto& event : slices(trace)) BOOST_REQUIRE(event["args"]["request"] == "2");

  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t at = now.tv_sec * 1'000'000'000LL + now.tv_nsec + 100'000'000;
  const auto timed = profiled({}, {.start_at_ns = at, .milliseconds = 200});
  for (const auto& trace : timed) {
    BOOST_TEST(std::abs(trace.begin_skew_ns) < 50'000);
    const auto json = read_trace(trace.file);
    const auto base = json["baseTimeNanoseconds"].get<std::int64_t>();
    for (const auto& event : json["traceEvents"])
      if (event["ph"] == "X") {
        const double begin = event["ts"].get<double>() * 1000 + static_cast<double>(base - at);
        BOOST_REQUIRE(begin > -5000);
        BOOST_REQUIRE(begin < 200e6 + 5000);
      }
  }
  const auto late = (*omni)->start_profile({}, {.start_at_ns = at});
  BOOST_REQUIRE(!late.ok());
  BOOST_TEST((late.error().code == ErrorCode::late));
  BOOST_TEST((*omni)->stop_profile().ok());
  BOOST_TEST((*omni)->start_profile({0}, {.run_id = "first"}).ok());
  BOOST_TEST(((*omni)->start_profile({0}, {.run_id = "second"}).error().code == ErrorCode::busy));
  BOOST_TEST((*omni)->start_profile({0}, {.run_id = "first"}).ok());
  BOOST_TEST((*omni)->stop_profile().ok());
  BOOST_TEST(
      ((*omni)->start_profile({1}, {.ranks = {0}}).error().code == ErrorCode::invalid_argument));
  BOOST_TEST(((*omni)->start_profile({1}, {.activities = "nothing"}).error().code ==
              ErrorCode::invalid_argument));
  BOOST_TEST(
      ((*omni)->start_profile({0}, {.ranks = {9}}).error().message.find("the ranks are 0 to 3") !=
       std::string::npos));
}

BOOST_AUTO_TEST_CASE(the_flight_recorders_explain_what_nobody_profiled) {
  const Folder folder;
  const auto files = [&] {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder.path))
      if (entry.path().filename().string().starts_with("flight-") &&
          entry.path().extension() == ".gz")
        found.push_back(entry.path());
    return found;
  };
  {
    auto omni =
        Omni::from_engine_args({.config = configs / "omni_tiny.yaml", .profile_dir = folder.path});
    if (!omni) BOOST_FAIL(omni.error().message);
    (*omni)->generate({"not profiled"});
    const auto dumped = (*omni)->dump_profile();
    if (!dumped) BOOST_FAIL(dumped.error().message);
    BOOST_TEST(dumped->size() == 3u);
    for (const auto& trace : *dumped) BOOST_TEST(trace.events > 50u);
    BOOST_TEST((*omni)->set_flight_recorder(std::chrono::milliseconds(0)).ok());
    BOOST_TEST(((*omni)->dump_profile().error().code == ErrorCode::unavailable));
    BOOST_TEST((*omni)->set_flight_recorder(std::chrono::seconds(10)).ok());
    std::string all;
    for (const auto& file : files()) all += file.string() + " ";
    const Ran valid = limelight_command("trace validate " + all);
    BOOST_TEST(valid.code == 0, valid.output);
  }
  for (const auto& file : files()) fs::remove(file);
  {
    auto omni = Omni::from_engine_args({.config = configs / "omni_tiny.yaml",
                                        .profile_dir = folder.path,
                                        .slow_request = std::chrono::milliseconds(1)});
    if (!omni) BOOST_FAIL(omni.error().message);
    (*omni)->generate({"slower than a millisecond", "and another, within the interval"});
  }
  BOOST_TEST(files().size() == 3u);  // written only once
  auto omni = Omni::from_engine_args({.config = configs / "omni_tiny.yaml",
                                      .profile_dir = folder.path,
                                      .flight_recorder = std::chrono::milliseconds(0)});
  BOOST_TEST(((*omni)->dump_profile().error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(a_full_queue_has_the_flight_recorders_written) {
  const Folder folder;
  {
    auto omni = Omni::from_engine_args({.config = configs / "omni_tiny.yaml",
                                        .profile_dir = folder.path,
                                        .full_queue = std::chrono::milliseconds(100)});
    if (!omni) BOOST_FAIL(omni.error().message);
    const int talker = (*omni)->rank_pid(1);
    // The talker is stopped. Its window of 16 chunks fills up while the thinker continues, and then
    // no text arrives any more.
    std::thread waker;
    (*omni)->generate({"held back", "and more of it"}, {}, [&](const limelight::Progress&) {
      if (waker.joinable()) return;
      kill(talker, SIGSTOP);
      waker = std::thread([talker] {
        std::this_thread::sleep_for(std::chrono::milliseconds(700));
        kill(talker, SIGCONT);
      });
    });
    waker.join();
  }
  std::size_t written = 0;
  for (const auto& entry : fs::directory_iterator(folder.path))
    written += entry.path().filename().string().starts_with("flight-");
  BOOST_TEST(written == 3u);
}

BOOST_AUTO_TEST_CASE(
    a_killed_rank_ends_its_requests_with_an_error_that_names_it_and_its_last_seconds_are_kept) {
  for (int rank = 0; rank < 3; ++rank) {
    const Folder folder;
    auto omni = Omni::from_engine_args({configs / "omni_tiny.yaml", folder.path});
    if (!omni) BOOST_FAIL(omni.error().message);
    const int pid = (*omni)->rank_pid(rank);
    bool killed = false;
    const auto outputs = (*omni)->generate(std::vector<std::string>(20, "a long wait"), {},
                                           [&](const limelight::Progress& progress) {
                                             if (killed || progress.text_bytes == 0) return;
                                             kill(pid, SIGKILL);
                                             killed = true;
                                           });
    BOOST_REQUIRE(killed);
    const auto& error = outputs.back().error;
    BOOST_TEST((error.code == ErrorCode::rank_failed));
    for (const std::string& part :
         {"rank " + std::to_string(rank), "pid " + std::to_string(pid), std::string("signal 9")})
      BOOST_TEST(error.message.find(part) != std::string::npos, error.message);
    omni->reset();
    std::size_t of_the_dead = 0, all = 0;
    for (const auto& entry : fs::directory_iterator(folder.path)) {
      const std::string name = entry.path().filename();
      ++all;
      of_the_dead += name.starts_with("flight-") &&
                     name.find("_" + std::to_string(pid) + "_") != std::string::npos;
    }
    BOOST_TEST(of_the_dead == 1u);
    BOOST_TEST(all == 3u);
    BOOST_TEST(!fs::exists("/dev/shm/limelight-" + std::to_string(getpid()) + "-flight0"));
  }
}

BOOST_AUTO_TEST_CASE(twenty_kills_at_any_time_end_the_run_with_an_error_and_no_process) {
  const Folder folder;
  for (int i = 0; i < 20; ++i) {
    std::string output;
    FILE* pipe = popen((std::string("exec ") + LIMELIGHT_COMMAND + " run --prompts " +
                        PROMPTS_FILE + " --profile-dir " + folder.path.string() + " 2>&1")
                           .c_str(),
                       "r");
    const std::string kill_one = "pkill -9 -x -n limelight-rank";  // succeeds once a rank exists
    std::this_thread::sleep_for(std::chrono::milliseconds(
        13 * i));  // the random time of the kill, spread over start and work
    while (std::system(kill_one.c_str()) != 0) std::this_thread::yield();
    std::array<char, 4096> buffer;
    while (std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
      output.append(buffer.data(), n);
    const int status = pclose(pipe);
    BOOST_TEST(WEXITSTATUS(status) == 1, output);
    BOOST_TEST(output.find("signal 9") != std::string::npos, output);
    BOOST_TEST(std::system("pgrep -x limelight-rank >/dev/null") != 0);
  }
}

BOOST_AUTO_TEST_CASE(config_errors_name_file_line_key_and_what_was_expected) {
  const Folder folder;
  const struct {
    const char *from, *to, *expected;
  } cases[] = {
      {"hidden: 640", "hidden: wide",
       R"(changed\.yaml:11: key 'hidden': found 'wide', expected a whole number)"},
      {"vocab: 2048", "vocab: 200", R"(key 'vocab': found 200, expected 256 or more)"},
      {"final_output_type: text", "final_output_kind: text",
       R"(changed\.yaml:13: key 'final_output_kind': .*unknown key.*expected one of)"},
      {"chunk_frames: 25", "chunk_frames: 50",
       R"(key 'chunk_frames': found 25, expected 50 or more)"},
      {"defaults: {max_inflight: 4}", "defaults: {window_size: 0}",
       R"(key 'window_size': found '0', expected a whole number from 1)"},
      {"stage_id: 1", "stage_id: 0", R"(key 'stage_id': .*second time)"},
      {"{from: 1, to: 2, window_size: 16}", "{from: 2, to: 1, window_size: 16}",
       R"(changed\.yaml:\d+: key)"},
      {"    - {from: 1, to: 2, window_size: 16}", "", R"(key 'edges': found no edge from 1 to 2)"},
  };
  for (const auto& c : cases) {
    const Ran ran = limelight_command("run --prompt x --config " +
                                      changed_config(folder, c.from, c.to).string());
    BOOST_TEST(ran.code == 2);
    BOOST_TEST(std::regex_search(ran.output, std::regex(c.expected)), ran.output);
  }
  BOOST_TEST(limelight_command("run --prompt x --config /no/such.yaml").code == 2);
  BOOST_TEST(limelight_command("run").code == 2);
  std::ofstream(folder.path / "p.jsonl") << "{\"prompt\": \"a\"}\nnonsense\n";
  BOOST_TEST(limelight_command("run --prompts " + (folder.path / "p.jsonl").string())
                 .output.find("p.jsonl:2:") != std::string::npos);
}

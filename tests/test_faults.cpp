// What happens when a process is killed, stopped or spoken to by a stranger, with real processes.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limelight/omni.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "tests/own_processes.hpp"
#include "tests/run_command.hpp"
#include "tests/support.hpp"

using limelight::ErrorCode;
using limelight::Omni;
using namespace limelight::tests;
namespace fs = std::filesystem;

namespace {
struct Marked {
  Marked() { mark_own_processes(); }
};
}  // namespace
BOOST_TEST_GLOBAL_FIXTURE(Marked);

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
  while (!own_ranks_run()) std::this_thread::yield();
  kill(orchestrator, SIGKILL);
  waitpid(orchestrator, nullptr, 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (own_ranks_run() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  BOOST_TEST(!own_ranks_run());
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
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (own_ranks_run() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    BOOST_REQUIRE(!own_ranks_run());
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

BOOST_AUTO_TEST_CASE(signals_that_end_a_run_end_all_processes_in_order_and_leave_whole_traces) {
  const std::pair<int, const char*> signals[] = {
      {SIGINT, "Ctrl-C"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}, {SIGQUIT, "SIGQUIT"}};
  ::signal(SIGHUP, SIG_DFL);  // whoever started this test may ignore it
  for (const auto& [signal, name] : signals) {
    const int number = signal;  // clang 14 cannot capture what a binding names
    const Folder folder;
    bool sent = false;
    const Ran ran = watched_run({"--config", one_by_one(folder), "--prompts", PROMPTS_FILE,
                                 "--profile", "all", "--profile-dir", folder.path / "traces"},
                                [&](pid_t run, const std::string& said) {
                                  // The first line of progress shows that the request is being
                                  // worked on.
                                  if (!sent && said.find("1/4 requests") != std::string::npos)
                                    sent = kill(run, number) == 0;
                                });
    BOOST_TEST(sent);
    BOOST_TEST(ran.code == 1);
    BOOST_TEST(ran.output.find(std::string("ended by ") + name) != std::string::npos, ran.output);
    std::string all;
    for (const auto& entry : fs::directory_iterator(folder.path / "traces")) {
      BOOST_TEST(entry.path().extension() != ".part", entry.path());
      if (entry.path().extension() != ".gz") continue;
      all += " " + entry.path().string();
      BOOST_TEST(ran.output.find(entry.path().string()) != std::string::npos, ran.output);
    }
    const Ran valid = limelight_command("trace validate" + all);
    BOOST_TEST(valid.code == 0, valid.output);
    BOOST_TEST(valid.output.ends_with("3 traces are valid\n"), valid.output);
    BOOST_TEST(!own_ranks_run());
    BOOST_TEST(left_behind().empty());
  }
}

bool says(const Ran& ran, const std::string& what) {
  return ran.output.find(what) != std::string::npos;
}
// No line of iceoryx's own is shown, whatever happens to its broker.
void check_own_words(const Ran& ran) {
  for (const char* theirs : {"iox", "iceoryx_", "unix_domain_socket", "/tmp/roudi", "POSH"})
    BOOST_TEST(!says(ran, theirs), ran.output);
}

BOOST_AUTO_TEST_CASE(a_lost_broker_ends_the_run_with_what_was_begun) {
  const Folder folder;
  bool killed = false;
  const Ran ran = watched_run(
      {"--config", one_by_one(folder), "--prompts", PROMPTS_FILE, "--output-dir", folder.path},
      [&](pid_t, const std::string& said) {
        if (killed || said.find("1/4 requests") == std::string::npos) return;
        killed = kill_own("limelight-broke");
      });
  BOOST_TEST(killed);
  BOOST_TEST(ran.code == 1);
  BOOST_TEST(says(ran, "the broker"), ran.output);
  check_own_words(ran);
  BOOST_TEST(!own_ranks_run());
  // The one that was done and the one that was under way are there.
  BOOST_TEST(fs::exists(folder.path / "0.txt"));
  BOOST_TEST(fs::exists(folder.path / "1.txt"));
  BOOST_TEST(
      limelight_command("run --prompt next --output-dir " + folder.path.string() + "/next").code ==
      0);
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(a_broker_that_is_killed_while_the_pipeline_starts_is_said_in_our_words) {
  for (const int delay_ms : {0, 5, 10, 20, 30, 45, 60, 90}) {
    const Folder folder;
    std::atomic<bool> over = false;
    std::thread killer([&] {
      while (!over && own_processes("limelight-broke").empty()) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
      kill_own("limelight-broke");
    });
    const auto start = std::chrono::steady_clock::now();
    const Ran ran = watched_run({"--prompt", "hello", "--output-dir", folder.path},
                                [](pid_t, const std::string&) {});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    over = true;
    killer.join();
    BOOST_TEST_MESSAGE("killed after " << delay_ms << " ms: exit status " << ran.code << " after "
                                       << took.count() << " s\n"
                                       << ran.output);
    BOOST_TEST((ran.code == 0 || ran.code == 1));
    if (ran.code == 1) BOOST_TEST(says(ran, "broker"), ran.output);
    check_own_words(ran);
    BOOST_TEST(!own_ranks_run());
  }
  const Folder folder;
  BOOST_TEST(limelight_command("run --prompt next --output-dir " + folder.path.string()).code == 0);
  BOOST_TEST(left_behind().empty());
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
    std::size_t failed = 0;
    for (const auto& output : outputs) {
      const auto& error = output.error;
      if (error.code == ErrorCode::none) continue;
      ++failed;
      BOOST_TEST((error.code == ErrorCode::rank_failed));
      for (const std::string& part :
           {"rank " + std::to_string(rank), "pid " + std::to_string(pid), std::string("signal 9")})
        BOOST_TEST(error.message.find(part) != std::string::npos, error.message);
    }
    BOOST_TEST(failed > 0u);
    BOOST_TEST(failed <= 4u);  // max_inflight
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

BOOST_AUTO_TEST_CASE(twenty_kills_at_any_time_are_told_and_leave_no_process) {
  const Folder folder;
  for (int i = 0; i < 20; ++i) {
    std::string output;
    FILE* pipe = popen((std::string("exec ") + LIMELIGHT_COMMAND + " run --prompts " +
                        PROMPTS_FILE + " --profile-dir " + folder.path.string() + " 2>&1")
                           .c_str(),
                       "r");
    std::this_thread::sleep_for(std::chrono::milliseconds(
        13 * i));  // the random time of the kill, spread over start and work
    while (!kill_own("limelight-rank")) std::this_thread::yield();
    std::array<char, 4096> buffer;
    while (std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
      output.append(buffer.data(), n);
    const int status = pclose(pipe);
    // A rank that was idle is replaced, and nobody misses it.
    const bool harmless = output.find("\n0 requests failed with it") != std::string::npos;
    BOOST_TEST(WEXITSTATUS(status) == (harmless ? 0 : 1), output);
    BOOST_TEST(output.find("signal 9") != std::string::npos, output);
    BOOST_TEST(!own_ranks_run());
  }
}

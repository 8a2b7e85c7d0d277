// Ranks as processes, with shell scripts in their place: what is known of one that died, and that
// none stays.
#include <signal.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "actors/orchestrator/launcher.hpp"
#include "tests/support.hpp"

using namespace limelight::actors;
using namespace limelight::tests;
using namespace std::chrono_literals;
using limelight::ErrorCode;
namespace fs = std::filesystem;

namespace {

// Deaths as they are told, on the launcher's thread.
class Deaths {
 public:
  void add(const RankDeath& death) {
    const std::lock_guard lock(mutex_);
    BOOST_TEST(deaths_.emplace(death.rank, death).second);  // once for each
    changed_.notify_all();
  }
  RankDeath of(int rank) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return deaths_.contains(rank); });
    return deaths_.at(rank);
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return deaths_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, RankDeath> deaths_;
};

limelight::Result<void> start(Launcher& launcher, const fs::path& program, int world_size) {
  return launcher.start({.executable = program,
                         .config = "config.yaml",
                         .control = "the-control",
                         .run = "the-run",
                         .flight = 250ms},
                        world_size);
}

// A launcher whose ranks run `script`: $2 is their number, and fd 3 their lifeline.
struct Launched {
  Folder folder;
  Deaths deaths;
  fs::path run = folder.path / "run";
  Launcher launcher{run, [this](const RankDeath& death) { deaths.add(death); }};

  void start_script(const std::string& script, int world_size = 1) {
    const fs::path program = write_file(folder.path / "rank", "#!/bin/sh\n" + script + "\n");
    fs::permissions(program, fs::perms::owner_all);
    const auto started = start(launcher, program, world_size);
    if (!started) BOOST_FAIL(started.error().message);
  }
  // Until the rank has written a line of this text to its log.
  void wait_for_log(int rank, const std::string& text) {
    while (launcher.log_tail(rank).find(text + "\n") == std::string::npos) usleep(1000);
  }
};

bool is_there(int pid) { return ::kill(pid, 0) == 0; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(launcher_of_ranks, Launched)

BOOST_AUTO_TEST_CASE(a_rank_gets_its_words_and_no_secret) {
  start_script("echo \"$@ $OMP_NUM_THREADS\"; env | grep -ci token; exit 0", 2);
  for (const int rank : {0, 1}) {
    const RankDeath death = deaths.of(rank);
    BOOST_TEST(death.pid == launcher.pid(rank));
    BOOST_TEST(death.cause == "exited with status 0");
    const std::string said = " " + death.log_tail;
    for (const std::string& word :
         {std::string("config.yaml"), std::to_string(rank), std::string("the-control"),
          std::string("the-run"), std::string("3"), std::string("250")})
      BOOST_TEST(said.find(" " + word + " ") != std::string::npos, said);
    BOOST_TEST(said.ends_with(" 1\n0\n"), said);
  }
}

BOOST_AUTO_TEST_CASE(the_death_of_one_rank_is_told_with_its_cause_and_its_last_words) {
  start_script("if [ $2 = 1 ]; then echo first; echo last >&2; exit 7; fi; read x <&3", 2);
  const RankDeath death = deaths.of(1);
  BOOST_TEST(death.cause == "exited with status 7");
  BOOST_TEST(death.log_tail == "first\nlast\n");
  BOOST_TEST(is_there(launcher.pid(0)));
  ::kill(launcher.pid(0), SIGKILL);
  BOOST_TEST(deaths.of(0).cause == "killed by signal 9 (Killed)");
}

BOOST_AUTO_TEST_CASE(the_tail_of_a_log_is_its_end) {
  start_script("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit 1");
  const std::string tail = deaths.of(0).log_tail;
  BOOST_TEST(tail.size() == 2000u);
  BOOST_TEST(tail.ends_with("line 1998\nline 1999\n"));
  BOOST_TEST(launcher.log_tail(0) == tail);
  BOOST_TEST(launcher.log_tail(9) == "");
}

BOOST_AUTO_TEST_CASE(ranks_that_end_within_the_grace_are_left_to_it) {
  start_script("trap 'echo bye > " + folder.path.string() +
                   "/bye-$2; exit 0' TERM; echo ready; while :; do read x <&3; done",
               2);
  for (const int rank : {0, 1}) wait_for_log(rank, "ready");
  std::thread asks([&] {
    for (const int rank : {0, 1}) ::kill(launcher.pid(rank), SIGTERM);
  });
  launcher.shutdown(300s);
  asks.join();
  for (const int rank : {0, 1}) {
    BOOST_TEST(!is_there(launcher.pid(rank)));
    BOOST_TEST(read_file(folder.path / ("bye-" + std::to_string(rank))) == "bye\n");
  }
  launcher.shutdown(300s);  // again is harmless
}

BOOST_AUTO_TEST_CASE(ranks_that_do_not_end_are_killed_after_the_grace) {
  start_script("trap '' TERM INT HUP; echo ready; while :; do read x <&3; done", 2);
  for (const int rank : {0, 1}) wait_for_log(rank, "ready");
  launcher.shutdown(20ms);
  for (const int rank : {0, 1}) BOOST_TEST(!is_there(launcher.pid(rank)));
  BOOST_TEST(deaths.count() == 0u);  // they were expected to end
}

BOOST_AUTO_TEST_CASE(the_lifeline_of_the_ranks_ends_with_the_launcher_s_process) {
  int told[2];
  BOOST_REQUIRE(pipe(told) == 0);
  const fs::path end = folder.path / "end";
  const pid_t orchestrator = in_process([&] {
    start_script("echo ready; read x <&3; echo over > " + end.string() + ".part; mv " +
                 end.string() + ".part " + end.string());
    wait_for_log(0, "ready");
    (void)!write(told[1], "x", 1);
    for (;;) pause();
    return 0;
  });
  char byte;
  BOOST_REQUIRE(read(told[0], &byte, 1) == 1);
  BOOST_TEST(!fs::exists(end));
  ::kill(orchestrator, SIGKILL);
  waitpid(orchestrator, nullptr, 0);
  while (!fs::exists(end)) usleep(1000);
  BOOST_TEST(read_file(end) == "over\n");
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_is_an_error_that_names_it) {
  const auto started = start(launcher, "/no/such/rank", 2);
  BOOST_REQUIRE(!started.ok());
  BOOST_TEST((started.error().code == ErrorCode::io));
  BOOST_TEST(started.error().message.starts_with("/no/such/rank: cannot start rank 0"));
}

BOOST_AUTO_TEST_CASE(a_run_folder_that_cannot_be_made_is_an_error_that_names_it) {
  Launcher other("/proc/no-such-folder", [](const RankDeath&) {});
  const auto started = start(other, "/bin/true", 1);
  BOOST_REQUIRE(!started.ok());
  BOOST_TEST((started.error().code == ErrorCode::io));
  BOOST_TEST(started.error().message.starts_with("/proc/no-such-folder: "));
}

BOOST_AUTO_TEST_CASE(the_run_folder_goes_with_the_launcher) {
  {
    Launcher other(folder.path / "other", [](const RankDeath&) {});
    BOOST_REQUIRE(start(other, "/bin/true", 1).ok());
    BOOST_TEST(fs::exists(folder.path / "other/rank-0.log"));
  }
  BOOST_TEST(!fs::exists(folder.path / "other"));
}

BOOST_AUTO_TEST_CASE(folders_of_runs_whose_process_is_gone_are_removed_and_no_others) {
  const pid_t gone = in_process([] { return 0; });
  BOOST_REQUIRE(exit_code(gone) == 0);
  const std::string dead = "run-" + std::to_string(gone) + "-0",
                    own = "run-" + std::to_string(getpid()) + "-0";
  for (const std::string& name : {dead, own, std::string("kept"), std::string("run-x")})
    fs::create_directories(folder.path / name / "inside");
  remove_dead_runs(folder.path);
  BOOST_TEST(!fs::exists(folder.path / dead));
  for (const std::string& name : {own, std::string("kept"), std::string("run-x")})
    BOOST_TEST(fs::exists(folder.path / name / "inside"), name);
  remove_dead_runs(folder.path / "no such folder");
}

BOOST_AUTO_TEST_SUITE_END()

// Plays the strangers who come to the socket of a run, and shows that its own processes work
// meanwhile and after; and whom the launcher knows as its own.
#include <boost/test/unit_test.hpp>

#include "actors/orchestrator/launcher.hpp"
#include "tests/actors/pipeline/local_test_run.hpp"

using namespace limelight;
using namespace limelight::actors;

BOOST_FIXTURE_TEST_CASE(a_stranger_that_reads_gets_nothing, RunWithPeer) {
  const int fd = raw_connect(path);
  BOOST_REQUIRE_GE(fd, 0);
  char byte;
  BOOST_TEST(::read(fd, &byte, 1) == 0);  // the end, and not a reset
  ::close(fd);
}

BOOST_FIXTURE_TEST_CASE(a_stranger_that_sends_garbage_gets_nothing, RunWithPeer) {
  const std::string garbage(1 << 20, '\xa5');
  for (int i = 0; i < 20; ++i) {
    const int fd = raw_connect(path);
    BOOST_REQUIRE_GE(fd, 0);
    (void)!::send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
    BOOST_TEST(bytes_until_closed(fd) == 0);
    ::close(fd);
  }
}

BOOST_FIXTURE_TEST_CASE(a_recorded_handshake_opens_nothing, RunWithPeer) {
  const std::string handshake = recorded_handshake(folder.path);
  BOOST_REQUIRE_GT(handshake.size(), 20u);
  const int fd = raw_connect(path);
  (void)!::send(fd, handshake.data(), handshake.size(), MSG_NOSIGNAL);
  BOOST_TEST(bytes_until_closed(fd) == 0);
  ::close(fd);
}

BOOST_FIXTURE_TEST_CASE(two_hundred_idle_strangers_are_turned_away, RunWithPeer) {
  std::vector<int> idle(200);
  for (int& fd : idle) fd = raw_connect(path);
  BOOST_TEST(answers(system, actor));
  for (const int fd : idle) {
    BOOST_TEST(bytes_until_closed(fd) == 0);
    ::close(fd);
  }
}

BOOST_AUTO_TEST_CASE(two_hundred_idle_processes_of_this_user_do_no_harm) {
  Run run(same_user);
  const auto peer = run.start_peer();
  const auto actor = run.wait_for(*peer);
  std::vector<int> idle(200);
  for (int& fd : idle) fd = raw_connect(run.path);
  BOOST_TEST(answers(run.system, actor));
  for (const int fd : idle) BOOST_TEST(bytes_until_closed(fd, 0) == -1);
  for (const int fd : idle) ::close(fd);
  BOOST_TEST(answers(run.system, run.wait_for(*run.start_peer())));
}

BOOST_AUTO_TEST_CASE(another_user_is_kept_out_by_the_folder_and_by_the_socket) {
  if (::geteuid() != 0) return;  // only root can play another user
  Run run(same_user);
  const auto peer = run.start_peer();
  const auto actor = run.wait_for(*peer);
  BOOST_TEST(Process("other-user", run.path).wait() == stranger_kept_out);
  fs::permissions(run.folder.path, fs::perms{0711});
  BOOST_TEST(Process("other-user", run.path).wait() == stranger_kept_out);  // the socket's own mode
  fs::permissions(run.path, fs::perms{0666});
  BOOST_TEST(Process("other-user", run.path).wait() == stranger_got_nothing);  // its credentials
  BOOST_TEST(answers(run.system, actor));
}

BOOST_AUTO_TEST_CASE(who_connects_checks_who_listens) {
  Run run;
  Settings settings;
  caf::actor_system system(settings);
  const auto refusing =
      connect_local<HubActor>(system, run.path, [](const PeerCredentials&) { return false; });
  BOOST_REQUIRE(!refusing);
  BOOST_TEST((refusing.error().code == ErrorCode::unavailable));
  const auto refused =
      connect_local<HubActor>(system, run.path);  // this process is not among the run's peers
  BOOST_REQUIRE(!refused);
  BOOST_TEST_MESSAGE(refused.error().message);
  BOOST_TEST((refused.error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(a_killed_peer_is_reported_at_once) {
  RunWithPeer run;
  const auto victim = run.start_peer();
  const auto actor = run.wait_for(*victim);
  caf::scoped_actor self(run.system);
  self->monitor(actor);
  BOOST_TEST(answers(run.system, actor));
  const auto start = Clock::now();
  victim->kill();
  bool down = false;
  self->receive([&](const caf::down_msg& m) { down = m.source == actor.address(); },
                caf::after(2s) >> [] {});
  BOOST_TEST(down);
  BOOST_TEST_MESSAGE("down_msg of a killed peer: " << ms_since(start) << " ms");
}

BOOST_AUTO_TEST_CASE(a_killed_hub_is_reported_at_once) {
  const Folder folder;
  const fs::path path = folder.path / "control";
  Process process("hub", path);
  Settings settings;
  caf::actor_system system(settings);
  auto hub = connect_local<HubActor>(system, path);
  for (int i = 0; i < 500 && !hub; ++i) {
    std::this_thread::sleep_for(20ms);
    hub = connect_local<HubActor>(system, path);
  }
  BOOST_REQUIRE(hub);
  caf::scoped_actor self(system);
  self->monitor(*hub);
  BOOST_TEST(answers(system, *hub));
  const auto start = Clock::now();
  process.kill();
  bool down = false;
  self->receive([&](const caf::down_msg&) { down = true; }, caf::after(2s) >> [] {});
  BOOST_TEST(down);
  BOOST_TEST_MESSAGE("down_msg of a killed hub: " << ms_since(start) << " ms");
  BOOST_TEST((connect_local<HubActor>(system, path).error().code == ErrorCode::not_found));
  BOOST_TEST(fs::is_socket(path));  // who is killed leaves it, and the next one takes its place
  Process next("hub", path);
  for (int i = 0; i < 500 && !connect_local<HubActor>(system, path); ++i)
    std::this_thread::sleep_for(20ms);
  const auto anew = connect_local<HubActor>(system, path);
  BOOST_REQUIRE(anew);
  BOOST_TEST(answers(system, *anew));
}

BOOST_AUTO_TEST_CASE(without_descriptors_peers_wait_and_the_network_rests) {
  RunWithPeer run;
  BOOST_TEST(answers(run.system, run.actor));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(lowest_free);
  const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto waiting = run.start_peer();
  std::this_thread::sleep_for(500ms);
  const auto cpu = std::clock();
  std::this_thread::sleep_for(1s);
  const double used = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  BOOST_TEST(answers(run.system, run.actor));
  const bool was_in = run.has_joined(*waiting);
  ::setrlimit(RLIMIT_NOFILE, &before);
  BOOST_TEST(!was_in);
  BOOST_TEST(used < 0.2);
  BOOST_TEST_MESSAGE("CPU time in one second without descriptors: " << used << " s");
  BOOST_TEST(answers(run.system, run.wait_for(*waiting)));
}

BOOST_AUTO_TEST_CASE(only_a_file_of_this_user_in_a_folder_of_this_user_and_not_for_longer) {
  const Folder outer;  // still there when the run is not
  const fs::path path = outer.path / "control";
  {
    Run run;
    BOOST_TEST(publish_local(run.hub, path).ok());
    struct stat file {};
    BOOST_REQUIRE_EQUAL(::stat(path.c_str(), &file), 0);
    BOOST_TEST(S_ISSOCK(file.st_mode));
    BOOST_TEST((file.st_mode & 0777) == 0600u);
    const auto code = [&](const fs::path& at) {
      const auto published = publish_local(run.hub, at);
      BOOST_REQUIRE(!published);
      BOOST_TEST_MESSAGE(published.error().message);
      return published.error().code;
    };
    BOOST_TEST((code(run.path) == ErrorCode::busy));
    const fs::path plain = run.folder.path / "plain";
    std::ofstream(plain) << "not ours to remove";
    BOOST_TEST((code(plain) == ErrorCode::busy));
    BOOST_TEST(fs::is_regular_file(plain));
    BOOST_TEST((code(run.folder.path / std::string(108, 'x')) == ErrorCode::invalid_argument));
    BOOST_TEST((code("") == ErrorCode::invalid_argument));
    BOOST_TEST((code("/tmp/control") == ErrorCode::invalid_argument));
    BOOST_TEST((code(run.folder.path / "none" / "control") == ErrorCode::io));
    // A second actor of one system, at the longest path there is.
    const fs::path longest =
        run.folder.path / std::string(107 - run.folder.path.native().size() - 1, 'x');
    BOOST_TEST(publish_local(run.hub, longest, same_user).ok());
    Settings settings;
    caf::actor_system system(settings);
    const auto wrong = connect_local<caf::typed_actor<caf::reacts_to<float>>>(system, longest);
    BOOST_REQUIRE(!wrong);
    BOOST_TEST((wrong.error().code == ErrorCode::invalid_argument));
    const auto right = connect_local<HubActor>(system, longest);
    BOOST_REQUIRE(right);
    BOOST_TEST(answers(system, *right));
    const auto plain_peer = connect_local<HubActor>(system, plain);
    BOOST_REQUIRE(!plain_peer);
    BOOST_TEST((plain_peer.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(plain_peer.error().message == plain.string() + ": not a socket");
    BOOST_TEST(fs::exists(path));
  }
  BOOST_TEST(!fs::exists(path));
}

BOOST_AUTO_TEST_CASE(a_folder_of_another_user_is_refused_with_its_name) {
  if (::geteuid() != 0) return;  // only root can give a folder away
  Run run;
  const Folder theirs;
  BOOST_REQUIRE_EQUAL(::chown(theirs.path.c_str(), 65534, 65534), 0);
  const auto published = publish_local(run.hub, theirs.path / "control");
  BOOST_REQUIRE(!published);
  BOOST_TEST((published.error().code == ErrorCode::invalid_argument));
  BOOST_TEST(published.error().message ==
             theirs.path.string() + ": expected a folder of this user alone (mode 0700)");
  // Nor does this user talk to one who listens there.
  Process server("listen-as-other-user", (theirs.path / "socket").string());
  for (int i = 0; i < 500 && !fs::is_socket(theirs.path / "socket"); ++i)
    std::this_thread::sleep_for(10ms);
  Settings settings;
  caf::actor_system system(settings);
  auto connected = connect_local<HubActor>(system, theirs.path / "socket");
  for (int i = 0; i < 100 && !connected && connected.error().code == ErrorCode::not_found; ++i) {
    std::this_thread::sleep_for(10ms);  // bound, and not yet listening
    connected = connect_local<HubActor>(system, theirs.path / "socket");
  }
  BOOST_REQUIRE(!connected);
  BOOST_TEST((connected.error().code == ErrorCode::unavailable));
  BOOST_TEST(connected.error().message.find("user 65534") != std::string::npos,
             connected.error().message);
}

BOOST_AUTO_TEST_CASE(the_launcher_knows_the_processes_that_it_started_until_they_have_ended) {
  const Folder folder;
  const fs::path script = folder.path / "rank";
  std::ofstream(script) << "#!/bin/sh\nexec sleep 60\n";
  fs::permissions(script, fs::perms{0700});
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> dead;
  Launcher launcher(folder.path / "run", [&](const RankDeath& death) {
    const std::lock_guard lock(mutex);
    dead.push_back(death.pid);
    changed.notify_all();
  });
  BOOST_TEST(!launcher.started(::getpid()));
  const fs::path config = folder.path / "config", control = folder.path / "control";
  const auto started =
      launcher.start({.executable = script, .config = config, .control = control, .run = "1-1"}, 2);
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  const pid_t first = launcher.pid(0), second = launcher.pid(1);
  BOOST_TEST(launcher.started(first));
  BOOST_TEST(launcher.started(second));
  BOOST_TEST(!launcher.started(::getpid()));
  BOOST_TEST(!launcher.started(::getppid()));
  BOOST_TEST(!launcher.started(0));  // how a process of another pid namespace looks
  const Process other("sleep", "");  // a child of this process, but no rank
  BOOST_TEST(!launcher.started(other.pid));
  ::kill(first, SIGKILL);
  std::unique_lock lock(mutex);
  BOOST_REQUIRE(changed.wait_for(lock, 10s, [&] { return !dead.empty(); }));
  lock.unlock();
  BOOST_TEST(dead.front() == first);
  BOOST_TEST(!launcher.started(first));
  BOOST_TEST(launcher.started(second));
  launcher.shutdown(0ms);
  BOOST_TEST(!launcher.started(second));
}

// The check of a pipeline in place of the test's own: the stranger is a child of the same process.
BOOST_AUTO_TEST_CASE(a_rank_that_connects_at_once_is_known) {
  for (int round = 0; round < 20; ++round) {
    Launcher* launcher = nullptr;
    std::vector<pid_t> refused;  // on the network thread, read after the peers have joined
    std::mutex mutex;
    Run run([&](const PeerCredentials& peer) {
      const bool ours = same_user(peer) && launcher->started(peer.pid);
      const std::lock_guard lock(mutex);
      if (!ours) refused.push_back(peer.pid);
      return ours;
    });
    Launcher ranks(run.folder.path / "run", [](const RankDeath&) {});
    launcher = &ranks;
    const auto started = ranks.start(
        {.executable = "/proc/self/exe", .config = run.path, .control = "as-a-rank", .run = "1-1"},
        3);
    BOOST_REQUIRE_MESSAGE(started, started.error().message);
    for (int rank = 0; rank < 3; ++rank) {
      std::unique_lock lock(run.mutex);
      BOOST_REQUIRE(
          run.changed.wait_for(lock, 20s, [&] { return run.joined.contains(ranks.pid(rank)); }));
    }
    if (round == 0) BOOST_TEST(run.start_peer()->wait() == peer_refused);
    const std::lock_guard lock(mutex);
    BOOST_TEST(refused.size() == (round == 0 ? 1u : 0u));
  }
}

BOOST_AUTO_TEST_CASE(what_a_killed_orchestrator_left_is_removed_and_nothing_else) {
  const Folder folder;
  Process gone("sleep", "");
  const std::string dead = "run-" + std::to_string(gone.pid) + "-1";
  const std::string alive = "run-" + std::to_string(::getpid()) + "-1";
  gone.kill();
  for (const std::string& run : {dead, alive}) {
    fs::create_directory(folder.path / run);
    std::ofstream(folder.path / run / "rank-0.log") << "x";
    ::close(raw_listen(folder.path / (run + ".control")));
    BOOST_REQUIRE(fs::is_socket(folder.path / (run + ".control")));
  }
  std::ofstream(folder.path / "broker.log") << "x";
  remove_dead_runs(folder.path);
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder.path))
    left.insert(entry.path().filename());
  BOOST_TEST(left == (std::set<std::string>{"broker.log", alive, alive + ".control"}),
             boost::test_tools::per_element());
}

int main(int argc, char** argv) {
  // The launcher starts this executable as it starts a rank; "config" is where it connects.
  if (argc > 3 && std::string_view(argv[3]) == "as-a-rank") return play_peer(argv[1]);
  const std::string role = argc == 2 ? argv[0] : "";
  for (const char* child : {"peer", "hub", "sleep", "other-user"})
    if (role == child) end_with_the_test();
  if (role == "peer") return play_peer(argv[1]);
  if (role == "hub") return play_hub(argv[1]);
  if (role == "sleep") return ::pause();
  if (role == "listen-as-other-user") return play_other_listener(argv[1]);
  if (role == "other-user") return play_other_user(argv[1]);
  return boost::unit_test::unit_test_main([] { return true; }, argc, argv);
}

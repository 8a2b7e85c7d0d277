// /dev/shm of a fixed size, as containers have it: what a pipeline needs is computed before
// anything is made, and what does not fit is an error that says so. The runs have a /dev/shm of
// their own, in a mount namespace.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/log.hpp>
#include <string>

#include "actors/orchestrator/shm_plan.hpp"
#include "actors/pipeline/pools.hpp"
#include "base/shm_budget.hpp"
#include "ipc/iceoryx/broker.hpp"
#include "profiling/capture/flight_memory.hpp"
#include "profiling/capture/flight_recorder.hpp"
#include "tests/support.hpp"

using namespace limelight;
using tests::Folder;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t page = 4096, mebibyte = std::uint64_t{1} << 20;
const fs::path configs = CONFIG_DIR;

std::uint64_t sum(const std::vector<ShmNeed>& needs) {
  std::uint64_t bytes = 0;
  for (const ShmNeed& need : needs) bytes += need.bytes;
  return bytes;
}

struct Ran {
  int code = 0;
  std::string output;
};
Ran shell(const std::string& command) {
  Ran ran;
  FILE* pipe = popen(("( " + command + " ) 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
    ran.output.append(buffer.data(), n);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

bool namespaces_allowed() {
  static const bool allowed =
      shell("unshare -m sh -c 'mount -t tmpfs -o size=1m tmpfs /dev/shm'").code == 0;
  if (!allowed) BOOST_TEST_MESSAGE("skipped: no mount namespace with a /dev/shm of its own here");
  return allowed;
}

// The commands run with a /dev/shm of that size; what is left in it at the end is in the output,
// behind "left:".
Ran in_shm(const std::string& size, const std::string& commands) {
  return shell("unshare -m sh -c 'mount -t tmpfs -o size=" + size + " tmpfs /dev/shm; " + commands +
               "; code=$?; echo left: $(ls /dev/shm); exit $code'");
}
std::string run_of(const std::string& arguments) {
  return std::string(LIMELIGHT_COMMAND) + " run --prompt hi " + arguments;
}
bool contains(const Ran& ran, const std::string& text) {
  return ran.output.find(text) != std::string::npos;
}
// It says what is missing, nobody was killed by a signal, and nothing is left.
void check_refused(const Ran& ran) {
  BOOST_TEST(ran.code == 1, ran.output);
  for (const char* part : {"/dev/shm is too small", "needed ", "free ", "--shm-size="})
    BOOST_TEST(contains(ran, part), part << " is missing in: " << ran.output);
  for (const char* part : {"SIGBUS", "Bus error", "signal 7"})
    BOOST_TEST(!contains(ran, part), ran.output);
  BOOST_TEST(contains(ran, "left:\n"), ran.output);
}

// A file in /dev/shm without a name.
struct ShmFile {
  int fd = ::memfd_create("shm-budget-test", MFD_CLOEXEC);
  ~ShmFile() { ::close(fd); }
  std::uint64_t size() const {
    struct stat info {};
    ::fstat(fd, &info);
    return static_cast<std::uint64_t>(info.st_size);
  }
  std::uint64_t allocated() const {
    struct stat info {};
    ::fstat(fd, &info);
    return static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(ranges_are_counted_in_whole_pages_each_once) {
  BOOST_TEST(page_bytes(std::vector<ShmRange>{}) == 0u);
  BOOST_TEST(page_bytes(0) == 0u);
  BOOST_TEST(page_bytes(1) == page);
  BOOST_TEST(page_bytes(page) == page);
  BOOST_TEST(page_bytes(page + 1) == 2 * page);
  BOOST_TEST(page_bytes({{10, 20}, {40, 50}}) == page);  // both in the first page
  BOOST_TEST(page_bytes({{page - 1, 2}}) == 2 * page);   // across a border
  BOOST_TEST(page_bytes({{0, page + 1}, {page + 8, page}}) == 3 * page);
  BOOST_TEST(page_bytes({{0, 1}, {5 * page, 1}, {9 * page, 0}}) == 2 * page);
}

BOOST_AUTO_TEST_CASE(a_share_is_what_is_free_divided_and_kept_within_its_bounds) {
  BOOST_TEST(shm_share(1000, 100, 3, 50, 200) == 200u);  // there is room for the most
  BOOST_TEST(shm_share(600, 0, 3, 50, 200) == 200u);
  BOOST_TEST(shm_share(599, 0, 3, 50, 200) == 199u);
  BOOST_TEST(shm_share(600, 150, 3, 50, 200) == 150u);
  BOOST_TEST(shm_share(100, 150, 3, 50, 200) == 50u);  // never less than the least
  BOOST_TEST(shm_share(0, 0, 0, 50, 200) == 200u);
}

BOOST_AUTO_TEST_CASE(a_flight_recorder_of_some_size_keeps_what_fits) {
  using profiling::FlightMemory;
  for (const std::size_t records : {std::size_t{1}, std::size_t{5000}, std::size_t{1} << 18}) {
    BOOST_TEST(FlightMemory::records_in(FlightMemory::bytes_for(records)) == records);
    BOOST_TEST(FlightMemory::records_in(FlightMemory::bytes_for(records + 1) - 1) == records);
  }
  BOOST_TEST(FlightMemory::records_in(100) == 0u);
}

BOOST_AUTO_TEST_CASE(a_lack_of_room_is_said_with_parts_and_what_to_do) {
  BOOST_TEST(shm_has_room({{"a little", 1}}).ok());
  BOOST_TEST(shm_has_room({}).ok());
  const std::uint64_t much = shm_free() + 64 * mebibyte;
  const auto refused = shm_has_room({{"the first", much}, {"the second", 3 * mebibyte / 2}});
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::unavailable));
  for (const char* part : {"needed ", "the first ", "the second 1.5 MiB", "free ", "--shm-size="})
    BOOST_TEST(refused.error().message.find(part) != std::string::npos, refused.error().message);
}

BOOST_AUTO_TEST_CASE(the_parts_that_are_used_are_allocated_and_the_holes_are_not) {
  const ShmFile whole, sparse;
  BOOST_REQUIRE(allocate_shm(whole.fd, 3 * page + 5, {}, "a test").ok());
  BOOST_TEST(whole.size() == 3 * page + 5);
  BOOST_TEST(whole.allocated() == 4 * page);
  const std::vector<ShmRange> used{{0, page}, {10 * page, 5}, {90 * page - 1, 1}};
  BOOST_REQUIRE(allocate_shm(sparse.fd, 100 * page, used, "a test").ok());
  BOOST_TEST(sparse.size() == 100 * page);
  BOOST_TEST(sparse.allocated() == page_bytes(used));
}

BOOST_AUTO_TEST_CASE(the_shipped_configs_fit_the_default_of_containers) {
  for (const char* file : {"omni_tiny.yaml", "omni_tiny_tp2.yaml"}) {
    const auto config = stages::parse(configs / file);
    BOOST_REQUIRE(config.ok());
    const std::uint64_t needed = sum(ipc::broker_needs(actors::pools_for(*config))) +
                                 sum(actors::needs_beside_broker(*config, true));
    BOOST_TEST_MESSAGE(file << " needs " << needed / mebibyte << " MiB");
    BOOST_TEST(needed <= 64 * mebibyte);
    BOOST_TEST(needed > 30 * mebibyte);
  }
  // Three ranks whose flight recorders keep all that they are made for.
  const auto config = stages::parse(configs / "omni_tiny.yaml");
  const std::uint64_t all =
      sum(ipc::broker_needs(actors::pools_for(*config))) +
      3 * page_bytes(profiling::FlightMemory::bytes_for(profiling::FlightOptions{}.most_records));
  BOOST_TEST(all <= 64 * mebibyte - mebibyte / 4, all);
}

BOOST_AUTO_TEST_CASE(a_pool_has_chunks_for_every_channel_that_sends_of_its_size) {
  const auto config = stages::parse(configs / "omni_tiny.yaml");
  BOOST_REQUIRE(config.ok());
  const auto pools = actors::pools_for(*config);
  BOOST_REQUIRE(pools.size() == 3u);
  BOOST_TEST(pools[0].chunks == 2 * (16 + 16) + 2 * (64 + 16));  // windows and what is held
  BOOST_TEST(pools[1].chunks == 2 * (4 + 2));  // sound, and slices of prompts that are as short
  BOOST_TEST(pools[2].chunks == 4 + 2);        // slices of prompts as long as a step takes
  BOOST_TEST(pools[2].chunk_bytes >= 256u * 640 * 4);
}

BOOST_AUTO_TEST_CASE(a_flight_recorder_without_room_is_private_and_says_so) {
  if (!namespaces_allowed()) return;
  const pid_t pid = fork();
  if (pid == 0) {
    static std::string said;
    set_log_sink([](LogLevel, std::string_view message) { said = message; });
    const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m") == 0;
    if (!mounted) _exit(3);
    profiling::enable_flight_recorder({.file = "/dev/shm/limelight-test-flight"});
    const bool gone = !fs::exists("/dev/shm/limelight-test-flight");
    profiling::disable_flight_recorder();
    _exit(gone && said.find("/dev/shm is too small") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  BOOST_TEST(WIFEXITED(status));
  BOOST_TEST(WEXITSTATUS(status) == 0);
}

BOOST_AUTO_TEST_CASE(the_default_config_runs_in_64_MiB_with_and_without_profile) {
  if (!namespaces_allowed()) return;
  const Folder folder;
  for (const std::string& profile :
       {std::string(), "--profile all --profile-dir " + folder.path.string()}) {
    const Ran ran = in_shm("64m", run_of(profile));
    BOOST_TEST(ran.code == 0, ran.output);
    BOOST_TEST(contains(ran, "left:\n"), ran.output);
    BOOST_TEST(!contains(ran, "/dev/shm"), ran.output);  // nothing had to shrink
  }
  std::size_t traces = 0;
  for (const auto& entry : fs::directory_iterator(folder.path))
    traces += entry.path().string().ends_with(".json.gz");
  BOOST_TEST(traces == 3u);
}

BOOST_AUTO_TEST_CASE(a_published_model_runs_in_64_MiB) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || !fs::exists(fs::path(home) / ".cache/limelight/smollm2/model.gguf")) {
    BOOST_TEST_MESSAGE("skipped: no smollm2 in the cache (limelight fetch smollm2)");
    return;
  }
  if (!namespaces_allowed()) return;
  const Ran ran = in_shm("64m", run_of("--config " + (configs / "smollm2.yaml").string()));
  BOOST_TEST(ran.code == 0, ran.output);
  BOOST_TEST(contains(ran, "left:\n"), ran.output);
}

BOOST_AUTO_TEST_CASE(four_ranks_in_52_MiB_keep_fewer_records_and_say_so) {
  if (!namespaces_allowed()) return;
  const Ran ran = in_shm("52m", run_of("--config " + (configs / "omni_tiny_tp2.yaml").string()));
  BOOST_TEST(ran.code == 0, ran.output);
  BOOST_TEST(contains(ran, "a flight recorder keeps "), ran.output);
  BOOST_TEST(contains(ran, "left:\n"), ran.output);
}

BOOST_AUTO_TEST_CASE(too_little_is_an_error_that_says_how_much_is_needed) {
  if (!namespaces_allowed()) return;
  for (const char* size : {"1m", "16m", "30m"}) check_refused(in_shm(size, run_of("")));
}

BOOST_AUTO_TEST_CASE(a_dev_shm_that_somebody_filled_is_an_error) {
  if (!namespaces_allowed()) return;
  const Ran ran = in_shm("64m", "fallocate -l 50m /dev/shm/somebody; " + run_of("") +
                                    "; code=$?; rm /dev/shm/somebody; (exit $code)");
  check_refused(ran);
}

// After the check, while the broker starts: it finds out itself, as allocating fails.
BOOST_AUTO_TEST_CASE(a_broker_that_finds_no_room_ends_with_an_error_and_leaves_nothing) {
  if (!namespaces_allowed()) return;
  for (const char* size : {"4m", "30m"}) {
    const Ran ran = in_shm(size, std::string(BROKER_HELPER) + " 16512x224 5243008x6");
    check_refused(ran);
  }
}

BOOST_AUTO_TEST_CASE(what_a_killed_broker_left_is_removed_before_room_is_asked_for) {
  if (!namespaces_allowed()) return;
  const Ran ran = in_shm("64m", "fallocate -l 40m /dev/shm/iceoryx_mgmt; " + run_of(""));
  BOOST_TEST(ran.code == 0, ran.output);
  BOOST_TEST(contains(ran, "left:\n"), ran.output);
}

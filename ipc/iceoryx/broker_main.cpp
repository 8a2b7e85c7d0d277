// The program limelight-broker (see broker.hpp). Its arguments are the pools, each as
// <bytes>x<chunks>.
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iceoryx_hoofs/error_handling/error_handling.hpp>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/internal/roudi/port_manager.hpp>
#include <string_view>
#include <thread>

#include "base/log.hpp"
#include "base/whole_number.hpp"
#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/broker_files.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/iceoryx/broker_memory.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "ipc/iceoryx/quiet.hpp"
#include "ipc/iceoryx/robust_mutex.hpp"
#include "ipc/iceoryx/watched_roudi.hpp"

namespace limelight::ipc {

namespace fs = std::filesystem;

namespace {

constexpr auto end_timeout = std::chrono::seconds(3);
constexpr std::uint64_t most_pool_bytes = std::uint64_t{16} << 30;

// Replaces iceoryx's error handler, which ends the process even if RouDi's introspection gets no
// chunk before it is stopped. This one ends it only after fatal errors, after which iceoryx cannot
// continue; after any other error the call returns it.
void install_error_handler() {
  static auto restore = iox::ErrorHandler::setTemporaryErrorHandler(
      [](const iox::Error error, const std::function<void()>&, const iox::ErrorLevel level) {
        if (level != iox::ErrorLevel::FATAL) return;
        std::fprintf(stderr, "limelight-broker: iceoryx has failed and cannot continue: %s\n",
                     iox::ErrorHandler::toString(error));
        _exit(70);
      });
}

// Attaches to the running broker. Returns the exit status: 0 if it answered.
int ping() {
  const bool attached = attach("limelight-ping-" + std::to_string(getpid()), ping_timeout).ok();
  return attached ? 0 : 1;
}

// Parses the arguments and runs the broker. Returns the exit status.
int serve(int argc, char** argv) {
  log_to_stderr();
  if (argc == 2 && std::string_view(argv[1]) == ping_word) return ping();
  use_robust_mutexes();
  keep_iceoryx_quiet();
  ::umask(0077);
  ::signal(SIGINT, SIG_IGN);
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  install_error_handler();
  std::vector<Pool> pools;
  std::uint64_t total = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::size_t x = std::min(word.find('x'), word.size());
    const auto bytes = whole_number<std::uint64_t>(word.substr(0, x), 1, UINT32_MAX);
    const auto chunks = whole_number<std::uint32_t>(word.substr(std::min(x + 1, word.size())), 1);
    if (!bytes || !chunks || *bytes % 64 != 0) {
      std::fprintf(
          stderr,
          "limelight-broker: found '%s', expected <bytes>x<chunks>, bytes a multiple of 64 below 4 "
          "GiB\n",
          argv[i]);
      return 2;
    }
    total += *bytes * *chunks;
    pools.push_back({*bytes, *chunks});
  }
  if (pools.empty() || total > most_pool_bytes) {
    std::fprintf(stderr,
                 "limelight-broker: found %zu pools with %lu bytes together, expected at least one "
                 "pool and at most %lu bytes\n",
                 pools.size(), total, most_pool_bytes);
    return 2;
  }
  const auto folder = runtime_folder();
  if (!folder) {
    std::fprintf(stderr, "limelight-broker: %s\n", folder.error().message.c_str());
    return 1;
  }
  const int users = open_lock(*folder / users_file);

  const auto group = iox::posix::PosixGroup::getGroupOfCurrentProcess().getName();
  auto memory = BrokerMemory::create(pools, group.c_str());
  if (!memory) {
    std::fprintf(stderr, "limelight-broker: %s\n", memory.error().message.c_str());
    return 1;
  }
  {
    // Clients cannot start while the socket of a killed RouDi exists.
    iox::runtime::IpcInterfaceBase::cleanupOutdatedIpcChannel(iox::roudi::IPC_CHANNEL_ROUDI_NAME);
    if ((*memory)->createAndAnnounceMemory().has_error()) {
      std::fprintf(stderr, "limelight-broker: cannot map its shared memory\n");
      return 1;
    }
    iox::roudi::PortManager ports(memory->get());
    WatchedRouDi roudi(**memory, ports);
    // A thread of RouDi makes the socket. Who reads the state relies on it.
    while (!broker_listens()) ::poll(nullptr, 0, 1);
    const fs::path state = *folder / state_file_name, part = *folder / "broker.state.part";
    std::ofstream(part) << "ready " << getpid() << pool_arguments(pools) << "\n";
    fs::rename(part, state);
    while (::flock(users, LOCK_EX) != 0) {}  // a signal interrupts it
    std::error_code ignored;
    fs::remove(state, ignored);
    // If RouDi hangs, its threads cannot be joined: exit then. The next start removes its files.
    std::thread([] {
      std::this_thread::sleep_for(end_timeout);
      _exit(3);
    }).detach();
  }
  return 0;
}

}  // namespace

}  // namespace limelight::ipc

int main(int argc, char** argv) { return limelight::ipc::serve(argc, argv); }

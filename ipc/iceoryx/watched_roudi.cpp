#include "ipc/iceoryx/watched_roudi.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/whole_number.hpp"

namespace limelight::ipc {

namespace {

constexpr bool kill_clients = false;  // when RouDi ends; the orchestrator ends its ranks itself

int open_pidfd(int pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

int pid_of(const iox::runtime::IpcMessage& registration) {
  return whole_number<int>(registration.getElementAtIndex(2), 1).value_or(0);
}

}  // namespace

bool ClientWatch::Client::dead() const {
  if (pidfd < 0) return ::kill(pid, 0) != 0 && errno == ESRCH;
  pollfd exit{pidfd, POLLIN, 0};
  return ::poll(&exit, 1, 0) > 0;
}

ClientWatch::~ClientWatch() {
  for (const auto& [name, client] : clients_)
    if (client.pidfd >= 0) ::close(client.pidfd);
}

void ClientWatch::add(const std::string& name, int pid) {
  remove(name);
  const std::lock_guard lock(mutex_);
  clients_[name] = {pid, open_pidfd(pid)};
}

void ClientWatch::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto client = clients_.find(name);
  if (client == clients_.end()) return;
  if (client->second.pidfd >= 0) ::close(client->second.pidfd);
  clients_.erase(client);
}

std::vector<std::string> ClientWatch::remove_dead() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> dead;
  std::erase_if(clients_, [&dead](const auto& entry) {
    const auto& [name, client] = entry;
    if (!client.dead()) return false;
    if (client.pidfd >= 0) ::close(client.pidfd);
    dead.push_back(name);
    return true;
  });
  return dead;
}

WatchedRouDi::WatchedRouDi(iox::roudi::RouDiMemoryInterface& memory, iox::roudi::PortManager& ports)
    : RouDi(memory,
            ports,
            {iox::roudi::MonitoringMode::OFF, kill_clients,
             RuntimeMessagesThreadStart::DEFER_START}) {
  // Nobody reads RouDi's introspection, and there is no memory for all of it.
  m_processIntrospection.stop();
  m_mempoolIntrospection.stop();
  m_portManager->stopPortIntrospection();
  startProcessRuntimeMessagesThread();  // deferred until processMessage() is overridden
}

WatchedRouDi::~WatchedRouDi() { shutdown(); }

void WatchedRouDi::processMessage(const iox::runtime::IpcMessage& message,
                                  const iox::runtime::IpcMessageType& command,
                                  const iox::RuntimeName_t& name) noexcept {
  if (command == iox::runtime::IpcMessageType::REG) add(name.c_str(), pid_of(message));
  RouDi::processMessage(message, command, name);
  if (command == iox::runtime::IpcMessageType::TERMINATION) remove(name.c_str());
}

void WatchedRouDi::cyclicUpdateHook() noexcept {
  for (const std::string& name : remove_dead())
    (void)m_prcMgr->unregisterProcess(iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name));
}

}  // namespace limelight::ipc

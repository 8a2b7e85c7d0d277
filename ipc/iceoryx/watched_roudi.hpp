// iceoryx's RouDi with another way to find dead clients: it asks the kernel.
//
// The original RouDi removes a client that sent no keep-alive message for 1.5 s and destroys its
// ports, even if the client is only stopped, swapped out or starved. When such a client continues,
// it waits for ever, or locks a mutex that no longer exists. This RouDi destroys the ports of dead
// clients only, within 100 ms. A stopped client keeps its ports; detecting it is the task of the
// heartbeat.
#pragma once

#include <iceoryx_posh/internal/roudi/roudi.hpp>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace limelight::ipc {

// The registered clients by name. Two threads of RouDi call its functions.
class ClientWatch {
 public:
  ClientWatch() = default;
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;
  ~ClientWatch();
  void add(const std::string& name, int pid);  // replaces a client of that name
  void remove(const std::string& name);        // the client has unregistered
  std::vector<std::string> remove_dead();      // returns each dead client once

 private:
  struct Client {
    int pid = 0;
    int pidfd = -1;  // -1: it was dead already, or no descriptor was free
    bool dead() const;
  };
  std::mutex mutex_;
  std::map<std::string, Client> clients_;
};

// ClientWatch is a base class because RouDi's threads run before members of this class exist.
class WatchedRouDi final : private ClientWatch, public iox::roudi::RouDi {
 public:
  WatchedRouDi(iox::roudi::RouDiMemoryInterface& memory, iox::roudi::PortManager& ports);
  ~WatchedRouDi() override;

 private:
  void processMessage(const iox::runtime::IpcMessage& message,
                      const iox::runtime::IpcMessageType& command,
                      const iox::RuntimeName_t& name) noexcept override;
  void cyclicUpdateHook() noexcept override;
};

}  // namespace limelight::ipc

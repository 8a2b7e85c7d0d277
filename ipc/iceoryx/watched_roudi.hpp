// iceoryx's RouDi, with the death of a client told by the kernel.
//
// RouDi as it comes gives up a client that sent no sign of life for 1.5 s and destroys its
// channels, also when the client was only stopped, swapped out or starved: it goes on later and
// waits for ever, or locks a mutex that is no more. Ours takes the channels of those that are dead,
// within 100 ms, and of nobody else. Who stands still keeps what it has; that it does not answer is
// for the supervisor to tell.
#pragma once

#include <iceoryx_posh/internal/roudi/roudi.hpp>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace limelight::ipc {

// The clients by the name that they registered under. Its functions are called by two of RouDi's
// threads.
class ClientWatch {
 public:
  ClientWatch() = default;
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;
  ~ClientWatch();
  void add(const std::string& name, int pid);  // in the place of one with that name
  void remove(const std::string& name);        // it said goodbye
  std::vector<std::string> take_dead();        // each once

 private:
  struct Client {
    int pid = 0;
    int pidfd = -1;  // -1: it was dead already, or there are no more descriptors
    bool dead() const;
  };
  std::mutex mutex_;
  std::map<std::string, Client> clients_;
};

// The watch is a base: RouDi's threads run before members of this class are made.
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

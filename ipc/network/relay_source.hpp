// Where a relay has its connections from: it makes them itself, or waits for those that come.
//
// next() is called by the relay's thread, all else by any.
#pragma once

#include <condition_variable>
#include <functional>
#include <limelight/result.hpp>
#include <mutex>
#include <optional>
#include <string>

#include "ipc/network/socket.hpp"

namespace limelight::ipc {

class RelaySource {
 public:
  virtual ~RelaySource() = default;
  // Waits for a connection whose peer has proved the token. Nothing: after stop().
  virtual std::optional<Socket> next() = 0;
  virtual void stop() = 0;
};

// Makes them, and tries again until it succeeds.
class DialledConnections final : public RelaySource {
 public:
  // dial: one try. name: for the log, which gets the first failure of a row.
  DialledConnections(std::string name, std::function<Result<Socket>()> dial)
      : name_(std::move(name)), dial_(std::move(dial)) {}
  std::optional<Socket> next() override;
  void stop() override;

 private:
  std::string name_;
  std::function<Result<Socket>()> dial_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
};

// Those that come: the last one counts, for it is made when the one before has broken.
class ComingConnections final : public RelaySource {
 public:
  std::optional<Socket> next() override;
  void stop() override;
  void add(Socket socket);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Socket> waiting_;
  bool stopped_ = false;
};

}  // namespace limelight::ipc

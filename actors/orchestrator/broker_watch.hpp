// Notices that the broker's process has ended.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <thread>

namespace limelight::actors {

class BrokerWatch {
 public:
  // on_end is called once, on a thread of this object, when the process ends, or is gone already.
  BrokerWatch(int pid, std::function<void()> on_end);
  // Returns when on_end is not called any more. on_end must not end this object.
  ~BrokerWatch();
  BrokerWatch(const BrokerWatch&) = delete;

 private:
  int pidfd_ = -1, stop_fd_ = -1;
  std::thread thread_;
};

}  // namespace limelight::actors

#include "actors/orchestrator/broker_use.hpp"

#include <unistd.h>

#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "base/helper.hpp"

namespace limelight::actors {

using namespace std::chrono_literals;

namespace {
constexpr auto broker_timeout = 10s;
}

Result<int> use_broker(const std::vector<ipc::Pool>& pools, const std::vector<ShmNeed>& beside) {
  static std::mutex mutex;
  static std::unique_ptr<ipc::Broker>
      broker;  // made before iceoryx's runtime, so it is given back after it
  const std::lock_guard lock(mutex);
  const auto helper = find_helper("limelight-broker");
  if (!helper) return helper.error();
  auto used = ipc::Broker::use(*helper, pools, beside);
  if (!used) return used.error();
  if (broker) return broker->pid();
  broker = std::make_unique<ipc::Broker>(std::move(used).value());
  auto attached = ipc::attach("limelight-" + std::to_string(getpid()) + "-orchestrator", 30s);
  if (!attached) return attached.error();
  return broker->pid();
}

Result<std::unique_ptr<ipc::Subscriber>> make_subscriber(const std::string& topic,
                                                         std::size_t window) {
  const auto made = std::make_shared<std::promise<std::unique_ptr<ipc::Subscriber>>>();
  auto port = made->get_future();
  std::thread([made, topic, window] {
    made->set_value(std::make_unique<ipc::Subscriber>(topic, window));
  }).detach();
  if (port.wait_for(broker_timeout) != std::future_status::ready)
    return Error{ErrorCode::unavailable,
                 "the broker that this process is attached to does not answer any more: restart "
                 "this process"};
  return port.get();
}

}  // namespace limelight::actors

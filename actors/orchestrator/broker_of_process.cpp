#include "actors/orchestrator/broker_of_process.hpp"

#include <unistd.h>

#include <chrono>
#include <functional>
#include <mutex>

#include "base/helper.hpp"
#include "base/try.hpp"
#include "ipc/iceoryx/broker_link.hpp"

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
  if (!broker) broker = std::make_unique<ipc::Broker>(std::move(used).value());
  LIMELIGHT_TRY(ipc::attach("limelight-" + std::to_string(getpid()) + "-orchestrator", 30s,
                            ipc::BrokerComes::was_there));
  return broker->pid();
}

namespace {

template <class Port>
Result<std::unique_ptr<Port>> make_port(std::function<std::unique_ptr<Port>()> make) {
  const auto made = std::make_shared<std::unique_ptr<Port>>();
  LIMELIGHT_TRY(
      ipc::ask_broker([made, make = std::move(make)] { *made = make(); }, broker_timeout));
  return std::move(*made);
}

}  // namespace

Result<std::unique_ptr<ipc::Subscriber>> make_subscriber(const std::string& topic,
                                                         std::size_t window,
                                                         bool relayed) {
  return make_port<ipc::Subscriber>([=] {
    return std::make_unique<ipc::Subscriber>(
        std::vector<ipc::Subscriber::Channel>{{topic, window, relayed}});
  });
}

Result<std::unique_ptr<ipc::Publisher>> make_publisher(const std::string& topic,
                                                       std::uint64_t max_bytes,
                                                       std::size_t window) {
  return make_port<ipc::Publisher>(
      [=] { return std::make_unique<ipc::Publisher>(topic, max_bytes, window); });
}

}  // namespace limelight::actors

#include "actors/orchestrator/crossing_relay.hpp"

#include <chrono>

#include "actors/orchestrator/broker_of_process.hpp"

namespace limelight::actors {

namespace {
constexpr std::chrono::seconds dial_time{5};
// A node that is silent for so long is gone: longer than a rank may be silent.
constexpr std::chrono::seconds node_silence{10};
}  // namespace

Result<std::unique_ptr<CrossingRelay>> CrossingRelay::open(
    const Crossing& crossing,
    const std::string& run,
    bool sends,
    std::shared_ptr<ipc::RelaySource> source) {
  auto relay = std::make_unique<CrossingRelay>();
  relay->reader_ = crossing.reader;
  const std::string topic = run + crossing.topic, name = "channel " + topic;
  if (sends) {
    auto port = make_subscriber(topic, crossing.window, true);
    if (!port) return port.error();
    relay->sender_ =
        std::make_unique<ipc::RelaySender>(name, std::move(port).value(), std::move(source));
  } else {
    auto port = make_publisher(topic, crossing.max_bytes, crossing.window);
    if (!port) return port.error();
    relay->receiver_ =
        std::make_unique<ipc::RelayReceiver>(name, std::move(port).value(), std::move(source));
  }
  return relay;
}

void CrossingRelay::consumer_replaced(int stage, int replica) {
  if (receiver_ && reader_.stage == stage && reader_.replica == replica)
    receiver_->consumer_replaced();
}

std::string purpose_run(const std::string& run) { return "run\n" + run; }
std::string purpose_channel(const std::string& run, const std::string& topic) {
  return "channel\n" + run + "\n" + topic;
}

Result<ipc::Socket> dial_node(const ipc::NetworkAddress& address,
                              const ipc::Token& token,
                              const std::string& purpose,
                              std::string* answer) {
  auto socket = ipc::connect_to(address, dial_time);
  if (!socket) return socket;
  auto said = ipc::greet(*socket, token, purpose);
  if (!said) return Error{said.error().code, address.text() + ": " + said.error().message};
  ipc::expect_signs_of_life(*socket, node_silence);
  if (answer != nullptr) *answer = std::move(said).value();
  return socket;
}

}  // namespace limelight::actors

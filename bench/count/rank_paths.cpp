#include <memory>

#include "actors/pipeline/protocol.hpp"
#include "actors/rank/scheduler.hpp"
#include "bench/count/paths.hpp"

namespace limelight::bench {

namespace {

constexpr std::uint64_t steps = 512, requests = 8, messages = 64;

// Every request wants one token, and there is memory for all.
struct Decoding final : stages::Stage {
  Result<void> begin(const stages::Request&) override { return {}; }
  Result<void> consume(
      std::uint64_t, int, const ipc::TensorSpec&, std::span<const std::byte>, bool) override {
    return {};
  }
  stages::Demand demand(std::uint64_t) const override { return {1, false}; }
  Result<void> step(std::span<stages::Turn>) override { return {}; }
  void end(std::uint64_t) override {}
};

struct Planning {
  Decoding stage;
  actors::Scheduler scheduler{{.requests = static_cast<int>(requests), .tokens = 512}};
  std::vector<actors::Action> actions;

  Planning() {
    for (std::uint64_t request = 1; request <= requests; ++request) scheduler.add(request);
  }
  std::uint64_t plan() {
    std::uint64_t bytes = 0;
    for (std::uint64_t i = 0; i < steps; ++i) {
      actions.clear();
      scheduler.plan(stage, actions);
      bytes += actions.size() * sizeof(actors::Action);
    }
    return bytes;
  }
};

actors::Submit submit() {
  actors::Submit submit;
  submit.number = 1234;
  submit.id = "0123456789abcdef";
  submit.prompt = "What does a pipeline cost, and who pays for it in the end?";
  submit.replicas = {0, 0, 0};
  return submit;
}

// What a process sends, and another one reads. Returns the bytes of one; 0: it is not read.
template <class Message>
std::uint64_t send_and_receive(Message& sent) {
  caf::binary_serializer::container_type buffer;
  caf::binary_serializer sink(nullptr, buffer);
  if (sink(sent)) return 0;
  Message received;
  caf::binary_deserializer source(nullptr, buffer);
  return source(received) ? 0 : buffer.size();
}

template <class Message>
std::uint64_t send_and_receive_all(Message& sent) {
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < messages; ++i) {
    const std::uint64_t one = send_and_receive(sent);
    if (one == 0) return 0;
    bytes += one;
  }
  return bytes;
}

// The question of a start, and its answer.
struct StartOfTrace {
  actors::StartTrace question{.directory = "/var/lib/limelight/traces",
                              .timestamp = "1700000000000",
                              .base_ns = 1,
                              .options = {}};
  RankTrace answer;
  StartOfTrace() {
    answer.file = "/var/lib/limelight/traces/1700000000000-rank-1.host_1_stage0-thinker.json.gz";
  }
};

}  // namespace

std::vector<CountedPath> rank_paths() {
  const auto planning = std::make_shared<Planning>();
  const auto message = std::make_shared<actors::Submit>(submit());
  const auto start = std::make_shared<StartOfTrace>();
  return {{"rank.step_of_8", "step", steps, [] {}, [=] { return planning->plan(); }},
          {"control.submit", "request", messages, [] {},
           [=] { return send_and_receive_all(*message); }},
          {"control.start_trace", "rank", messages, [] {},
           [=] {
             return send_and_receive_all(start->question) + send_and_receive_all(start->answer);
           }}};
}

}  // namespace limelight::bench

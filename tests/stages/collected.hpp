// What a stage gives, kept.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <string>
#include <vector>

namespace limelight::tests {

struct Collected final : stages::Output {
  struct Chunk {
    ipc::TensorSpec tensor;
    bool last = false;
    std::vector<std::byte> data;
  };
  std::map<int, std::vector<Chunk>> ports;

  Result<void> emit(int port,
                    const ipc::TensorSpec& tensor,
                    bool last,
                    const std::function<void(std::span<std::byte>)>& write) override {
    auto& chunks = ports[port];
    chunks.push_back({tensor, last, std::vector<std::byte>(*tensor.bytes())});
    write(chunks.back().data);
    return {};
  }
  const std::vector<Chunk>& of(int port) const {
    static const std::vector<Chunk> none;
    const auto at = ports.find(port);
    return at == ports.end() ? none : at->second;
  }
  // All that went to the first output, as text and as samples.
  std::string text() const {
    std::string all;
    for (const Chunk& chunk : of(0))
      all.append(reinterpret_cast<const char*>(chunk.data.data()), chunk.data.size());
    return all;
  }
  std::vector<float> samples() const {
    std::vector<float> all;
    for (const Chunk& chunk : of(0)) {
      const auto* from = reinterpret_cast<const float*>(chunk.data.data());
      all.insert(all.end(), from, from + chunk.data.size() / sizeof(float));
    }
    return all;
  }
};

// One step of one request, as large as it asks for.
inline Result<stages::StepState> step_one(stages::Stage& stage,
                                          std::uint64_t request,
                                          stages::Output& output) {
  const stages::Demand demand = stage.demand(request);
  if (demand.tokens == 0) return stages::StepState::needs_input;
  if (!stage.reserve(request, demand.tokens))
    return Error{ErrorCode::busy, "the stage has no memory for this step"};
  stages::Turn turn{.request = request, .tokens = demand.tokens, .output = &output};
  const Result<void> done = stage.step({&turn, 1});
  if (!done) return done.error();
  if (turn.error.code != ErrorCode::none) return turn.error;
  return turn.state;
}

}  // namespace limelight::tests

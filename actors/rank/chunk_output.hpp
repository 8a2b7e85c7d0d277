// Where a stage's output for one request goes in one step: into a chunk of each channel that is on
// the request's route.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limelight/stage.hpp>
#include <map>

#include "actors/rank/rank_channels.hpp"

namespace limelight::actors {

// What all outputs of a rank share. The functions are called on the worker thread.
struct ChunkSender {
  int stage_id = 0;
  bool sends = true;  // of a group, whose ranks all have the same result, the first one does
  std::vector<Outlet>* outlets = nullptr;
  // Nobody waits for the output of that request any more, or the rank ends.
  std::function<bool(std::uint64_t request)> unwanted;
  // A full window holds this rank back, for so long by now.
  std::function<void(std::uint64_t request, std::chrono::milliseconds)> held_back;
};

class ChunkOutput final : public stages::Output {
 public:
  // sequence: of the request's chunks, by output; it counts on. All must outlive this.
  ChunkOutput(const ChunkSender& sender,
              std::uint64_t request,
              const Route& route,
              std::map<int, std::uint32_t>& sequence)
      : sender_(&sender), request_(request), route_(&route), sequence_(&sequence) {}

  Result<void> emit(int port,
                    const ipc::TensorSpec& tensor,
                    bool last,
                    const std::function<void(std::span<std::byte>)>& write) override;
  // To the user alone, through the channel of the text.
  Result<void> emit_logprobs(const PositionLogprobs& of_token) override;
  // What it took to send, the waiting for a slow consumer included.
  double sending_ms() const noexcept { return sending_ms_; }

 private:
  Result<void> send(ipc::Publisher& publisher,
                    const ipc::ChunkHeader& header,
                    const std::function<void(std::span<std::byte>)>& write);

  const ChunkSender* sender_;
  std::uint64_t request_;
  const Route* route_;
  std::map<int, std::uint32_t>* sequence_;
  double sending_ms_ = 0;
};

}  // namespace limelight::actors

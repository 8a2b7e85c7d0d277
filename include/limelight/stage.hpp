// A stage: takes a request and chunks of tensors, gives chunks of tensors, a step at a time.
//
// The rank that hosts it calls everything from one thread. Several requests may be open at once;
// the host chooses whose turn it is. A stage knows no process, channel or actor: it reads chunks in
// place and writes into memory that the Output hands it, which is where they are sent from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <memory>
#include <span>
#include <string>

namespace limelight::stages {

struct Request {
  std::uint64_t number = 0;  // unique in the run, from 1
  std::string id;            // the user's name for it
  std::string prompt;
  SamplingParams sampling;
};

enum class Port { next_stage, user };

class Output {
 public:
  virtual ~Output() = default;
  // Calls write with the tensor's memory (64-byte aligned, not zeroed), then sends it. last: no
  // chunk of this request follows on this port.
  virtual Result<void> emit(Port port,
                            const ipc::TensorSpec& tensor,
                            bool last,
                            const std::function<void(std::span<std::byte>)>& write) = 0;
};

enum class StepState { more, needs_input, done };

class Stage {
 public:
  virtual ~Stage() = default;
  // Errors: invalid_argument (a prompt or parameter that this stage cannot serve).
  virtual Result<void> begin(const Request& request) = 0;
  // One chunk of the input; valid during the call only. Errors: corrupt (another dtype or shape
  // than this stage reads).
  virtual Result<void> consume(std::uint64_t request,
                               const ipc::TensorSpec& tensor,
                               std::span<const std::byte> data,
                               bool last) = 0;
  virtual Result<StepState> step(std::uint64_t request, Output& output) = 0;
  virtual void end(std::uint64_t request) = 0;
  // Tokens, codes or samples given so far, for the statistics.
  virtual std::uint64_t tokens_out(std::uint64_t request) const = 0;
};

}  // namespace limelight::stages

// A stage reads a request and chunks of tensors, and emits chunks of tensors, one step at a time.
//
// The rank that hosts the stage calls it:
//
//   begin(request)
//     consume(chunk)  for each chunk of the input, in order
//     step(output)    again while it returns more; after needs_input, once a chunk has come
//   end(request)      after done, or when the request is cancelled
//
// All calls come from one thread. Several requests may be open at once; the host chooses which one
// steps next. A stage knows no process, channel or actor: it reads chunks where they are, and
// writes into memory that the Output provides and that is then sent without a copy.
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
  std::string id;            // chosen by the user
  std::string prompt;
  SamplingParams sampling;
};

enum class Port { next_stage, user };

class Output {
 public:
  virtual ~Output() = default;
  // Calls `write` with the memory of the tensor (64-byte aligned, not zeroed), then sends the
  // tensor. `last`: no chunk of this request follows on this port.
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
  // Gives the stage one chunk of its input. `data` is valid during the call only. `last`: it is the
  // last chunk. Errors: corrupt (a dtype or shape that this stage does not read).
  virtual Result<void> consume(std::uint64_t request,
                               const ipc::TensorSpec& tensor,
                               std::span<const std::byte> data,
                               bool last) = 0;
  virtual Result<StepState> step(std::uint64_t request, Output& output) = 0;
  virtual void end(std::uint64_t request) = 0;
  // The number of tokens, codes or samples emitted so far, for the statistics.
  virtual std::uint64_t tokens_out(std::uint64_t request) const = 0;
};

}  // namespace limelight::stages

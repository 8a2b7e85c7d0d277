// A stage reads requests and chunks of tensors, and emits chunks of tensors, one step at a time. A
// step serves a batch of requests together.
//
// The rank that hosts the stage calls it:
//
//   begin(request)
//     consume(chunk)     for each chunk of each input, in the order of that input
//     demand(request)    how much the request could compute now
//     reserve(request)   before each step that it takes part in
//     step(batch)        again while its turn ends as `more`; after needs_input, once a chunk came
//     preempt(request)   when another request needs its memory: nothing that was emitted is lost
//   end(request)         after done, after an error, or when the request is cancelled
//
// All calls come from one thread. The host's scheduler chooses which requests are in a batch. A
// stage knows no process, channel or actor: it reads chunks where they are, and writes into memory
// that the Output provides and that is then sent without a copy.
//
// The ranks of one stage get the same calls in the same order, so whatever a stage decides from its
// own state, all of its ranks decide alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limelight/config.hpp>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace limelight::stages {

struct Request {
  std::uint64_t number = 0;  // unique in the run, from 1
  std::string id;            // chosen by the user
  std::string prompt;
  SamplingParams sampling = {};
  // One of these in place of the prompt:
  std::vector<Message> messages = {};
  std::vector<std::int32_t> prompt_token_ids = {};
  bool use_chat_template = true;  // of the prompt
};

// Where one request's tensors go.
class Output {
 public:
  virtual ~Output() = default;
  // Calls `write` with the memory of the tensor (64-byte aligned, not zeroed), then sends the
  // tensor. port: index of an output in the stage's type. `last`: no chunk of this request follows
  // on this port.
  virtual Result<void> emit(int port,
                            const ipc::TensorSpec& tensor,
                            bool last,
                            const std::function<void(std::span<std::byte>)>& write) = 0;
  // What is known of one token whose text comes with the next chunks of the text for the user, so
  // that a stream has it with them; each token once, in their order. Who emits none still gives all
  // of them at the end, by Stage::answer().
  virtual Result<void> emit_logprobs(const PositionLogprobs& /*of_token*/) { return {}; }
};

enum class StepState { more, needs_input, done };

// What a request would compute in its next step, in tokens (frames, rows: the unit of the stage's
// budget). 0: it waits for input. divisible: fewer do as well, the rest comes in later steps.
struct Demand {
  int tokens = 1;
  bool divisible = false;
};

// A request's part of a step. The host sets the first three members, the stage the others.
struct Turn {
  std::uint64_t request = 0;
  int tokens = 1;  // as demanded, or fewer of a divisible demand
  Output* output = nullptr;
  StepState state = StepState::more;
  Error error{ErrorCode::none, {}};  // of this request: the others go on
};

class Stage {
 public:
  virtual ~Stage() = default;
  // Errors: invalid_argument (a prompt or parameter that this stage cannot serve).
  virtual Result<void> begin(const Request& request) = 0;
  // Gives the stage one chunk of an input (its index in the stage's type). `data` is valid during
  // the call only. `last`: it is the last chunk of this input. Errors: corrupt (a dtype or shape
  // that this stage does not read). As it is here, it is for stages without inputs.
  virtual Result<void> consume(std::uint64_t /*request*/,
                               int /*input*/,
                               const ipc::TensorSpec& /*tensor*/,
                               std::span<const std::byte> /*data*/,
                               bool /*last*/) {
    return Error{ErrorCode::internal, "found a chunk for a stage without inputs, expected none"};
  }
  virtual Demand demand(std::uint64_t) const { return {}; }
  // Takes the memory that `tokens` more of the request need. False if there is not enough now: the
  // request then has no more than before.
  virtual bool reserve(std::uint64_t, int) { return true; }
  // Gives the request's memory back; its next steps compute again what was in it.
  virtual void preempt(std::uint64_t) {}
  // Computes one step of each request of the batch. An error of step() ends all of them; an error
  // in a turn ends that request.
  virtual Result<void> step(std::span<Turn> batch) = 0;
  virtual void end(std::uint64_t request) = 0;
  // The number of tokens, codes or samples emitted so far, for the statistics.
  virtual std::uint64_t tokens_out(std::uint64_t) const { return 0; }
  // How the request's text ended; nothing from a stage that has none.
  virtual AnswerInfo answer(std::uint64_t) const { return {}; }
  // What its user should know of a request that did not fail, such as what was left out: a sentence
  // each, without a full stop. Few: they are kept with the output.
  virtual std::vector<std::string> remarks(std::uint64_t) const { return {}; }
};

}  // namespace limelight::stages

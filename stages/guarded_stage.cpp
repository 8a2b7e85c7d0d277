#include "stages/guarded_stage.hpp"

#include <algorithm>
#include <exception>

#include "base/log.hpp"

namespace limelight::stages {

namespace {
Error wrong_output(const std::string& stage,
                   const std::string& found,
                   const std::string& expected) {
  return {ErrorCode::internal,
          "stage '" + stage + "': emit() found " + found + ", expected " + expected};
}
}  // namespace

// Where a request's tensors go in one step, if they are what the ports say.
class GuardedStage::CheckedOutput final : public Output {
 public:
  CheckedOutput(const GuardedStage& stage, Output& to, OpenRequest& open)
      : stage_(stage), to_(to), open_(open) {}

  Result<void> emit(int port,
                    const ipc::TensorSpec& tensor,
                    bool last,
                    const std::function<void(std::span<std::byte>)>& write) override {
    const auto& outputs = stage_.ports_.outputs;
    if (port < 0 || port >= static_cast<int>(outputs.size()))
      return wrong_output(stage_.name_, "the output " + std::to_string(port),
                          "0 to " + std::to_string(outputs.size() - 1));
    const OutputPort& to = outputs[static_cast<std::size_t>(port)];
    const auto bytes = tensor.bytes();
    if (!bytes || *bytes > to.largest_bytes)
      return wrong_output(stage_.name_, tensor.text() + " for the output '" + to.name + "'",
                          std::to_string(to.largest_bytes) + " bytes or less (largest_bytes)");
    if ((to.carries == "text" && tensor.dtype != ipc::DType::uint8) ||
        (to.carries == "audio" && tensor.dtype != ipc::DType::float32))
      return wrong_output(
          stage_.name_, tensor.text() + " for the output '" + to.name + "'",
          to.carries == "text" ? "uint8, for it carries text" : "float32, for it carries audio");
    if (open_.ended[static_cast<std::size_t>(port)])
      return wrong_output(stage_.name_, "a chunk after the last of the output '" + to.name + "'",
                          "none");
    // The memory is loaned when `write` runs, and given back only when the chunk is sent.
    Result<void> written;
    auto sent = to_.emit(port, tensor, last, [&](std::span<std::byte> memory) {
      written = stage_.guard("emit()", [&] { return write(memory), Result<void>(); });
      if (!written) std::fill(memory.begin(), memory.end(), std::byte{0});
    });
    if (last && sent) open_.ended[static_cast<std::size_t>(port)] = true;
    return written ? std::move(sent) : std::move(written);
  }
  Result<void> emit_logprobs(const PositionLogprobs& of_token) override {
    return to_.emit_logprobs(of_token);
  }

 private:
  const GuardedStage& stage_;
  Output& to_;
  OpenRequest& open_;
};

GuardedStage::GuardedStage(std::unique_ptr<Stage> stage,
                           std::string name,
                           PluginPorts ports,
                           std::vector<int> unread)
    : stage_(std::move(stage)),
      name_(std::move(name)),
      ports_(std::move(ports)),
      unread_(std::move(unread)) {}
GuardedStage::~GuardedStage() = default;

template <class Call>
Result<void> GuardedStage::guard(const char* function, Call call) const {
  const auto threw = [&](const std::string& what) {
    return Error{ErrorCode::internal, "stage '" + name_ + "': " + function + " threw " + what};
  };
  try {
    return call();
  } catch (const std::exception& failed) {
    return threw(std::string("an exception: ") + failed.what());
  } catch (...) {
    return threw("something that is no std::exception");
  }
}

// For calls without a result: the request's next step fails.
template <class Call>
void GuardedStage::guard_for(std::uint64_t request, const char* function, Call call) const {
  auto done = guard(function, [&] { return call(), Result<void>(); });
  if (done) return;
  log(LogLevel::error, done.error().message);
  if (const auto at = open_.find(request); at != open_.end()) at->second.broken = done.error();
}

Result<void> GuardedStage::begin(const Request& request) {
  open_[request.number].ended.assign(ports_.outputs.size(), false);
  return guard("begin()", [&] { return stage_->begin(request); });
}

Result<void> GuardedStage::consume(std::uint64_t request,
                                   int input,
                                   const ipc::TensorSpec& tensor,
                                   std::span<const std::byte> data,
                                   bool last) {
  return guard("consume()", [&] { return stage_->consume(request, input, tensor, data, last); });
}

Demand GuardedStage::demand(std::uint64_t request) const {
  Demand demand;
  guard_for(request, "demand()", [&] { demand = stage_->demand(request); });
  return demand;
}

bool GuardedStage::reserve(std::uint64_t request, int tokens) {
  bool reserved = true;
  guard_for(request, "reserve()", [&] { reserved = stage_->reserve(request, tokens); });
  return reserved;
}

void GuardedStage::preempt(std::uint64_t request) {
  guard_for(request, "preempt()", [&] { stage_->preempt(request); });
}

Result<void> GuardedStage::step(std::span<Turn> batch) {
  std::vector<Turn> turns;
  std::vector<std::size_t> places;
  std::vector<CheckedOutput> outputs;
  outputs.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    OpenRequest& open = open_.at(batch[i].request);
    if (open.broken.code != ErrorCode::none) {
      batch[i].error = open.broken;
      continue;
    }
    outputs.emplace_back(*this, *batch[i].output, open);
    turns.push_back(batch[i]);
    turns.back().output = &outputs.back();
    places.push_back(i);
  }
  if (turns.empty()) return {};
  auto done = guard("step()", [&] { return stage_->step(turns); });
  for (std::size_t i = 0; i < turns.size(); ++i) {
    check_end(turns[i]);
    turns[i].output = batch[places[i]].output;
    batch[places[i]] = std::move(turns[i]);
  }
  return done;
}

// Whoever reads an output waits for its last chunk.
void GuardedStage::check_end(Turn& turn) const {
  if (turn.state != StepState::done || turn.error.code != ErrorCode::none) return;
  const OpenRequest& open = open_.at(turn.request);
  for (std::size_t i = 0; i < open.ended.size(); ++i)
    if (!open.ended[i] &&
        std::find(unread_.begin(), unread_.end(), static_cast<int>(i)) == unread_.end())
      turn.error = {ErrorCode::internal, "stage '" + name_ + "': step() is done, but the output '" +
                                             ports_.outputs[i].name +
                                             "' has no last chunk, expected one"};
}

void GuardedStage::end(std::uint64_t request) {
  if (!open_.contains(request)) return;  // it was never begun
  guard_for(request, "end()", [&] { stage_->end(request); });
  open_.erase(request);
}

std::uint64_t GuardedStage::tokens_out(std::uint64_t request) const {
  std::uint64_t tokens = 0;
  guard_for(request, "tokens_out()", [&] { tokens = stage_->tokens_out(request); });
  return tokens;
}

AnswerInfo GuardedStage::answer(std::uint64_t request) const {
  AnswerInfo answer;
  guard_for(request, "answer()", [&] { answer = stage_->answer(request); });
  return answer;
}

std::vector<std::string> GuardedStage::remarks(std::uint64_t request) const {
  std::vector<std::string> remarks;
  guard_for(request, "remarks()", [&] { remarks = stage_->remarks(request); });
  return remarks;
}

}  // namespace limelight::stages

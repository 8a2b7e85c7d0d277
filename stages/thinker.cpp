#include "stages/thinker.hpp"

#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

Thinker::Thinker(const StageConfig& config,
                 WeightLoader& weights,
                 std::unique_ptr<Tokenizer> tokenizer,
                 Device& device,
                 ipc::Collective* group)
    : config_(config),
      device_(device),
      decoder_(config, weights, device, group),
      tokenizer_(std::move(tokenizer)),
      embed_(weights.rows("embed_tokens", config.shape.vocab, config.shape.hidden)) {
  // Models with tied embeddings have no matrix of their own for the logits.
  const char* head = weights.has("lm_head") ? "lm_head" : "embed_tokens";
  head_ = weights.matrix(device, head, MatrixPart::whole(config.shape.vocab, config.shape.hidden),
                         config.dtype);
}

Result<void> Thinker::begin(const Request& request) {
  static const prof::NameId name =
      prof::intern("tokenize", prof::Category::cpu_op, prof::ValueKind::bytes);
  std::vector<int> tokens;
  if (!request.prompt.empty()) {
    const prof::Span span(name, request.prompt.size());
    tokens = tokenizer_->encode_prompt(request.prompt);
  }
  if (tokens.empty())
    return Error{ErrorCode::invalid_argument, "request '" + request.id + "': the prompt is empty"};
  const int needed = static_cast<int>(tokens.size()) + request.sampling.max_tokens;
  if (needed > config_.shape.max_model_len)
    return Error{ErrorCode::invalid_argument,
                 "request '" + request.id + "': " + std::to_string(tokens.size()) +
                     " prompt tokens and max_tokens " +
                     std::to_string(request.sampling.max_tokens) + " exceed max_model_len " +
                     std::to_string(config_.shape.max_model_len)};
  sequences_.insert_or_assign(
      request.number,
      Sequence{Sampler(request.sampling), std::move(tokens), decoder_.make_cache(), {}});
  return {};
}

Result<void> Thinker::consume(std::uint64_t,
                              const ipc::TensorSpec& tensor,
                              std::span<const std::byte>,
                              bool) {
  return Error{ErrorCode::corrupt, "thinker: found a chunk " + tensor.text() +
                                       ", expected none: its only input is the prompt"};
}

Result<StepState> Thinker::step(std::uint64_t request, Output& output) {
  Sequence& sequence = sequences_.at(request);
  const int n = static_cast<int>(sequence.input.size()), h = config_.shape.hidden;
  std::vector<float> rows(static_cast<std::size_t>(n) * static_cast<std::size_t>(h));
  for (std::size_t i = 0; i < sequence.input.size(); ++i)
    embed_(sequence.input[i],
           std::span(rows).subspan(i * static_cast<std::size_t>(h), static_cast<std::size_t>(h)));
  LIMELIGHT_TRY(decoder_.forward(rows, n, sequence.cache));
  std::vector<float> logits(static_cast<std::size_t>(config_.shape.vocab));
  linear_of_host(device_, std::span(rows).last(static_cast<std::size_t>(h)), *head_, logits, 1);
  const int token = sequence.sampler.next(logits);
  const bool stop = sequence.sampler.is_stop(token) || tokenizer_->ends(token);
  const bool last = stop || sequence.sampler.exhausted();
  sequence.input.assign(1, token);

  const auto hidden = ipc::TensorSpec::of(
      ipc::DType::float32, {static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(h)});
  if (auto sent = output.emit(
          Port::next_stage, hidden, last,
          [&](std::span<std::byte> to) { std::memcpy(to.data(), rows.data(), to.size()); });
      !sent)
    return sent.error();
  std::string text = stop ? "" : sequence.text.push(tokenizer_->bytes(token));
  if (last) text += sequence.text.rest();
  if (auto sent = output.emit(
          Port::user, ipc::TensorSpec::of(ipc::DType::uint8, {text.size()}), last,
          [&](std::span<std::byte> to) { std::memcpy(to.data(), text.data(), to.size()); });
      !sent)
    return sent.error();
  return last ? StepState::done : StepState::more;
}

void Thinker::end(std::uint64_t request) { sequences_.erase(request); }
std::uint64_t Thinker::tokens_out(std::uint64_t request) const {
  return sequences_.at(request).sampler.count();
}

}  // namespace limelight::stages

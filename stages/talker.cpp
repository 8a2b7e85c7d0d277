#include "stages/talker.hpp"

#include <algorithm>
#include <cstring>

#include "base/try.hpp"

namespace limelight::stages {

Talker::Talker(const StageConfig& config,
               WeightLoader& weights,
               Device& device,
               ipc::Collective* group)
    : config_(config),
      device_(device),
      decoder_(config, weights, device, group),
      projection_(device.pack(
          weights.load("condition_proj",
                       MatrixPart::whole(config.shape.hidden, config.shape.input_hidden)),
          config.shape.hidden,
          config.shape.input_hidden,
          config.dtype)),
      embedding_(weights.load("embed_codes",
                              MatrixPart::whole(config.shape.codebooks * config.shape.codebook_size,
                                                config.shape.hidden))) {
  const int books = config.shape.codebooks, size = config.shape.codebook_size,
            h = config.shape.hidden;
  for (int book = 0; book < books; ++book)
    heads_.push_back(
        device.pack(weights.load("code_heads", {books * size, h, book * size, size, 0, h}), size, h,
                    config.dtype));
}

Result<void> Talker::begin(const Request& request) {
  if (request.sampling.max_tokens > config_.shape.max_model_len)
    return Error{ErrorCode::invalid_argument, "request '" + request.id + "': max_tokens " +
                                                  std::to_string(request.sampling.max_tokens) +
                                                  " of the talker exceeds max_model_len " +
                                                  std::to_string(config_.shape.max_model_len)};
  sequences_.insert_or_assign(
      request.number, Sequence{Sampler(request.sampling), decoder_.make_cache(), {}, false, 0, {}});
  return {};
}

Result<void> Talker::consume(std::uint64_t request,
                             const ipc::TensorSpec& tensor,
                             std::span<const std::byte> data,
                             bool last) {
  const int in = config_.shape.input_hidden, h = config_.shape.hidden;
  if (tensor.dtype != ipc::DType::float32 || tensor.extents != 2 ||
      tensor.shape[1] != static_cast<std::uint64_t>(in))
    return Error{ErrorCode::corrupt, "talker: found a chunk " + tensor.text() +
                                         ", expected float32 [n, " + std::to_string(in) + "]"};
  Sequence& sequence = sequences_.at(request);
  const std::size_t old = sequence.conditions.size(), rows = tensor.shape[0];
  sequence.conditions.resize(old + rows * static_cast<std::size_t>(h));
  const std::span<const float> states(reinterpret_cast<const float*>(data.data()),
                                      data.size() / sizeof(float));
  if (rows > 0)
    linear_of_host(device_, states, *projection_, std::span(sequence.conditions).subspan(old),
                   static_cast<int>(rows));
  sequence.conditions_complete = last;
  return {};
}

Result<StepState> Talker::step(std::uint64_t request, Output& output) {
  Sequence& sequence = sequences_.at(request);
  const ModelShape& s = config_.shape;
  const auto h = static_cast<std::size_t>(s.hidden),
             size = static_cast<std::size_t>(s.codebook_size);
  const std::size_t t = sequence.sampler.count();
  if ((t + 1) * h > sequence.conditions.size() && !sequence.conditions_complete)
    return StepState::needs_input;

  std::vector<float> row(h);
  const auto add = [&row](std::span<const float> values) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] += values[i];
  };
  const auto add_code = [&](std::size_t book, int code) {
    add(std::span(embedding_).subspan((book * size + static_cast<std::size_t>(code)) * h, h));
  };
  add_code(0, sequence.previous);
  if ((t + 1) * h <= sequence.conditions.size())
    add(std::span(sequence.conditions).subspan(t * h, h));
  LIMELIGHT_TRY(decoder_.forward(row, 1, sequence.cache));

  std::vector<float> logits(size);
  linear_of_host(device_, row, *heads_[0], logits, 1);
  int code = sequence.sampler.next(logits);
  const bool stop = sequence.sampler.is_stop(code), last = stop || sequence.sampler.exhausted();
  if (!stop) {
    sequence.frames.push_back(sequence.previous = code);
    for (std::size_t book = 1; book < static_cast<std::size_t>(s.codebooks); ++book) {
      add_code(book - 1, code);
      linear_of_host(device_, row, *heads_[book], logits, 1);
      code = static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      sequence.frames.push_back(code);
    }
  }
  const std::uint64_t books = static_cast<std::uint64_t>(s.codebooks),
                      frames = sequence.frames.size() / books;
  if (last || frames >= static_cast<std::uint64_t>(s.chunk_frames)) {
    const auto write = [&](std::span<std::byte> to) {
      std::memcpy(to.data(), sequence.frames.data(), to.size());
    };
    if (auto sent = output.emit(
            Port::next_stage, ipc::TensorSpec::of(ipc::DType::int32, {frames, books}), last, write);
        !sent)
      return sent.error();
    sequence.frames.clear();
  }
  return last ? StepState::done : StepState::more;
}

void Talker::end(std::uint64_t request) { sequences_.erase(request); }
std::uint64_t Talker::tokens_out(std::uint64_t request) const {
  return sequences_.at(request).sampler.count();
}

}  // namespace limelight::stages

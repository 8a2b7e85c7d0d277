#include "stages/qwen2_5_omni_talker.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"
#include "stages/file_talker_type.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {
// Lower than any logit, and finite still after a penalty.
constexpr float never = -1e30f;
}  // namespace

Qwen25OmniTalker::Qwen25OmniTalker(const StageConfig& config,
                                   WeightLoader& weights,
                                   Device& device,
                                   ipc::Collective* group)
    : config_(config),
      omni_(*config_.model->qwen2_5_omni()),
      device_(device),
      decoder_(config, weights, device, group),
      head_(weights.matrix(device,
                           "lm_head",
                           MatrixPart::whole(config.shape.vocab, config.shape.hidden),
                           config.dtype)),
      cache_(decoder_.make_cache(config.max_batch_size)),
      embedding_(config, omni_, config.speaker, weights, device) {}

Result<void> Qwen25OmniTalker::begin(const Request& request) {
  sequences_.insert_or_assign(request.number, Sequence{.id = request.id,
                                                       .inputs = Qwen25TalkerInputs(embedding_),
                                                       .sampling = request.sampling});
  return {};
}

Result<void> Qwen25OmniTalker::consume(std::uint64_t request,
                                       int input,
                                       const ipc::TensorSpec& tensor,
                                       std::span<const std::byte> data,
                                       bool last) {
  Sequence& sequence = sequences_.at(request);
  const auto width = static_cast<std::uint64_t>(omni_.thinker_hidden);
  if (input == tokens_port && tensor.dtype == ipc::DType::int32 && tensor.extents == 1) {
    LIMELIGHT_TRY(sequence.inputs.add_tokens(
        {reinterpret_cast<const std::int32_t*>(data.data()), data.size() / sizeof(std::int32_t)}));
  } else if (input == tokens_port && tensor.dtype == ipc::DType::int32 && tensor.extents == 2 &&
             tensor.shape[1] == 2) {
    LIMELIGHT_TRY(sequence.inputs.add_grids(
        {reinterpret_cast<const std::int32_t*>(data.data()), data.size() / sizeof(std::int32_t)}));
  } else if (input == hidden_port && tensor.dtype == ipc::DType::float32 && tensor.extents == 2 &&
             tensor.shape[1] == width) {
    sequence.inputs.add_states(
        {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)});
  } else {
    return Error{
        ErrorCode::corrupt,
        "talker: found a chunk " + tensor.text() + ", expected " +
            (input == tokens_port ? "int32 [n]" : "float32 [n, " + std::to_string(width) + "]")};
  }
  if (last && ++sequence.ended_inputs == 2) return sequence.inputs.end();
  return {};
}

Demand Qwen25OmniTalker::demand(std::uint64_t request) const {
  const Sequence& sequence = sequences_.at(request);
  if (sequence.inputs.silent()) return {.tokens = 1};
  if (!sequence.inputs.ready()) return {.tokens = 0};
  const std::size_t codes = sequence.codes.size();
  if (codes > 0 && !sequence.inputs.has(codes - 1)) return {.tokens = 0};
  return {.tokens = sequence.rest(), .divisible = sequence.rest() > 1};
}

bool Qwen25OmniTalker::reserve(std::uint64_t request, int tokens) {
  Sequence& sequence = sequences_.at(request);
  return sequence.inputs.silent() || cache_.reserve(tokens, sequence.cache);
}

void Qwen25OmniTalker::preempt(std::uint64_t request) {
  cache_.release(sequences_.at(request).cache);
}

// The rows before the first code are known now: what is left for codes is.
Result<void> Qwen25OmniTalker::start(Sequence& sequence) const {
  const int most = config_.shape.max_model_len, left = most - sequence.inputs.beginning();
  if (left < 0)
    return Error{ErrorCode::invalid_argument,
                 "request '" + sequence.id + "': the talker begins with " +
                     std::to_string(sequence.inputs.beginning()) +
                     " rows, expected at most its max_model_len " + std::to_string(most)};
  SamplingParams params = sequence.sampling;
  params.max_tokens = std::min(
      params.max_tokens.value_or(config_.sampling.max_tokens.value_or(usual_max_tokens)), left + 1);
  const int before[] = {omni_.codec_mask, omni_.codec_pad, omni_.codec_bos};
  sequence.sampler.emplace(params);
  sequence.sampler->set_prompt(before);
  sequence.sampler->set_ends({omni_.codec_pad, omni_.codec_eos});
  return {};
}

void Qwen25OmniTalker::write_input(const Sequence& sequence, int position, std::span<float> sum) {
  const int beginning = sequence.inputs.beginning();
  if (position < beginning) return sequence.inputs.write(static_cast<std::size_t>(position), sum);
  const auto t = static_cast<std::size_t>(position - beginning);
  sequence.inputs.write_code(t, sequence.codes[t], sum);
}

Result<void> Qwen25OmniTalker::step(std::span<Turn> batch) {
  const std::size_t width = embedding_.width();
  std::vector<Decoder::Part> parts;
  std::vector<float> sums;
  std::vector<std::vector<std::int32_t>> turns;  // of each part; empty without pictures
  turns.reserve(batch.size());
  std::vector<Turn*> complete;      // those that reach their newest row
  std::vector<std::size_t> newest;  // the rows of these
  for (Turn& turn : batch) {
    Sequence& sequence = sequences_.at(turn.request);
    if (demand(turn.request).tokens == 0) {
      turn.state = StepState::needs_input;
      continue;
    }
    if (sequence.inputs.silent()) {
      const auto state = finish_turn(sequence, true, *turn.output);
      if (state) turn.state = *state;
      else turn.error = state.error();
      continue;
    }
    if (!sequence.sampler)
      if (const auto started = start(sequence); !started) {
        turn.error = started.error();
        continue;
      }
    const int rows = std::min(turn.tokens, sequence.rest());
    turns.emplace_back();
    for (int i = 0; i < rows; ++i) {
      if (const auto turn_of_row = sequence.inputs.turn(sequence.cache.position + i))
        turns.back().insert(turns.back().end(), turn_of_row->begin(), turn_of_row->end());
      sums.resize(sums.size() + width);
      write_input(sequence, sequence.cache.position + i, std::span(sums).last(width));
    }
    if (rows == sequence.rest()) {
      complete.push_back(&turn);
      newest.push_back(sums.size() / width - 1);
    }
    parts.push_back({&sequence.cache, rows, {}, turns.back()});
  }
  if (parts.empty()) return {};
  std::vector<float> x = embedding_.project(sums);
  LIMELIGHT_TRY(decoder_.forward(x, parts, cache_));
  if (!complete.empty())
    sample(complete, rows_of(x, newest, static_cast<std::size_t>(config_.shape.hidden)));
  return {};
}

void Qwen25OmniTalker::sample(std::span<Turn*> turns, std::span<const float> rows) {
  const auto vocab = static_cast<std::size_t>(config_.shape.vocab);
  std::vector<float> logits(turns.size() * vocab);
  linear_of_host(device_, rows, *head_, logits, static_cast<int>(turns.size()));
  for (std::size_t i = 0; i < turns.size(); ++i) {
    Turn& turn = *turns[i];
    const prof::RequestScope scope(static_cast<std::uint32_t>(turn.request));
    const auto state = choose(sequences_.at(turn.request),
                              std::span(logits).subspan(i * vocab, vocab), *turn.output);
    if (state) turn.state = *state;
    else turn.error = state.error();
  }
}

Result<StepState> Qwen25OmniTalker::choose(Sequence& sequence,
                                           std::span<float> logits,
                                           Output& output) const {
  Sampler& sampler = *sequence.sampler;
  const auto ban = [&](int code) {
    // What is no number stays one, so that the sampler finds it.
    float& logit = logits[static_cast<std::size_t>(code)];
    if (logit * 0.0f == 0) logit = never;
  };
  ban(omni_.codec_bos);
  if (sampler.params().ignore_eos) ban(omni_.codec_pad), ban(omni_.codec_eos);
  const auto code = sampler.next(logits);
  if (!code)
    return Error{code.error().code, "request '" + sequence.id + "': code " +
                                        std::to_string(sequence.codes.size() + 1) + ": " +
                                        code.error().message};
  const bool ends = *code == omni_.codec_pad || *code == omni_.codec_eos || sampler.is_stop(*code);
  if (!ends) sequence.codes.push_back(*code);
  return finish_turn(sequence, ends || sampler.exhausted(), output);
}

Result<StepState> Qwen25OmniTalker::finish_turn(Sequence& sequence,
                                                bool last,
                                                Output& output) const {
  const std::size_t fresh = sequence.codes.size() - sequence.emitted;
  const int enough = config_.chunks.frames(sequence.chunks, config_.codec.chunk_frames);
  if (last || fresh >= static_cast<std::size_t>(enough)) {
    LIMELIGHT_TRY(output.emit(codes_port, ipc::TensorSpec::of(ipc::DType::int32, {fresh, 1}), last,
                              [&](std::span<std::byte> to) {
                                if (!to.empty())
                                  std::memcpy(to.data(), sequence.codes.data() + sequence.emitted,
                                              to.size());
                              }));
    sequence.emitted = sequence.codes.size();
    ++sequence.chunks;
  }
  return last ? StepState::done : StepState::more;
}

void Qwen25OmniTalker::end(std::uint64_t request) {
  const auto at = sequences_.find(request);
  if (at == sequences_.end()) return;
  cache_.release(at->second.cache);
  sequences_.erase(at);
}

std::uint64_t Qwen25OmniTalker::tokens_out(std::uint64_t request) const {
  return sequences_.at(request).codes.size();
}

StageType qwen2_5_omni_talker_type() {
  return file_talker_type<Qwen25OmniTalker>({{"tokens", "tokens"}, {"hidden", "hidden_states"}},
                                            "Chelsie", &ModelFile::qwen2_5_omni);
}

}  // namespace limelight::stages

#include "stages/qwen3_omni_talker.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>
#include <limits>

#include "base/try.hpp"
#include "stages/file_talker_type.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {
constexpr int reserved_codes = 1024;  // at the end of the vocabulary
}  // namespace

Qwen3OmniTalker::Qwen3OmniTalker(const StageConfig& config,
                                 WeightLoader& weights,
                                 Device& device,
                                 ipc::Collective* group)
    : config_(config),
      omni_(*config_.model->omni()),
      model_(config, weights, device, group),
      cache_(model_.decoder().make_cache(config.max_batch_size)),
      embedding_(config, omni_, config.speaker, weights, device),
      predictor_(config, omni_, weights, device) {}

Result<void> Qwen3OmniTalker::begin(const Request& request) {
  sequences_.insert_or_assign(
      request.number,
      Sequence{.id = request.id, .inputs = TalkerInputs(embedding_), .sampling = request.sampling});
  return {};
}

Result<void> Qwen3OmniTalker::consume(std::uint64_t request,
                                      int,
                                      const ipc::TensorSpec& tensor,
                                      std::span<const std::byte> data,
                                      bool last) {
  Sequence& sequence = sequences_.at(request);
  const auto width = static_cast<std::uint64_t>(omni_.thinker_hidden);
  if (tensor.dtype == ipc::DType::int32 && tensor.extents == 1) {
    LIMELIGHT_TRY(sequence.inputs.add_tokens(
        {reinterpret_cast<const std::int32_t*>(data.data()), data.size() / sizeof(std::int32_t)}));
  } else if (tensor.dtype == ipc::DType::int32 && tensor.extents == 2 && tensor.shape[1] == 2) {
    LIMELIGHT_TRY(sequence.inputs.add_grids(
        {reinterpret_cast<const std::int32_t*>(data.data()), data.size() / sizeof(std::int32_t)}));
  } else if (tensor.dtype == ipc::DType::float32 && tensor.extents == 2 &&
             tensor.shape[1] == width) {
    LIMELIGHT_TRY(sequence.inputs.add_states(
        {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)}));
  } else {
    return Error{ErrorCode::corrupt, "talker: found a chunk " + tensor.text() +
                                         ", expected int32 [n] or [n, 2], or float32 [n, " +
                                         std::to_string(width) + "]"};
  }
  if (last) sequence.inputs.end();
  return {};
}

Demand Qwen3OmniTalker::demand(std::uint64_t request) const {
  const Sequence& sequence = sequences_.at(request);
  if (sequence.inputs.silent()) return {.tokens = 1};
  if (!sequence.inputs.ready()) return {.tokens = 0};
  if (sequence.frames > 0 && !sequence.inputs.has(sequence.frames - 1)) return {.tokens = 0};
  return {.tokens = sequence.rest(), .divisible = sequence.rest() > 1};
}

bool Qwen3OmniTalker::reserve(std::uint64_t request, int tokens) {
  Sequence& sequence = sequences_.at(request);
  return sequence.inputs.silent() || cache_.reserve(tokens, sequence.cache);
}

void Qwen3OmniTalker::preempt(std::uint64_t request) {
  cache_.release(sequences_.at(request).cache);
}

// The rows before the first code are known now: what is left for frames is.
Result<void> Qwen3OmniTalker::start(Sequence& sequence) const {
  const int most = config_.shape.max_model_len, left = most - sequence.inputs.beginning();
  if (left < 0)
    return Error{ErrorCode::invalid_argument,
                 "request '" + sequence.id + "': the talker begins with " +
                     std::to_string(sequence.inputs.beginning()) +
                     " rows, expected at most its max_model_len " + std::to_string(most)};
  SamplingParams first = sequence.sampling, others;
  first.max_tokens = std::min(
      first.max_tokens.value_or(config_.sampling.max_tokens.value_or(usual_max_tokens)), left + 1);
  others.temperature = first.temperature;
  if (first.temperature >= 1e-5f) others.temperature = 1, others.top_k = 50, others.top_p = 0.8f;
  others.seed = mix64(first.seed.value_or(0));  // other numbers than the first codes have
  sequence.first.emplace(first);
  sequence.first->set_ends({omni_.codec_eos});
  sequence.others.emplace(others);
  return {};
}

void Qwen3OmniTalker::write_input(const Sequence& sequence,
                                  int position,
                                  std::span<float> row) const {
  const int beginning = sequence.inputs.beginning();
  if (position < beginning) return sequence.inputs.write(static_cast<std::size_t>(position), row);
  const auto frame = static_cast<std::size_t>(position - beginning),
             groups = static_cast<std::size_t>(omni_.code_groups);
  const auto codes = std::span(sequence.codes).subspan(frame * groups, groups);
  model_.embed(codes[0], row);
  for (int group = 1; group < omni_.code_groups; ++group)
    predictor_.add_embedding(group, codes[static_cast<std::size_t>(group)], row);
  sequence.inputs.add_text(frame, row);
}

Result<void> Qwen3OmniTalker::step(std::span<Turn> batch) {
  const auto h = static_cast<std::size_t>(config_.shape.hidden);
  std::vector<Decoder::Part> parts;
  std::vector<float> x;
  std::vector<std::vector<std::int32_t>> turns;  // of each part; empty without pictures
  turns.reserve(batch.size());
  std::vector<Turn*> complete;           // those that reach their newest frame
  std::vector<std::size_t> newest_rows;  // of these
  for (Turn& turn : batch) {
    Sequence& sequence = sequences_.at(turn.request);
    if (demand(turn.request).tokens == 0) {
      turn.state = StepState::needs_input;
      continue;
    }
    Result<void> started;
    if (sequence.inputs.silent()) {
      const auto state = finish_turn(sequence, true, *turn.output);
      if (state) turn.state = *state;
      else turn.error = state.error();
      continue;
    }
    if (!sequence.first) started = start(sequence);
    if (!started) {
      turn.error = started.error();
      continue;
    }
    const int rows = std::min(turn.tokens, sequence.rest());
    turns.emplace_back();
    for (int i = 0; i < rows; ++i) {
      const int position = sequence.cache.position + i;
      x.resize(x.size() + h);
      write_input(sequence, position, std::span(x).last(h));
      if (const auto turn = sequence.inputs.turn(position))
        turns.back().insert(turns.back().end(), turn->begin(), turn->end());
    }
    if (rows == sequence.rest()) {
      complete.push_back(&turn);
      newest_rows.push_back(x.size() / h - 1);
    }
    parts.push_back({&sequence.cache, rows, {}, turns.back()});
  }
  if (parts.empty()) return {};
  LIMELIGHT_TRY(model_.decoder().forward(x, parts, cache_));
  if (complete.empty()) return {};
  return sample_frames(complete, rows_of(x, newest_rows, h));
}

void Qwen3OmniTalker::suppress(const Sampler& sampler, std::span<float> logits) const {
  const int vocab = config_.shape.vocab;
  for (int code = std::max(0, vocab - reserved_codes); code < vocab; ++code)
    if (code != omni_.codec_eos || sampler.params().ignore_eos)
      logits[static_cast<std::size_t>(code)] = std::numeric_limits<float>::lowest();
}

bool Qwen3OmniTalker::ends(const Sequence& sequence, int code) const {
  return code == omni_.codec_eos || sequence.first->is_stop(code) || sequence.first->exhausted();
}

// rows: [turns, hidden], the decoder's output for each new frame.
Result<void> Qwen3OmniTalker::sample_frames(std::span<Turn*> turns, std::span<const float> rows) {
  const auto h = static_cast<std::size_t>(config_.shape.hidden),
             vocab = static_cast<std::size_t>(config_.shape.vocab),
             groups = static_cast<std::size_t>(omni_.code_groups);
  std::vector<float> logits(turns.size() * vocab), pairs;
  model_.logits(rows, logits);
  std::vector<int> firsts(turns.size());
  std::vector<bool> last(turns.size());
  std::vector<std::size_t> predicted;  // turns that have a frame
  std::vector<Sampler*> samplers;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    Sequence& sequence = sequences_.at(turns[i]->request);
    const prof::RequestScope scope(static_cast<std::uint32_t>(turns[i]->request));
    const auto mine = std::span(logits).subspan(i * vocab, vocab);
    // What is no number is found before some of it is overwritten.
    if (!std::all_of(mine.begin(), mine.end(), [](float x) { return x * 0.0f == 0; })) {
      turns[i]->error = {ErrorCode::corrupt, "request '" + sequence.id + "': frame " +
                                                 std::to_string(sequence.frames + 1) +
                                                 " has logits that are not finite"};
      continue;
    }
    suppress(*sequence.first, mine);
    const auto code = sequence.first->next(mine);
    if (!code) {
      turns[i]->error = code.error();
      continue;
    }
    firsts[i] = *code;
    last[i] = ends(sequence, *code);
    if (last[i]) continue;
    predicted.push_back(i);
    samplers.push_back(&*sequence.others);
    const auto row = rows.subspan(i * h, h);
    pairs.insert(pairs.end(), row.begin(), row.end());
    pairs.resize(pairs.size() + h);
    model_.embed(*code, std::span(pairs).last(h));
  }
  std::vector<std::int32_t> codes(predicted.size() * (groups - 1));
  std::vector<Error> errors(predicted.size(), Error{ErrorCode::none, {}});
  if (!predicted.empty())
    LIMELIGHT_TRY(predictor_.predict(std::move(pairs), samplers, codes, errors));
  for (std::size_t p = 0; p < predicted.size(); ++p) {
    Turn& turn = *turns[predicted[p]];
    Sequence& sequence = sequences_.at(turn.request);
    turn.error = errors[p];
    if (turn.error.code != ErrorCode::none) continue;
    sequence.codes.push_back(firsts[predicted[p]]);
    const auto others = codes.begin() + static_cast<std::ptrdiff_t>(p * (groups - 1));
    sequence.codes.insert(sequence.codes.end(), others,
                          others + static_cast<std::ptrdiff_t>(groups - 1));
    ++sequence.frames;
  }
  for (std::size_t i = 0; i < turns.size(); ++i) {
    Turn& turn = *turns[i];
    if (turn.error.code != ErrorCode::none) continue;
    const prof::RequestScope scope(static_cast<std::uint32_t>(turn.request));
    const auto state = finish_turn(sequences_.at(turn.request), last[i], *turn.output);
    if (state) turn.state = *state;
    else turn.error = state.error();
  }
  return {};
}

Result<StepState> Qwen3OmniTalker::finish_turn(Sequence& sequence,
                                               bool last,
                                               Output& output) const {
  const std::size_t frames = sequence.frames - sequence.emitted,
                    groups = static_cast<std::size_t>(omni_.code_groups);
  const int enough = config_.chunks.frames(sequence.chunks, config_.codec.chunk_frames);
  if (last || frames >= static_cast<std::size_t>(enough)) {
    LIMELIGHT_TRY(output.emit(
        codes_port, ipc::TensorSpec::of(ipc::DType::int32, {frames, groups}), last,
        [&](std::span<std::byte> to) {
          if (!to.empty())
            std::memcpy(to.data(), sequence.codes.data() + sequence.emitted * groups, to.size());
        }));
    sequence.emitted = sequence.frames;
    ++sequence.chunks;
  }
  return last ? StepState::done : StepState::more;
}

void Qwen3OmniTalker::end(std::uint64_t request) {
  const auto at = sequences_.find(request);
  if (at == sequences_.end()) return;
  cache_.release(at->second.cache);
  sequences_.erase(at);
}

std::uint64_t Qwen3OmniTalker::tokens_out(std::uint64_t request) const {
  return sequences_.at(request).frames;
}

StageType qwen3_omni_talker_type() {
  return file_talker_type<Qwen3OmniTalker>({{"tokens", "tokens"}}, "ethan", &ModelFile::omni);
}

}  // namespace limelight::stages

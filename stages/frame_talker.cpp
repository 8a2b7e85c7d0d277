#include "stages/frame_talker.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>
#include <limits>

#include "base/try.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {
constexpr int reserved_codes = 1024;  // at the end of the vocabulary
}  // namespace

FrameTalker::FrameTalker(const StageConfig& config,
                         const CodePredictorShape& shape,
                         int end,
                         WeightLoader& weights,
                         Device& device,
                         ipc::Collective* group)
    : config_(config),
      groups_(shape.groups),
      end_(end),
      model_(config, weights, device, group),
      cache_(model_.decoder().make_cache(config.max_batch_size)),
      predictor_(config, shape, weights, device) {}

void FrameTalker::add(std::uint64_t request, Sequence sequence) {
  sequences_.insert_or_assign(request, std::move(sequence));
}

Demand FrameTalker::demand(std::uint64_t request) const {
  const Sequence& sequence = sequences_.at(request);
  if (sequence.inputs->silent()) return {.tokens = 1};
  if (!sequence.inputs->ready()) return {.tokens = 0};
  if (sequence.frames > 0 && !sequence.inputs->has(sequence.frames - 1)) return {.tokens = 0};
  return {.tokens = sequence.rest(), .divisible = sequence.rest() > 1};
}

bool FrameTalker::reserve(std::uint64_t request, int tokens) {
  Sequence& sequence = sequences_.at(request);
  return sequence.inputs->silent() || cache_.reserve(tokens, sequence.cache);
}

void FrameTalker::preempt(std::uint64_t request) { cache_.release(sequences_.at(request).cache); }

// The rows before the first code are known now: what is left for frames is.
Result<void> FrameTalker::start(Sequence& sequence) const {
  const int most = config_.shape.max_model_len, left = most - sequence.inputs->beginning();
  if (left < 0)
    return Error{ErrorCode::invalid_argument,
                 "request '" + sequence.id + "': the talker begins with " +
                     std::to_string(sequence.inputs->beginning()) +
                     " rows, expected at most its max_model_len " + std::to_string(most)};
  SamplingParams first = sequence.sampling, others = sequence.others;
  first.max_tokens = std::min(
      first.max_tokens.value_or(config_.sampling.max_tokens.value_or(usual_max_tokens)), left + 1);
  first.min_tokens = std::min(first.min_tokens, *first.max_tokens);
  others.seed = mix64(first.seed.value_or(0));  // other numbers than the first codes have
  sequence.first.emplace(first);
  sequence.first->set_ends({end_});
  sequence.predicted.emplace(others);
  return {};
}

void FrameTalker::write_input(const Sequence& sequence, int position, std::span<float> row) const {
  const int beginning = sequence.inputs->beginning();
  if (position < beginning) return sequence.inputs->write(static_cast<std::size_t>(position), row);
  const auto frame = static_cast<std::size_t>(position - beginning),
             groups = static_cast<std::size_t>(groups_);
  const auto codes = std::span(sequence.codes).subspan(frame * groups, groups);
  model_.embed(codes[0], row);
  for (int group = 1; group < groups_; ++group)
    predictor_.add_embedding(group, codes[static_cast<std::size_t>(group)], row);
  sequence.inputs->add_text(frame, row);
}

Result<void> FrameTalker::step(std::span<Turn> batch) {
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
    if (sequence.inputs->silent()) {
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
      if (const auto turn = sequence.inputs->turn(position))
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

void FrameTalker::suppress(const Sampler& sampler, std::span<float> logits) const {
  const int vocab = config_.shape.vocab;
  for (int code = std::max(0, vocab - reserved_codes); code < vocab; ++code)
    if (code != end_ || sampler.params().ignore_eos)
      logits[static_cast<std::size_t>(code)] = std::numeric_limits<float>::lowest();
}

bool FrameTalker::ends(Sequence& sequence, int code) const {
  sequence.ended = code == end_ || sequence.first->is_stop(code);
  return sequence.ended || sequence.first->exhausted();
}

// rows: [turns, hidden], the decoder's output for each new frame.
Result<void> FrameTalker::sample_frames(std::span<Turn*> turns, std::span<const float> rows) {
  const auto h = static_cast<std::size_t>(config_.shape.hidden),
             vocab = static_cast<std::size_t>(config_.shape.vocab),
             groups = static_cast<std::size_t>(groups_);
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
    samplers.push_back(&*sequence.predicted);
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

Result<StepState> FrameTalker::finish_turn(Sequence& sequence, bool last, Output& output) const {
  const std::size_t frames = sequence.frames - sequence.emitted,
                    groups = static_cast<std::size_t>(groups_);
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

void FrameTalker::end(std::uint64_t request) {
  const auto at = sequences_.find(request);
  if (at == sequences_.end()) return;
  cache_.release(at->second.cache);
  sequences_.erase(at);
}

std::uint64_t FrameTalker::tokens_out(std::uint64_t request) const {
  return sequences_.at(request).frames;
}

}  // namespace limelight::stages

#include "stages/talker.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

Talker::Talker(const StageConfig& config,
               WeightLoader& weights,
               Device& device,
               ipc::Collective* group)
    : config_(config),
      device_(device),
      decoder_(config, weights, device, group),
      cache_(decoder_.make_cache(config.max_batch_size)),
      projection_(device.pack(
          weights.load("condition_proj",
                       MatrixPart::whole(config.shape.hidden, config.codec.input_hidden)),
          config.shape.hidden,
          config.codec.input_hidden,
          config.dtype)),
      embedding_(weights.load("embed_codes",
                              MatrixPart::whole(config.codec.codebooks * config.codec.codebook_size,
                                                config.shape.hidden))) {
  const int books = config.codec.codebooks, size = config.codec.codebook_size,
            h = config.shape.hidden;
  for (int book = 0; book < books; ++book)
    heads_.push_back(
        device.pack(weights.load("code_heads", {books * size, h, book * size, size, 0, h}), size, h,
                    config.dtype));
}

Result<void> Talker::begin(const Request& request) {
  SamplingParams sampling = request.sampling;
  if (!sampling.max_tokens)
    sampling.max_tokens = config_.sampling.max_tokens.value_or(usual_max_tokens);
  if (*sampling.max_tokens > config_.shape.max_model_len)
    return Error{ErrorCode::invalid_argument, "request '" + request.id + "': max_tokens " +
                                                  std::to_string(*sampling.max_tokens) +
                                                  " of the talker exceeds max_model_len " +
                                                  std::to_string(config_.shape.max_model_len)};
  sequences_.insert_or_assign(request.number, Sequence{.sampler = Sampler(sampling)});
  return {};
}

Result<void> Talker::consume(std::uint64_t request,
                             int,
                             const ipc::TensorSpec& tensor,
                             std::span<const std::byte> data,
                             bool last) {
  const int in = config_.codec.input_hidden, h = config_.shape.hidden;
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

Demand Talker::demand(std::uint64_t request) const {
  const Sequence& sequence = sequences_.at(request);
  const std::size_t rows =
      sequence.conditions.size() / static_cast<std::size_t>(config_.shape.hidden);
  if (sequence.sampler.count() >= rows && !sequence.conditions_complete) return {.tokens = 0};
  return {.tokens = sequence.rest(), .divisible = sequence.rest() > 1};
}

bool Talker::reserve(std::uint64_t request, int tokens) {
  return cache_.reserve(tokens, sequences_.at(request).cache);
}

void Talker::preempt(std::uint64_t request) { cache_.release(sequences_.at(request).cache); }

std::span<const float> Talker::embedding(std::size_t book, int code) const {
  const auto h = static_cast<std::size_t>(config_.shape.hidden),
             size = static_cast<std::size_t>(config_.codec.codebook_size);
  return std::span(embedding_).subspan((book * size + static_cast<std::size_t>(code)) * h, h);
}

namespace {
void add_to(std::span<float> row, std::span<const float> values) {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += values[i];
}
}  // namespace

void Talker::add_input(const Sequence& sequence, std::size_t t, std::span<float> row) const {
  add_to(row, embedding(0, t == 0 ? 0 : sequence.firsts[t - 1]));
  if ((t + 1) * row.size() <= sequence.conditions.size())
    add_to(row, std::span(sequence.conditions).subspan(t * row.size(), row.size()));
}

Result<void> Talker::step(std::span<Turn> batch) {
  const auto h = static_cast<std::size_t>(config_.shape.hidden);
  std::vector<Decoder::Part> parts;
  std::vector<float> x;
  std::vector<Turn*> complete;           // those that reach their newest frame
  std::vector<std::size_t> newest_rows;  // of these
  for (Turn& turn : batch) {
    Sequence& sequence = sequences_.at(turn.request);
    if (demand(turn.request).tokens == 0) {
      turn.state = StepState::needs_input;
      continue;
    }
    const int rows = std::min(turn.tokens, sequence.rest());
    for (int i = 0; i < rows; ++i) {
      x.resize(x.size() + h);
      add_input(sequence, static_cast<std::size_t>(sequence.cache.position + i),
                std::span(x).last(h));
    }
    if (rows == sequence.rest()) {
      complete.push_back(&turn);
      newest_rows.push_back(x.size() / h - 1);
    }
    parts.push_back({&sequence.cache, rows, {}});
  }
  if (parts.empty()) return {};
  LIMELIGHT_TRY(decoder_.forward(x, parts, cache_));
  if (complete.empty()) return {};
  return sample_frames(complete, rows_of(x, newest_rows, h));
}

// rows: [turns, hidden], the decoder's output for each new frame.
Result<void> Talker::sample_frames(std::span<Turn*> turns, std::vector<float> rows) {
  const auto h = static_cast<std::size_t>(config_.shape.hidden),
             size = static_cast<std::size_t>(config_.codec.codebook_size),
             books = static_cast<std::size_t>(config_.codec.codebooks);
  const auto row = [&](std::size_t i) { return std::span(rows).subspan(i * h, h); };
  std::vector<float> logits(turns.size() * size);
  const auto logits_of = [&](std::size_t i) { return std::span(logits).subspan(i * size, size); };
  std::vector<int> codes(turns.size());
  std::vector<bool> stops(turns.size());
  linear_of_host(device_, rows, *heads_[0], logits, static_cast<int>(turns.size()));
  for (std::size_t i = 0; i < turns.size(); ++i) {
    Sequence& sequence = sequences_.at(turns[i]->request);
    const prof::RequestScope scope(static_cast<std::uint32_t>(turns[i]->request));
    const auto code = sequence.sampler.next(logits_of(i));
    if (!code) {
      turns[i]->error = code.error();
      continue;
    }
    codes[i] = *code;
    stops[i] = sequence.sampler.is_stop(codes[i]);
    sequence.firsts.push_back(codes[i]);
    if (!stops[i]) sequence.frames.push_back(codes[i]);
  }
  for (std::size_t book = 1; book < books; ++book) {
    for (std::size_t i = 0; i < turns.size(); ++i) add_to(row(i), embedding(book - 1, codes[i]));
    linear_of_host(device_, rows, *heads_[book], logits, static_cast<int>(turns.size()));
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const auto mine = logits_of(i);
      codes[i] = static_cast<int>(std::max_element(mine.begin(), mine.end()) - mine.begin());
      if (!stops[i] && turns[i]->error.code == ErrorCode::none)
        sequences_.at(turns[i]->request).frames.push_back(codes[i]);
    }
  }
  for (std::size_t i = 0; i < turns.size(); ++i) {
    Turn& turn = *turns[i];
    if (turn.error.code != ErrorCode::none) continue;
    const prof::RequestScope scope(static_cast<std::uint32_t>(turn.request));
    const auto state = finish_turn(sequences_.at(turn.request), stops[i], *turn.output);
    if (state) turn.state = *state;
    else turn.error = state.error();
  }
  return {};
}

Result<StepState> Talker::finish_turn(Sequence& sequence, bool stop, Output& output) const {
  const bool last = stop || sequence.sampler.exhausted();
  const std::uint64_t books = static_cast<std::uint64_t>(config_.codec.codebooks),
                      frames = sequence.frames.size() / books;
  if (last || frames >= static_cast<std::uint64_t>(config_.codec.chunk_frames)) {
    LIMELIGHT_TRY(output.emit(codes_port, ipc::TensorSpec::of(ipc::DType::int32, {frames, books}),
                              last, [&](std::span<std::byte> to) {
                                if (!to.empty())
                                  std::memcpy(to.data(), sequence.frames.data(), to.size());
                              }));
    sequence.frames.clear();
  }
  return last ? StepState::done : StepState::more;
}

void Talker::end(std::uint64_t request) {
  const auto at = sequences_.find(request);
  if (at == sequences_.end()) return;
  cache_.release(at->second.cache);
  sequences_.erase(at);
}
std::uint64_t Talker::tokens_out(std::uint64_t request) const {
  return sequences_.at(request).sampler.count();
}

namespace {
Result<void> check_talker_feeds(const StageConfig& config, std::span<const Feed> feeds) {
  for (const Feed& feed : feeds)
    if (config.codec.input_hidden != feed.source->shape.hidden)
      return Error{ErrorCode::invalid_argument,
                   "'input_hidden': found " + std::to_string(config.codec.input_hidden) +
                       ", expected " + std::to_string(feed.source->shape.hidden) +
                       ", the hidden size of stage " + std::to_string(feed.source->stage_id)};
  return {};
}
}  // namespace

StageType talker_type() {
  return {.name = "talker",
          .inputs = {{"hidden", "hidden_states"}},
          .outputs = {{"codes", "codes"}},
          .check = check_talker_feeds,
          .largest_output =
              [](const StageConfig& config, int) {
                return static_cast<std::uint64_t>(std::max(config.codec.chunk_frames, 1)) *
                       static_cast<std::uint64_t>(config.codec.codebooks) * sizeof(std::int32_t);
              },
          .weight_bytes =
              [](const StageConfig& config) {
                const DecoderShape& s = config.shape;
                const CodecShape& codec = config.codec;
                const double codes =
                    decoder_parameter(codec.codebooks, codec.codebook_size) * s.hidden;
                return dummy_bytes(
                    config,
                    decoder_parameters(s) + decoder_parameter(codec.input_hidden, s.hidden) + codes,
                    codes);
              },
          .make = [](const StageConfig& config, Device& device,
                     ipc::Collective* group) -> Result<std::unique_ptr<Stage>> {
            DummyWeights weights(config.weights_seed);
            return std::unique_ptr<Stage>(std::make_unique<Talker>(config, weights, device, group));
          }};
}

}  // namespace limelight::stages

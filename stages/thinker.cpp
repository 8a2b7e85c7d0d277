#include "stages/thinker.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"
#include "stages/models/model_file.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

// What a talker reads of this model, if somebody reads the port.
const Qwen3Omni* spoken(const StageConfig& config) {
  const Qwen3Omni* omni = config.model ? config.model->omni() : nullptr;
  return omni != nullptr && omni->speaks && config.reads(Thinker::tokens_port) ? omni : nullptr;
}

// In this order: what goes to the hidden port, what goes to the tokens port.
std::vector<int> kept_states(const StageConfig& config) {
  std::vector<int> states;
  if (config.reads(Thinker::hidden_port)) states.push_back(config.shape.layers);
  if (const Qwen3Omni* omni = spoken(config)) states.push_back(omni->accept_layer);
  return states;
}

}  // namespace

Thinker::Thinker(const StageConfig& config,
                 WeightLoader& weights,
                 std::unique_ptr<Tokenizer> tokenizer,
                 Device& device,
                 ipc::Collective* group)
    : config_(config),
      model_(config, weights, device, group),
      cache_(model_.decoder().make_cache(config.max_batch_size, kept_states(config))),
      tokenizer_(std::move(tokenizer)),
      encoders_(config.model, device, config.shape.max_model_len) {}

Result<std::vector<int>> Thinker::tokens_of(const Request& request) const {
  static const prof::NameId name =
      prof::intern("tokenize", prof::Category::cpu_op, prof::ValueKind::bytes);
  for (std::size_t i = 0; i < request.prompt_token_ids.size(); ++i)
    if (const int token = request.prompt_token_ids[i]; token < 0 || token >= config_.shape.vocab)
      return Error{ErrorCode::invalid_argument,
                   "prompt_token_ids[" + std::to_string(i) + "]: found " + std::to_string(token) +
                       ", expected 0 to " + std::to_string(config_.shape.vocab - 1) +
                       ", the tokens of the model"};
  if (!request.prompt_token_ids.empty())
    return std::vector<int>(request.prompt_token_ids.begin(), request.prompt_token_ids.end());
  std::size_t bytes = request.prompt.size();
  for (const Message& message : request.messages) {
    bytes += message.content.size();
    for (const ContentPart& part : message.parts) bytes += part.text.size();
  }
  const prof::Span span(name, bytes);
  if (!request.messages.empty()) return tokenizer_->encode_messages(request.messages);
  if (request.prompt.empty()) return Error{ErrorCode::invalid_argument, "the prompt is empty"};
  auto tokens = request.use_chat_template ? tokenizer_->encode_prompt(request.prompt)
                                          : tokenizer_->encode_plain(request.prompt);
  if (tokens && tokens->empty())
    return Error{ErrorCode::invalid_argument, "the prompt has no tokens"};
  return tokens;
}

// Of Qwen2.5-Omni: its talker reads a placeholder as what stands there.
Result<void> Thinker::check_placeholders(std::span<const int> tokens, bool has_media) const {
  if (!config_.model || config_.model->qwen2_5_omni() == nullptr) return {};
  const OmniMedia& media = *config_.model->media();
  for (const int token : tokens) {
    if (!media.is_placeholder(token)) continue;
    const bool sound = token == media.sound_token(), picture = token == media.picture_token();
    if (has_media && (sound || picture)) continue;
    return Error{ErrorCode::invalid_argument,
                 "the prompt: found token " + std::to_string(token) + ", which stands for a " +
                     (sound     ? "sound, without a sound"
                      : picture ? "picture, without a picture"
                                : "video, expected none: videos are not read here")};
  }
  return {};
}

// Makes prompt and output fit max_model_len: a max_tokens that nobody asked for gives way.
Result<void> Thinker::fit(const Request& request,
                          std::size_t tokens,
                          SamplingParams& sampling) const {
  const int most = config_.shape.max_model_len, left = most - static_cast<int>(tokens);
  const auto refuse = [&](const std::string& what) {
    return Error{ErrorCode::invalid_argument,
                 "request '" + request.id + "': " + std::to_string(tokens) + " prompt tokens " +
                     what + " max_model_len " + std::to_string(most)};
  };
  if (left < 1) return refuse("leave no room for an answer in");
  if (!sampling.max_tokens)
    sampling.max_tokens = std::min(config_.sampling.max_tokens.value_or(usual_max_tokens), left);
  if (*sampling.max_tokens > left)
    return refuse("and max_tokens " + std::to_string(*sampling.max_tokens) + " exceed");
  return {};
}

Result<void> Thinker::begin(const Request& request) {
  const auto of_request = [&](const Error& error) {
    return Error{error.code, "request '" + request.id + "': " + error.message};
  };
  if (!(request.sampling.speech == SpeechParams{}))
    return of_request({ErrorCode::invalid_argument,
                       "found a speaker, a language or instructions of a voice, expected none: the "
                       "first stage writes a text, and the config says who speaks it"});
  auto media = media_of(request);
  if (!media) return of_request(media.error());
  auto tokens = tokens_of(request);
  if (!tokens) return of_request(tokens.error());
  if (const auto good = check_placeholders(*tokens, *media != nullptr); !good)
    return of_request(good.error());
  std::vector<int> places;  // of the prompt's tokens among the media
  if (*media) {
    auto expanded = expand_placeholders(*tokens, *config_.model->media(), (*media)->features.grids);
    if (!expanded) return of_request(expanded.error());
    tokens = std::move(expanded->tokens);
    places = std::move(expanded->media);
  }
  SamplingParams sampling = request.sampling;
  LIMELIGHT_TRY(fit(request, tokens->size(), sampling));
  for (const auto& [token, bias] : sampling.logit_bias)
    if (token >= config_.shape.vocab)
      return Error{ErrorCode::invalid_argument,
                   "request '" + request.id + "': logit_bias: found token " +
                       std::to_string(token) + ", expected 0 to " +
                       std::to_string(config_.shape.vocab - 1) + ", the tokens of the model"};
  Sampler sampler(sampling);
  sampler.set_prompt(*tokens);
  sampler.set_ends(tokenizer_->ends());
  AnswerInfo answer{.prompt_tokens = tokens->size(), .seed = sampling.seed.value_or(0)};
  std::optional<MediaPrompt> prompt;
  if (*media) {
    auto placed = place(std::move(*media), *tokens, places);
    if (!placed) return of_request(placed.error());
    prompt = std::move(placed).value();
  }
  sequences_.insert_or_assign(request.number,
                              Sequence{.sampler = std::move(sampler),
                                       .tokens = std::move(tokens).value(),
                                       .media = std::move(prompt),
                                       .text = CharacterStream(tokenizer_->strips_first_blank()),
                                       .stops = StopStrings(sampling.stop),
                                       .answer = std::move(answer)});
  return {};
}

Result<void> Thinker::consume(
    std::uint64_t, int, const ipc::TensorSpec& tensor, std::span<const std::byte>, bool) {
  return Error{ErrorCode::corrupt, "thinker: found a chunk " + tensor.text() +
                                       ", expected none: its only input is the prompt"};
}

Demand Thinker::demand(std::uint64_t request) const {
  const int rest = sequences_.at(request).rest();
  return {.tokens = rest, .divisible = rest > 1};
}

bool Thinker::reserve(std::uint64_t request, int tokens) {
  Sequence& sequence = sequences_.at(request);
  const bool begins = sequence.cache.blocks.empty();
  if (begins) cache_.find(sequence.keys(), sequence.cache);
  if (cache_.reserve(std::min(tokens, sequence.rest()), sequence.cache)) return true;
  // What waits must not keep from others what it found.
  if (begins) cache_.release(sequence.cache);
  return false;
}

void Thinker::preempt(std::uint64_t request) { cache_.release(sequences_.at(request).cache); }

Result<void> Thinker::step(std::span<Turn> batch) {
  const auto h = static_cast<std::size_t>(config_.shape.hidden),
             vocab = static_cast<std::size_t>(config_.shape.vocab);
  std::vector<Slice> slices;
  std::vector<Decoder::Part> parts;
  std::vector<float> x;
  std::vector<SliceInput> inputs;
  inputs.reserve(batch.size());
  for (const Turn& turn : batch) {
    Sequence& sequence = sequences_.at(turn.request);
    const int rows = std::min(turn.tokens, sequence.rest()), from = sequence.cache.position;
    slices.push_back(
        {&sequence, static_cast<int>(x.size() / h), rows, from, rows == sequence.rest()});
    const std::size_t size = static_cast<std::size_t>(rows) * h;
    x.resize(x.size() + size);
    inputs.push_back(write_rows(sequence, from, std::span(x).last(size)));
    parts.push_back(
        {&sequence.cache, rows, sequence.keys(), inputs.back().turns, inputs.back().added});
  }
  LIMELIGHT_TRY(model_.decoder().forward(x, parts, cache_));

  std::vector<std::size_t> last;  // of the slices that choose a token
  for (const Slice& slice : slices)
    if (slice.samples) last.push_back(static_cast<std::size_t>(slice.row + slice.rows - 1));
  const std::vector<float> last_rows = rows_of(x, last, h);
  std::vector<float> logits(last_rows.size() / h * vocab);
  if (!last_rows.empty()) model_.logits(last_rows, logits);
  std::span<float> next = logits;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Turn& turn = batch[i];
    const std::span<float> mine = slices[i].samples ? next.first(vocab) : std::span<float>();
    next = next.subspan(mine.size());
    const prof::RequestScope scope(static_cast<std::uint32_t>(turn.request));
    const auto state = finish_turn(slices[i], x, mine, *turn.output);
    if (state) turn.state = *state;
    else turn.error = state.error();
  }
  return {};
}

// What was emitted before the request was preempted is not emitted again; what was found in the
// cache was never computed here, and is read from there.
Result<void> Thinker::emit_hidden(const Slice& slice,
                                  std::span<const float> x,
                                  bool last,
                                  Output& output) {
  Sequence& sequence = *slice.sequence;
  if (!config_.reads(hidden_port)) return {};
  const auto h = static_cast<std::size_t>(config_.shape.hidden);
  const auto emit = [&](int rows, bool end, const auto& write) {
    sequence.sent += rows;
    return output.emit(
        hidden_port,
        ipc::TensorSpec::of(ipc::DType::float32, {static_cast<std::uint64_t>(rows), h}), end,
        write);
  };
  while (sequence.sent < slice.position) {
    const int rows = std::min(slice.position - sequence.sent, config_.max_num_batched_tokens);
    const int from = sequence.sent;
    LIMELIGHT_TRY(emit(rows, false, [&](std::span<std::byte> to) {
      model_.decoder().read_states(
          sequence.cache, from, cache_, 0,
          {reinterpret_cast<float*>(to.data()), to.size() / sizeof(float)});
    }));
  }
  const int skipped = std::min(sequence.sent - slice.position, slice.rows);
  if (skipped == slice.rows) return {};
  return emit(slice.rows - skipped, last, [&](std::span<std::byte> to) {
    std::memcpy(to.data(), x.data() + static_cast<std::size_t>(slice.row + skipped) * h, to.size());
  });
}

Result<void> Thinker::emit_tokens(std::span<const int> tokens, bool last, Output& output) {
  return output.emit(tokens_port, ipc::TensorSpec::of(ipc::DType::int32, {tokens.size()}), last,
                     [&](std::span<std::byte> to) {
                       std::copy(tokens.begin(), tokens.end(),
                                 reinterpret_cast<std::int32_t*>(to.data()));
                     });
}

// The prompt goes out with its first slice, then the states at its placeholders as they come. The
// cache has those that were found in it and those that were computed.
Result<void> Thinker::emit_prompt(const Slice& slice, Output& output) {
  Sequence& sequence = *slice.sequence;
  const auto prompt = std::span(sequence.tokens).first(sequence.answer.prompt_tokens);
  const auto end = std::min(static_cast<int>(prompt.size()), slice.position + slice.rows);
  if (!config_.reads(tokens_port) || sequence.spoken >= end) return {};
  const Qwen3Omni* omni = spoken(config_);
  if (sequence.spoken == 0) {
    LIMELIGHT_TRY(emit_tokens(prompt, false, output));
    const bool older = config_.model && config_.model->qwen2_5_omni() != nullptr;
    if ((omni != nullptr || older) && sequence.media) LIMELIGHT_TRY(emit_grids(sequence, output));
  }
  std::vector<int> places;
  for (int i = sequence.spoken; i < end && omni != nullptr; ++i)
    if (omni->is_placeholder(prompt[static_cast<std::size_t>(i)])) places.push_back(i);
  sequence.spoken = end;
  const auto h = static_cast<std::size_t>(config_.shape.hidden),
             most = static_cast<std::size_t>(config_.max_num_batched_tokens);
  for (std::size_t at = 0; at < places.size(); at += most) {
    const auto some = std::span(places).subspan(at, std::min(most, places.size() - at));
    LIMELIGHT_TRY(output.emit(
        tokens_port, ipc::TensorSpec::of(ipc::DType::float32, {some.size(), h}), false,
        [&](std::span<std::byte> to) {
          const std::span<float> rows(reinterpret_cast<float*>(to.data()), some.size() * h);
          for (std::size_t i = 0; i < some.size(); ++i)
            model_.decoder().read_states(sequence.cache, some[i], cache_,
                                         config_.reads(hidden_port) ? 1 : 0,
                                         rows.subspan(i * h, h));
        }));
  }
  return {};
}

Result<StepState> Thinker::finish_turn(const Slice& slice,
                                       std::span<const float> x,
                                       std::span<float> logits,
                                       Output& output) {
  Sequence& sequence = *slice.sequence;
  LIMELIGHT_TRY(emit_prompt(slice, output));
  if (!slice.samples) {
    LIMELIGHT_TRY(emit_hidden(slice, x, false, output));
    return StepState::more;
  }
  const auto token = sequence.sampler.next(logits);
  if (!token) return token.error();
  const auto [text, last] = add_token(*token, sequence);
  LIMELIGHT_TRY(emit_hidden(slice, x, last, output));
  if (config_.reads(tokens_port))
    LIMELIGHT_TRY(emit_tokens(last ? std::span<const int>() : std::span(&*token, 1), last, output));
  if (!sequence.answer.logprobs.empty())
    LIMELIGHT_TRY(output.emit_logprobs(sequence.answer.logprobs.back()));
  LIMELIGHT_TRY(output.emit(text_port, ipc::TensorSpec::of(ipc::DType::uint8, {text.size()}), last,
                            [&text = text](std::span<std::byte> to) {
                              std::copy_n(text.data(), to.size(),
                                          reinterpret_cast<char*>(to.data()));  // may be empty
                            }));
  return last ? StepState::done : StepState::more;
}

std::pair<std::string, bool> Thinker::add_token(int token, Sequence& sequence) const {
  const Sampler& sampler = sequence.sampler;
  AnswerInfo& answer = sequence.answer;
  sequence.tokens.push_back(token);
  if (sequence.media) sequence.media->keys.push_back(token);
  if (sampler.params().logprobs >= 0) {
    PositionLogprobs logprobs = sampler.logprobs();
    logprobs.chosen.token = tokenizer_->bytes(token);
    for (TokenLogprob& top : logprobs.top) top.token = tokenizer_->bytes(top.token_id);
    answer.logprobs.push_back(std::move(logprobs));
  }
  const bool eos = tokenizer_->ends(token) && !sampler.params().ignore_eos;
  const bool stop = sampler.is_stop(token);
  if (stop && !eos) answer.stop_token_id = token;
  // Before min_tokens nothing stops the text.
  const auto shown = [&](const std::string& text) {
    return sampler.count() <= static_cast<std::size_t>(sampler.params().min_tokens)
               ? text
               : sequence.stops.push(text);
  };
  std::string text;
  if (!stop && !eos) text = shown(sequence.text.push(*tokenizer_, token));
  if (sequence.stops.found().empty() && !stop && !eos && !sampler.exhausted()) return {text, false};
  if (sequence.stops.found().empty()) text += shown(sequence.text.rest());
  if (sequence.stops.found().empty()) text += sequence.stops.rest();
  answer.stop_string = sequence.stops.found();
  answer.finish_reason = stop || eos || !answer.stop_string.empty() ? "stop" : "length";
  return {text, true};
}

void Thinker::end(std::uint64_t request) {
  const auto at = sequences_.find(request);
  if (at == sequences_.end()) return;
  cache_.release(at->second.cache);
  sequences_.erase(at);
}
std::uint64_t Thinker::tokens_out(std::uint64_t request) const {
  return sequences_.at(request).sampler.count();
}

AnswerInfo Thinker::answer(std::uint64_t request) const {
  const Sequence& sequence = sequences_.at(request);
  AnswerInfo answer = sequence.answer;
  answer.output_tokens = sequence.sampler.count();
  return answer;
}

namespace {

// The text of one step: a token's bytes, and what was held back of a character.
constexpr std::uint64_t most_text_bytes = 16 * 1024;

std::uint64_t largest_thinker_output(const StageConfig& config, int output) {
  if (output == Thinker::text_port) return most_text_bytes;
  const auto prompt = static_cast<std::uint64_t>(config.shape.max_model_len) * sizeof(std::int32_t);
  if (output == Thinker::tokens_port && !(config.model && config.model->omni() != nullptr))
    return prompt;
  const int rows = std::min(config.shape.max_model_len, config.max_num_batched_tokens);
  return std::max(output == Thinker::tokens_port ? prompt : 0,
                  static_cast<std::uint64_t>(rows) *
                      static_cast<std::uint64_t>(config.shape.hidden) * sizeof(float));
}

Result<std::unique_ptr<Stage>> make_thinker(const StageConfig& config,
                                            Device& device,
                                            ipc::Collective* group) {
  if (!config.model) {
    DummyWeights weights(config.weights_seed);
    return std::unique_ptr<Stage>(
        std::make_unique<Thinker>(config, weights, make_byte_tokenizer(), device, group));
  }
  auto tokenizer = make_tokenizer(config.model->tokenizer());
  if (!tokenizer)
    return Error{tokenizer.error().code,
                 config.model->path().string() + ": " + tokenizer.error().message};
  FileWeights weights(config.model);
  return std::unique_ptr<Stage>(
      std::make_unique<Thinker>(config, weights, std::move(tokenizer).value(), device, group));
}

Result<void> check_thinker_feeds(const StageConfig& config, std::span<const Feed>) {
  if (config.shape.vocab < 256)
    return Error{ErrorCode::invalid_argument,
                 "'vocab': found " + std::to_string(config.shape.vocab) +
                     ", expected 256 or more: the tokenizer has a token for each byte"};
  return {};
}

}  // namespace

StageType thinker_type() {
  return {.name = "thinker",
          .inputs = {},
          .outputs = {{"text", "text"}, {"hidden", "hidden_states"}, {"tokens", "tokens"}},
          .loads_models = true,
          .splits = true,
          .check = check_thinker_feeds,
          .largest_output = largest_thinker_output,
          .weight_bytes =
              [](const StageConfig& config) {
                const double embedding = decoder_parameter(config.shape.vocab, config.shape.hidden);
                return dummy_bytes(config, decoder_parameters(config.shape) + embedding, embedding);
              },
          .make = make_thinker};
}

}  // namespace limelight::stages

#include "stages/qwen3_tts_talker.hpp"

#include <algorithm>
#include <limelight/span.hpp>

#include "base/try.hpp"
#include "stages/file_talker_type.hpp"
#include "stages/models/model_file.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

Qwen3TtsTalker::Qwen3TtsTalker(const StageConfig& config,
                               WeightLoader& weights,
                               std::unique_ptr<Tokenizer> tokenizer,
                               Device& device,
                               ipc::Collective* group)
    : FrameTalker(config,
                  config.model->tts()->predictor,
                  config.model->tts()->codec_eos,
                  weights,
                  device,
                  group),
      tts_(*config_.model->tts()),
      tokenizer_(std::move(tokenizer)),
      embedding_(config, tts_, weights, device) {}

namespace {

// Before the sound may end, as in the reference.
constexpr int least_codes = 2;
constexpr auto before = TtsInputs::tokens_before, around = before + TtsInputs::tokens_behind;

Error wrong(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

// A message as the model was taught.
Result<std::vector<int>> encode_message(const Tokenizer& tokenizer,
                                        const char* role,
                                        const std::string& text) {
  const Message message{.role = role, .content = text};
  return tokenizer.encode_messages({&message, 1});
}

}  // namespace

Result<std::vector<int>> Qwen3TtsTalker::tokens_of(const Request& request) const {
  static const prof::NameId name =
      prof::intern("tokenize", prof::Category::cpu_op, prof::ValueKind::bytes);
  if (!request.messages.empty())
    return wrong(
        "found messages, expected a prompt: this model speaks a text, it holds no "
        "conversation");
  if (!request.use_chat_template)
    return wrong("found a prompt to go on with, expected one to speak");
  std::vector<int> tokens(request.prompt_token_ids.begin(), request.prompt_token_ids.end());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || tokens[i] >= tts_.text_vocab)
      return wrong("prompt_token_ids[" + std::to_string(i) + "]: found " +
                   std::to_string(tokens[i]) + ", expected 0 to " +
                   std::to_string(tts_.text_vocab - 1) + ", the tokens of the model");
  if (tokens.empty()) {
    if (request.prompt.empty()) return wrong("the prompt is empty");
    const prof::Span span(name, request.prompt.size());
    auto encoded = encode_message(*tokenizer_, "assistant", request.prompt);
    if (!encoded) return encoded.error();
    tokens = std::move(encoded).value();
  }
  if (tokens.size() <= around)
    return wrong("the prompt has no text to speak inside the " + std::to_string(around) +
                 " tokens around one");
  return tokens;
}

Result<std::vector<int>> Qwen3TtsTalker::instructions_of(const std::string& text) const {
  if (text.empty()) return std::vector<int>();
  auto tokens = encode_message(*tokenizer_, "user", text);
  if (tokens) tokens->resize(tokens->size() - before);  // an answer does not begin there
  return tokens;
}

Result<void> Qwen3TtsTalker::begin(const Request& request) {
  const auto of_request = [&](const Error& error) {
    return Error{error.code, "request '" + request.id + "': " + error.message};
  };
  const SpeechParams& speech = request.sampling.speech;
  const auto tokens = tokens_of(request);
  if (!tokens) return of_request(tokens.error());
  const auto voice = voice_of(tts_, speech, config_.speaker);
  if (!voice) return of_request(voice.error());
  const auto instructions = instructions_of(speech.instructions);
  if (!instructions) return of_request(instructions.error());
  SamplingParams others = tts_.subtalker;
  if (request.sampling.temperature < 1e-5f) others = {};
  Sequence begun{.id = request.id,
                 .inputs = std::make_unique<TtsInputs>(embedding_, *tokens, *instructions, *voice,
                                                       speech.non_streaming_mode),
                 .sampling = request.sampling,
                 .others = others};
  begun.sampling.min_tokens = std::max(begun.sampling.min_tokens, least_codes);
  begun.prompt_tokens = tokens->size() + instructions->size();
  if (begun.inputs->beginning() > config_.shape.max_model_len)
    return of_request({ErrorCode::invalid_argument,
                       "the talker begins with " + std::to_string(begun.inputs->beginning()) +
                           " rows, expected at most its max_model_len " +
                           std::to_string(config_.shape.max_model_len)});
  add(request.number, std::move(begun));
  return {};
}

AnswerInfo Qwen3TtsTalker::answer(std::uint64_t request) const {
  const Sequence& it = sequence(request);
  AnswerInfo answer{.prompt_tokens = it.prompt_tokens,
                    .output_tokens = it.frames,
                    .seed = it.sampling.seed.value_or(0)};
  if (it.ended || (it.first && it.first->exhausted()))
    answer.finish_reason = it.ended ? "stop" : "length";
  return answer;
}

namespace {

// The voice of vLLM-Omni's service where a request names none; else the first by name.
std::string usual_tts_speaker(const StageConfig& config) {
  const Qwen3Tts& tts = *config.model->tts();
  if (!config.speaker.empty() || !tts.has_speakers) return config.speaker;
  return tts.speakers.contains("vivian") ? "vivian" : tts.speakers.begin()->first;
}

Result<void> check_tts_talker(const StageConfig& config, std::span<const Feed>) {
  const auto voice =
      voice_of(*config.model->tts(), {.speaker = config.speaker}, usual_tts_speaker(config));
  if (voice) return {};
  return Error{ErrorCode::invalid_argument, "'speaker'" + voice.error().message.substr(7)};
}

Result<std::unique_ptr<Stage>> make_tts_talker(const StageConfig& config,
                                               Device& device,
                                               ipc::Collective* group) {
  LIMELIGHT_TRY(check_tts_talker(config, {}));
  auto tokenizer = make_tokenizer(config.model->tokenizer());
  if (!tokenizer)
    return Error{tokenizer.error().code,
                 config.model->path().string() + ": " + tokenizer.error().message};
  const auto taught = encode_message(**tokenizer, "assistant", "a");
  if (!taught || taught->size() <= around ||
      !std::equal(taught->begin(), taught->begin() + before, taught->end() - before))
    return Error{ErrorCode::unavailable,
                 config.model->path().string() +
                     ": found another tokenizer, expected one with <|im_start|>, <|im_end|> and "
                     "assistant as one token each"};
  StageConfig with_speaker = config;
  with_speaker.speaker = usual_tts_speaker(config);
  FileWeights weights(config.model);
  return std::unique_ptr<Stage>(std::make_unique<Qwen3TtsTalker>(
      with_speaker, weights, std::move(tokenizer).value(), device, group));
}

}  // namespace

StageType qwen3_tts_talker_type() {
  return {.name = "talker",
          .inputs = {},
          .outputs = {{"codes", "codes"}},
          .loads_models = true,
          .splits = true,
          .reads_chunks = true,
          .check = check_tts_talker,
          .largest_output = largest_codes,
          .weight_bytes = [](const StageConfig&) { return std::uint64_t{0}; },
          .make = make_tts_talker};
}

}  // namespace limelight::stages

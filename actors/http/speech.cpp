#include "actors/http/speech.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/formats/base64.hpp"
#include "actors/formats/refusal.hpp"
#include "actors/formats/sampling_json.hpp"
#include "actors/http/api_error.hpp"
#include "actors/http/generation.hpp"
#include "actors/http/limited_json.hpp"

namespace limelight::http {

using formats::refuse;
using formats::show;
using nlohmann::json;

namespace {

struct SpeechRequest {
  GenerateRequest generate = {};
  SoundFormat format = SoundFormat::mp3;  // OpenAI's usual one
  bool events = false;                    // in place of the bytes alone
  bool parts = false;                     // as they come
};

std::string voice_name(const json& value, const std::string& key) {
  const std::string name = formats::text(value.is_object() ? value.value("id", json()) : value, key,
                                         "the name of a voice");
  return name == "default" ? "" : name;
}

// The voice of a pipeline, as its config has it.
struct Voice {
  std::string speaker = {};  // empty: any name is good
  bool by_request = false;   // a request says who speaks, in which language and how
};
Voice voice_of(const stages::PipelineConfig& config) {
  Voice voice;
  voice.by_request = formats::takes_speech(config);
  for (const auto& stage : config.stages)
    if (!stage.speaker.empty()) voice.speaker = stage.speaker;
  return voice;
}

// The keys that say who speaks: of each pipeline, and those that only some obey.
formats::Handlers voice_handlers(const Voice& voice, stages::SpeechParams& params) {
  formats::Handlers known;
  if (voice.by_request) {
    known = formats::speech_handlers(params);
    known["voice"] = [&params](const json& v, const std::string& k) {
      params.speaker = voice_name(v, k);
    };
    return known;
  }
  known["voice"] = [speaker = voice.speaker](const json& v, const std::string& k) {
    const std::string name = voice_name(v, k);
    if (!speaker.empty() && !name.empty() && name != speaker)
      refuse(k, show(name), "'" + speaker + "', which the config names, or 'default'");
  };
  known["instructions"] = [](const json& v, const std::string& k) {
    if (!formats::text(v, k).empty()) refuse(k, show(v), "none: the voice is the model's");
  };
  return known;
}

SpeechRequest read(const json& body, const PipelineFacts& facts, const Voice& voice) {
  if (!facts.has("audio"))
    refuse("model", "a pipeline without sound", "one that has an output of audio");
  SpeechRequest request;
  stages::SamplingParams params = facts.defaults;
  const formats::Handlers sampling = formats::sampling_handlers(params),
                          speech = voice_handlers(voice, params.speech);
  bool streams = false;
  const formats::Handlers own{
      {"input",
       [&](const json& v, const std::string& k) { request.generate.prompt = formats::text(v, k); }},
      {"speed",
       [](const json& v, const std::string& k) {
         if (v != 1) refuse(k, show(v), "1: the speed is the model's");
       }},
      {"response_format",
       [&](const json& v, const std::string& k) {
         const auto format = sound_format(formats::text(v, k));
         if (!format) refuse(k, show(v), sound_formats);
         request.format = *format;
       }},
      {"stream_format",
       [&](const json& v, const std::string& k) {
         if (v != "sse" && v != "audio") refuse(k, show(v), "sse or audio");
         request.events = v == "sse";
         streams = true;
       }},
      {"stream", [&](const json& v, const std::string& k) { streams = formats::truth(v, k); }}};
  read_object(body, "", {&sampling, &speech, &own}, formats::UnknownKeys::ignored);
  if (request.generate.prompt.empty()) refuse("input", "no text", "a text");
  if (request.events && !comes_in_parts(request.format))
    refuse("response_format", "another one than wav and pcm for a stream of events",
           "one of these: the others do not come in parts");
  // PCM is the same in parts; a WAV in parts cannot say its length, so one has to ask for it.
  request.parts = comes_in_parts(request.format) && (streams || request.format == SoundFormat::pcm);
  if (params.n != 1) refuse("n", std::to_string(params.n), "1");
  formats::check_ranges(params);
  request.generate.sampling_params = params;
  request.generate.modalities = {"audio"};
  return request;
}

HttpAnswer head_of(const SpeechRequest& request, int sample_rate) {
  HttpAnswer head{.type = request.events ? "text/event-stream; charset=utf-8"
                                         : media_type(request.format)};
  head.headers = {{"Cache-Control", "no-store"}, {"X-Sample-Rate", std::to_string(sample_rate)}};
  return head;
}

// Sound as it comes, alone or in OpenAI's events.
class Parts final : public Generation::Sink {
 public:
  Parts(ExchangePtr exchange, const SpeechRequest& request)
      : exchange_(std::move(exchange)), head_(request), sound_(request.format) {}

  Task<bool> take(std::size_t, RequestOutput part) override {
    if (part.audio.empty()) co_return true;
    if (!exchange_->begun()) exchange_->begin(head_of(head_, part.sample_rate));
    std::string bytes = sound_.encode(part.audio, part.sample_rate);
    if (head_.events)
      bytes = event({{"type", "speech.audio.delta"}, {"audio", formats::to_base64(bytes)}});
    const bool stays = co_await exchange_->write(bytes);
    co_return stays;
  }
  void end(const Generation& of) {
    const bool failed = of.error().code != ErrorCode::none;
    if (!exchange_->begun() && failed) return exchange_->answer(api_error(of.error()).answer());
    if (!exchange_->begun()) exchange_->begin(head_of(head_, stages::usual_sample_rate));
    if (!head_.events && failed) return exchange_->break_off();
    if (failed)
      exchange_->write(event({{"type", "speech.audio.error"},
                              {"error", json::parse(api_error(of.error()).body())["error"]}}));
    else if (head_.events) exchange_->write(event(done(of.ends().front().answer)));
    exchange_->end();
  }

 private:
  static std::string event(const json& data) {
    return server_event(data.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  static json done(const AnswerInfo& answer) {
    return {{"type", "speech.audio.done"},
            {"usage",
             {{"input_tokens", answer.prompt_tokens},
              {"output_tokens", answer.output_tokens},
              {"total_tokens", answer.prompt_tokens + answer.output_tokens}}}};
  }
  ExchangePtr exchange_;
  SpeechRequest head_;
  SoundStream sound_;
};

}  // namespace

Task<void> speak(ContextPtr context, ExchangePtr exchange) {
  if (refuse_now(*context, *exchange, 1)) co_return;
  const auto body = read_json_object(exchange->request().body);
  const PipelineFacts facts = context->facts();
  const auto model = body ? check_model(*body, facts) : Result<void>(body.error());
  SpeechRequest request;
  Error wrong = model ? Error{ErrorCode::none, {}} : model.error();
  try {
    if (model) request = read(*body, facts, voice_of(context->pipeline->config()));
  } catch (const formats::Refusal& refusal) {
    wrong = {ErrorCode::invalid_argument, refusal.text};
  }
  if (wrong.code != ErrorCode::none) {
    exchange->answer(api_error(wrong).answer());
    co_return;
  }
  std::vector<GenerateRequest> prompts;
  prompts.push_back(std::move(request.generate));
  const auto generation = std::make_shared<Generation>(context, exchange, 1);
  if (request.parts) {
    Parts parts(exchange, request);
    const auto task = Generation::run(generation, std::move(prompts), &parts);
    co_await task;
    parts.end(*generation);
    co_return;
  }
  WholeAnswers whole(1);
  const auto task = Generation::run(generation, std::move(prompts), &whole);
  co_await task;
  if (generation->error().code != ErrorCode::none) {
    exchange->answer(api_error(generation->error()).answer());
    co_return;
  }
  const RequestOutput& output = whole.outputs.front();
  auto sound = Result<std::string>(Error{});
  Elsewhere encoded(
      context, [&] { sound = encode_sound(output.audio, output.sample_rate, request.format); });
  co_await encoded;
  if (!sound) {
    exchange->answer(api_error(sound.error()).answer());
    co_return;
  }
  HttpAnswer answer = head_of(request, output.sample_rate);
  answer.body = std::move(*sound);
  exchange->answer(std::move(answer));
}

}  // namespace limelight::http

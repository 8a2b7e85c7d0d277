#include "actors/http/completion_answer.hpp"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "actors/formats/base64.hpp"
#include "actors/formats/output_json.hpp"

namespace limelight::http {

using nlohmann::json;

namespace {

// A text of a model need not be UTF-8.
std::string write(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// JSON has no infinity: what cannot be chosen is as unlikely as OpenAI says it.
double finite(float logprob) { return std::max(-9999.0, static_cast<double>(logprob)); }

json chat_logprob(const TokenLogprob& token) {
  json bytes = json::array();
  for (const char c : token.token) bytes.push_back(static_cast<unsigned char>(c));
  return {{"token", token.token}, {"logprob", finite(token.logprob)}, {"bytes", std::move(bytes)}};
}
using Positions = std::span<const PositionLogprobs>;

json chat_logprobs(Positions positions) {
  json content = json::array();
  for (const PositionLogprobs& position : positions) {
    json one = chat_logprob(position.chosen);
    one["top_logprobs"] = json::array();
    for (const TokenLogprob& top : position.top) one["top_logprobs"].push_back(chat_logprob(top));
    content.push_back(std::move(one));
  }
  return {{"content", std::move(content)}};
}
// offset: of the first token's bytes in the text.
json text_logprobs(Positions positions, std::size_t offset) {
  json tokens = json::array(), chosen = json::array(), tops = json::array(),
       offsets = json::array();
  for (const PositionLogprobs& position : positions) {
    tokens.push_back(position.chosen.token);
    chosen.push_back(finite(position.chosen.logprob));
    offsets.push_back(offset);
    offset += position.chosen.token.size();
    // As vLLM: the chosen token is among them.
    json top = json::object();
    for (const TokenLogprob& one : position.top) top[one.token] = finite(one.logprob);
    top[position.chosen.token] = finite(position.chosen.logprob);
    tops.push_back(std::move(top));
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(chosen)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

json stage_metrics(const RequestOutput& output) {
  json all = formats::to_json(output);
  json metrics{{"e2e_time_ms", std::move(all["e2e_time_ms"])},
               {"stages", std::move(all["stages"])},
               {"transfers", std::move(all["transfers"])},
               {"transfers_total_bytes", std::move(all["transfers_total_bytes"])},
               {"transfers_total_time_ms", std::move(all["transfers_total_time_ms"])}};
  return metrics;
}

// n: answers to each prompt, which are computed from it once as OpenAI counts.
json usage_of(const std::vector<RequestOutput>& outputs, std::size_t n) {
  std::uint64_t prompt = 0, answers = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i % n == 0) prompt += outputs[i].answer.prompt_tokens;
    answers += outputs[i].answer.output_tokens;
  }
  return {{"prompt_tokens", prompt},
          {"completion_tokens", answers},
          {"total_tokens", prompt + answers}};
}

}  // namespace

struct CompletionAnswer::Json {
  // What every document and chunk begins with.
  static json head(const CompletionAnswer& of, const char* chunk) {
    return {{"id", of.id_},
            {"object", of.chat_ ? std::string("chat.completion") + chunk : "text_completion"},
            {"created", of.created_},
            {"model", of.model_}};
  }
  static json chunk(const CompletionAnswer& of, std::size_t index, json choice) {
    json all = head(of, ".chunk");
    choice["index"] = index;
    if (!choice.contains("finish_reason")) choice["finish_reason"] = nullptr;
    choice["logprobs"] = choice.contains("logprobs") ? std::move(choice["logprobs"]) : json();
    all["choices"] = json::array({std::move(choice)});
    if (of.usage_) all["usage"] = nullptr;
    return all;
  }
  static json logprobs(const CompletionAnswer& of, Positions positions, std::size_t offset = 0) {
    if (!of.logprobs_) return {};
    return of.chat_ ? chat_logprobs(positions) : text_logprobs(positions, offset);
  }
};

CompletionAnswer::CompletionAnswer(const CompletionRequest& request,
                                   const std::string& id,
                                   std::string model)
    : chat_(request.chat),
      logprobs_(request.logprobs),
      stage_metrics_(request.stage_metrics),
      text_(request.text),
      audio_(request.audio),
      usage_(request.include_usage),
      sound_(request.sound),
      n_(static_cast<std::size_t>(request.n)),
      id_((request.chat ? "chatcmpl-" : "cmpl-") + id),
      model_(std::move(model)),
      created_(std::time(nullptr)) {}

Result<std::string> CompletionAnswer::whole(const std::vector<RequestOutput>& outputs) const {
  json all = Json::head(*this, "");
  all["choices"] = json::array();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const RequestOutput& output = outputs[i];
    json choice{{"index", i},
                {"logprobs", Json::logprobs(*this, output.answer.logprobs)},
                {"finish_reason", output.answer.finish_reason},
                {"stop_reason", formats::stop_reason(output.answer)}};
    if (chat_) {
      json message{{"role", "assistant"},
                   {"content", text_ ? json(output.text) : json()},
                   {"refusal", nullptr}};
      if (audio_) {
        auto sound = encode_sound(output.audio, output.sample_rate, sound_);
        if (!sound) return sound.error();
        message["audio"] = {{"id", "audio-" + id_ + "-" + std::to_string(i)},
                            {"data", formats::to_base64(*sound)},
                            {"expires_at", created_},  // it is not kept
                            {"transcript", output.text},
                            {"sample_rate", output.sample_rate}};
      }
      choice["message"] = std::move(message);
    } else {
      choice["text"] = output.text;
    }
    all["choices"].push_back(std::move(choice));
    if (stage_metrics_) all["stage_metrics"].push_back(stage_metrics(output));
  }
  all["usage"] = usage_of(outputs, n_);
  return write(all);
}

std::string CompletionAnswer::begin(std::size_t index) const {
  return write(Json::chunk(
      *this, index, {{"delta", {{"role", "assistant"}, {"content", text_ ? json("") : json()}}}}));
}
std::string CompletionAnswer::text(std::size_t index,
                                   std::string_view text,
                                   std::span<const PositionLogprobs> logprobs,
                                   Sent& sent) const {
  json choice = chat_ ? json{{"delta", {{"content", text}}}} : json{{"text", text}};
  if (!logprobs.empty()) choice["logprobs"] = Json::logprobs(*this, logprobs, sent.bytes);
  sent.tokens += logprobs.size();
  for (const PositionLogprobs& position : logprobs) sent.bytes += position.chosen.token.size();
  return write(Json::chunk(*this, index, std::move(choice)));
}
std::string CompletionAnswer::sound(std::size_t index, std::string_view bytes) const {
  const json audio{{"id", "audio-" + id_ + "-" + std::to_string(index)},
                   {"data", formats::to_base64(bytes)}};
  return write(Json::chunk(*this, index, {{"delta", {{"audio", audio}}}}));
}
std::string CompletionAnswer::end(std::size_t index, const RequestOutput& last, Sent sent) const {
  const auto rest =
      std::span(last.answer.logprobs).subspan(std::min(sent.tokens, last.answer.logprobs.size()));
  json choice{{"finish_reason", last.answer.finish_reason},
              {"stop_reason", formats::stop_reason(last.answer)}};
  if (!rest.empty()) choice["logprobs"] = Json::logprobs(*this, rest, sent.bytes);
  if (chat_) choice["delta"] = json::object();
  else choice["text"] = "";
  json all = Json::chunk(*this, index, std::move(choice));
  if (stage_metrics_) all["stage_metrics"] = json::array({stage_metrics(last)});
  return write(all);
}
std::string CompletionAnswer::usage(const std::vector<RequestOutput>& outputs) const {
  json all = Json::head(*this, ".chunk");
  all["choices"] = json::array();
  all["usage"] = usage_of(outputs, n_);
  return write(all);
}

}  // namespace limelight::http

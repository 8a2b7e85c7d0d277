#include "actors/http/completion_request.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/formats/message_json.hpp"
#include "actors/formats/refusal.hpp"
#include "actors/formats/sampling_json.hpp"
#include "actors/http/message.hpp"
#include "base/try.hpp"

namespace limelight::http {

using formats::Handlers;
using formats::refuse;
using formats::show;
using formats::truth;
using formats::whole;
using nlohmann::json;

namespace {

// The default of max_tokens of /v1/completions, as OpenAI and vLLM have it.
constexpr int usual_completion_tokens = 16;

bool is_empty(const json& v) {
  if (v.is_boolean()) return !v.get<bool>();
  if (v.is_number()) return v.get<double>() == 0;
  return v.is_string() ? v.get_ref<const std::string&>().empty() : v.empty();
}

// Keys that would change the answer. They may have the value that changes nothing.
void refuse_unserved(const json& body) {
  struct Unserved {
    const char* key;
    bool (*harmless)(const json&);
    const char* expected;
  };
  const auto plain = [](const json& v) {
    return v.is_object() && v.value("type", json()) == "text";
  };
  const auto no_choice = [](const json& v) { return v == "none" || v == "auto"; };
  const auto one = [](const json& v) { return v == 1; };
  const auto yes = [](const json& v) { return v == true; };
  static const Unserved unserved[] = {
      {"tools", is_empty, "none: tools are not called here"},
      {"functions", is_empty, "none: functions are not called here"},
      {"tool_choice", no_choice, "none or auto: tools are not called here"},
      {"function_call", no_choice, "none or auto: functions are not called here"},
      {"response_format", plain, "{\"type\": \"text\"}: answers are not held to a schema"},
      {"structured_outputs", is_empty, "none: answers are not held to a schema"},
      {"guided_json", is_empty, "none: answers are not held to a schema"},
      {"guided_regex", is_empty, "none: answers are not held to a pattern"},
      {"guided_choice", is_empty, "none: answers are not held to a choice"},
      {"guided_grammar", is_empty, "none: answers are not held to a grammar"},
      {"echo", is_empty, "false: the prompt is not repeated"},
      {"suffix", is_empty, "none: text is not inserted"},
      {"best_of", one, "1: n says how many answers there are"},
      {"use_beam_search", is_empty, "false: there is no beam search"},
      {"prompt_logprobs", is_empty, "none: only tokens of the answer have logprobs"},
      {"continue_final_message", is_empty, "false: an answer is a message of its own"},
      {"add_generation_prompt", yes, "true: what follows is the assistant's answer"},
      {"chat_template", is_empty, "none: the model's own is used"},
      {"skip_special_tokens", yes, "true: special tokens are not written"},
      {"include_stop_str_in_output", is_empty, "false: an answer ends before the stop string"},
      {"allowed_token_ids", is_empty, "none; logit_bias can favour tokens"},
      {"bad_words", is_empty, "none; logit_bias can rule tokens out"},
      {"truncate_prompt_tokens", is_empty, "none: prompts are not cut"},
      {"sampling_params_list", is_empty,
       "none: parameters are those of the first stage, the config has those of the others"},
      {"mm_processor_kwargs", is_empty, "none: its keys are about videos, which are not read"},
  };
  for (const Unserved& it : unserved)
    if (const auto at = body.find(it.key); at != body.end() && !at->is_null() && !it.harmless(*at))
      refuse(it.key, show(*at), it.expected);
}

void read_prompts(const json& value, CompletionRequest& request) {
  const char* expected = "a text, a list of texts, a list of tokens or a list of such lists";
  const auto add = [&](const json& one) {
    GenerateRequest prompt{.use_chat_template = false};
    if (one.is_string()) prompt.prompt = one.get<std::string>();
    else if (one.is_array() && !one.empty())
      prompt.prompt_token_ids = formats::wholes(one, "prompt");
    else refuse("prompt", show(one), expected);
    if (one.is_string() && prompt.prompt.empty()) refuse("prompt", "an empty text", expected);
    request.prompts.push_back(std::move(prompt));
  };
  if (value.is_array() && value.empty()) refuse("prompt", "an empty list", expected);
  const bool several = value.is_array() && !value.front().is_number();
  constexpr std::size_t most = 128;
  if (several && value.size() > most)
    refuse("prompt", std::to_string(value.size()) + " prompts", std::to_string(most) + " at most");
  if (!several) return add(value);
  for (const json& one : value) add(one);
}

void read_modalities(const json& value, const PipelineFacts& facts, CompletionRequest& request) {
  const std::string key = "modalities", expected = "a list such as [\"text\", \"audio\"]";
  if (!value.is_array() || value.empty()) refuse(key, show(value), expected);
  std::string all;
  for (const std::string& output : facts.outputs) all += (all.empty() ? "" : ", ") + output;
  request.text = request.audio = false;
  for (const json& item : value) {
    const std::string name = formats::text(item, key, expected.c_str());
    if (!facts.has(name)) refuse(key, "'" + name.substr(0, 60) + "'", "some of " + all);
    (name == "text" ? request.text : request.audio) = true;
  }
}

void read_audio(const json& value, CompletionRequest& request) {
  if (!value.is_object()) refuse("audio", show(value), "an object with the key format");
  const Handlers known{{"format", [&](const json& v, const std::string& k) {
                          const auto format = sound_format(formats::text(v, k));
                          if (!format) refuse(k, show(v), sound_formats);
                          request.sound = *format;
                        }}};
  read_object(value, "audio.", {&known}, formats::UnknownKeys::ignored);
}

// Handlers of all keys but those of the prompt.
Handlers sampling_of(stages::SamplingParams& params, CompletionRequest& request) {
  Handlers known = formats::sampling_handlers(params);
  known["seed"] = [&](const json& v, const std::string& k) {
    if (!v.is_number_integer()) refuse(k, show(v), "a whole number");
    params.seed = v.is_number_unsigned() ? v.get<std::uint64_t>()
                                         : static_cast<std::uint64_t>(v.get<std::int64_t>());
  };
  if (request.chat) {
    known["max_completion_tokens"] = known["max_tokens"];
    known["logprobs"] = [&](const json& v, const std::string& k) {
      request.logprobs = truth(v, k);
    };
    known["top_logprobs"] = [&](const json& v, const std::string& k) {
      params.logprobs = whole(v, k);
    };
  } else {
    known["logprobs"] = [&](const json& v, const std::string& k) {
      params.logprobs = whole(v, k);
      request.logprobs = true;
    };
  }
  return known;
}

void check_streaming(const CompletionRequest& request) {
  if (request.stream && request.audio && !comes_in_parts(request.sound))
    refuse("audio.format", "another one than wav and pcm16 for a stream",
           "one of these: the others do not come in parts");
}

CompletionRequest read(const json& body,
                       bool chat,
                       const PipelineFacts& facts,
                       std::string_view source) {
  CompletionRequest request{.chat = chat};
  request.text = facts.has("text");
  request.audio = !request.text;
  stages::SamplingParams params = facts.defaults;
  if (!chat) params.max_tokens = usual_completion_tokens;
  refuse_unserved(body);
  const Handlers sampling = sampling_of(params, request);
  std::vector<Message> messages;
  std::chrono::milliseconds deadline{0};
  Handlers own{
      {"stream", [&](const json& v, const std::string& k) { request.stream = truth(v, k); }},
      {"stream_options",
       [&](const json& v, const std::string& k) {
         if (!v.is_object()) refuse(k, show(v), "an object");
         const Handlers known{{"include_usage", [&](const json& u, const std::string& where) {
                                 request.include_usage = truth(u, where);
                               }}};
         read_object(v, k + ".", {&known}, formats::UnknownKeys::ignored);
       }},
      {"return_stage_metrics",
       [&](const json& v, const std::string& k) { request.stage_metrics = truth(v, k); }},
      {"deadline_ms",
       [&](const json& v, const std::string& k) {
         deadline = std::chrono::milliseconds(whole(v, k));
         if (deadline.count() < 1) refuse(k, show(v), "1 or more");
       }},
      {"request_id", [&](const json& v, const std::string& k) {
         request.request_id = formats::text(v, k);
         if (!is_plain_word(request.request_id))
           refuse(k, show(v), "1 to 128 letters, digits and any of - _ . : @");
       }}};
  if (chat) {
    own["messages"] = [&](const json& v, const std::string& k) {
      messages = formats::read_messages(
          v, k,
          {.unknown = formats::UnknownKeys::ignored, .arguments_in_text = true, .source = source});
    };
    own["modalities"] = [&](const json& v, const std::string&) {
      read_modalities(v, facts, request);
    };
    own["audio"] = [&](const json& v, const std::string&) { read_audio(v, request); };
  } else {
    own["prompt"] = [&](const json& v, const std::string&) { read_prompts(v, request); };
  }
  read_object(body, "", {&sampling, &own}, formats::UnknownKeys::ignored);
  if (chat && messages.empty()) refuse("messages", "none", "a list of messages");
  if (!chat && request.prompts.empty()) refuse("prompt", "none", "a text or a list of tokens");
  if (chat) request.prompts.push_back({.messages = std::move(messages)});
  // The number of likeliest tokens is that of the sampler; without it only the chosen ones.
  if (chat) params.logprobs = request.logprobs ? std::max(params.logprobs, 0) : -1;
  formats::check_ranges(params);
  check_streaming(request);
  request.n = params.n;
  for (GenerateRequest& prompt : request.prompts) {
    prompt.sampling_params = params;
    prompt.deadline = deadline;
    if (request.text) prompt.modalities.emplace_back("text");
    if (request.audio) prompt.modalities.emplace_back("audio");
  }
  return request;
}

}  // namespace

bool PipelineFacts::has(const std::string& output) const {
  return std::find(outputs.begin(), outputs.end(), output) != outputs.end();
}

Result<void> check_model(const json& body, const PipelineFacts& facts) {
  const auto model = body.find("model");
  if (model == body.end() || model->is_null() || *model == facts.model) return {};
  return Error{ErrorCode::not_found, "the model " + show(*model) +
                                         " is not served here, expected \"" + facts.model + "\""};
}

Result<CompletionRequest> read_completion(const json& body,
                                          bool chat,
                                          const PipelineFacts& facts,
                                          std::string_view source) {
  LIMELIGHT_TRY(check_model(body, facts));
  try {
    return read(body, chat, facts, source);
  } catch (const formats::Refusal& refusal) {
    return Error{ErrorCode::invalid_argument, refusal.text};
  }
}

}  // namespace limelight::http

#include "actors/formats/sampling_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "actors/formats/refusal.hpp"
#include "base/whole_number.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/sampling_params.hpp"

namespace limelight::formats {

using nlohmann::json;

Handlers sampling_handlers(stages::SamplingParams& p) {
  Handlers known{
      {"n", [&](const json& v, const std::string& k) { p.n = whole(v, k); }},
      {"seed",
       [&](const json& v, const std::string& k) {
         if (!v.is_number_unsigned()) refuse(k, show(v), "a whole number, 0 or more");
         p.seed = v.get<std::uint64_t>();
       }},
      {"ignore_eos", [&](const json& v, const std::string& k) { p.ignore_eos = truth(v, k); }},
      {"stop",
       [&](const json& v, const std::string& k) {
         const char* expected = "a text or a list of texts";
         p.stop.clear();
         if (v.is_array())
           for (const json& item : v) p.stop.push_back(text(item, k, expected));
         else p.stop.push_back(text(v, k, expected));
       }},
      {"stop_token_ids",
       [&](const json& v, const std::string& k) { p.stop_token_ids = wholes(v, k); }},
      {"logit_bias", [&](const json& v, const std::string& k) {
         const char* expected = "an object such as {\"15043\": -100}";
         if (!v.is_object()) refuse(k, show(v), expected);
         p.logit_bias.clear();
         for (const auto& [token, bias] : v.items()) {
           const auto id = whole_number<int>(token, 0);
           if (!id) refuse(k, "'" + token.substr(0, 60) + "'", expected);
           p.logit_bias[*id] = number(bias, k);
         }
       }}};
  stages::for_each_number(p, [&](const char* name, auto& to) {
    known[name] = [&to](const json& v, const std::string& k) {
      if constexpr (std::is_same_v<decltype(to), float&>) to = number(v, k);
      else to = whole(v, k);
    };
  });
  return known;
}

Handlers speech_handlers(stages::SpeechParams& p) {
  // A function: a clang of this age cannot capture names of a structured binding.
  const auto into = [](std::string& to) {
    return [&to](const json& v, const std::string& k) { to = text(v, k); };
  };
  return {{"speaker", into(p.speaker)},
          {"language", into(p.language)},
          {"instructions", into(p.instructions)},
          {"non_streaming_mode",
           [&p](const json& v, const std::string& k) { p.non_streaming_mode = truth(v, k); }}};
}

bool takes_speech(const stages::PipelineConfig& config) {
  return std::any_of(config.stages.begin(), config.stages.end(), [](const auto& stage) {
    return stage.model && stage.model->tts() != nullptr;
  });
}

void check_ranges(const stages::SamplingParams& params) {
  const auto good = stages::check(params);
  if (good) return;
  const std::string& said = good.error().message;
  const auto colon = said.find(':');
  throw Refusal{"key '" + said.substr(0, colon) + "'" + said.substr(colon)};
}

}  // namespace limelight::formats

// Reads generation_config.json: how a model's authors would have it sample. The keys are those of
// transformers' class GenerationConfig; what they mean for a request is as in vLLM.
#include <algorithm>
#include <map>
#include <set>

#include "stages/models/hf_files.hpp"
#include "stages/models/sampling_params.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// The keys that are not obeyed. A key that is neither here nor obeyed is refused.
enum class Unobeyed {
  harmless,  // says how another program computes, what it reports, or what a request may say
  neutral,   // changes answers, unless it has one of the values that say it is not used
};
const std::map<std::string_view, Unobeyed> generation_keys{
    {"_from_model_config", Unobeyed::harmless},
    {"_name_or_path", Unobeyed::harmless},
    {"assistant_confidence_threshold", Unobeyed::harmless},
    {"assistant_early_exit", Unobeyed::harmless},
    {"assistant_ensemble_weight", Unobeyed::harmless},
    {"assistant_lookbehind", Unobeyed::harmless},
    {"bad_words_ids", Unobeyed::neutral},
    {"begin_suppress_tokens", Unobeyed::neutral},
    {"bos_token_id", Unobeyed::harmless},  // the tokenizer says whether it is used
    {"cache_config", Unobeyed::harmless},
    {"cache_implementation", Unobeyed::harmless},
    {"chat_format", Unobeyed::harmless},  // of Qwen's first models: the template says it
    {"compile_config", Unobeyed::harmless},
    {"constraints", Unobeyed::neutral},
    {"continuous_batching_config", Unobeyed::harmless},
    {"decoder_start_token_id", Unobeyed::harmless},  // of encoder-decoder models
    {"disable_compile", Unobeyed::harmless},
    {"diversity_penalty", Unobeyed::neutral},
    {"dola_layers", Unobeyed::neutral},
    {"early_stopping", Unobeyed::harmless},  // of beams
    {"encoder_no_repeat_ngram_size", Unobeyed::neutral},
    {"encoder_repetition_penalty", Unobeyed::neutral},
    {"epsilon_cutoff", Unobeyed::neutral},
    {"eta_cutoff", Unobeyed::neutral},
    {"exponential_decay_length_penalty", Unobeyed::neutral},
    {"force_words_ids", Unobeyed::neutral},
    {"forced_bos_token_id", Unobeyed::neutral},
    {"forced_eos_token_id", Unobeyed::neutral},
    {"guidance_scale", Unobeyed::neutral},
    {"is_assistant", Unobeyed::harmless},
    {"length_penalty", Unobeyed::harmless},  // of beams
    {"low_memory", Unobeyed::harmless},
    {"max_cache_len", Unobeyed::harmless},
    {"max_length", Unobeyed::harmless},  // max_model_len and max_tokens say it here
    {"max_matching_ngram_size", Unobeyed::harmless},
    {"max_time", Unobeyed::neutral},
    {"max_window_size", Unobeyed::harmless},  // of Qwen's first models: of their own code
    {"min_length", Unobeyed::neutral},
    {"no_repeat_ngram_size", Unobeyed::neutral},
    {"num_assistant_tokens", Unobeyed::harmless},
    {"num_assistant_tokens_schedule", Unobeyed::harmless},
    {"num_beam_groups", Unobeyed::neutral},
    {"num_beams", Unobeyed::neutral},
    {"num_return_sequences", Unobeyed::neutral},
    {"output_attentions", Unobeyed::harmless},
    {"output_hidden_states", Unobeyed::harmless},
    {"output_logits", Unobeyed::harmless},
    {"output_scores", Unobeyed::harmless},
    {"pad_token_id", Unobeyed::harmless},
    {"penalty_alpha", Unobeyed::neutral},
    {"prefill_chunk_size", Unobeyed::harmless},
    {"prompt_lookup_num_tokens", Unobeyed::harmless},
    {"remove_invalid_values", Unobeyed::harmless},  // they end a request here
    {"renormalize_logits", Unobeyed::harmless},     // the choice is that of the same logits
    {"return_dict_in_generate", Unobeyed::harmless},
    {"sequence_bias", Unobeyed::neutral},
    {"speculation_type", Unobeyed::harmless},
    {"suppress_tokens", Unobeyed::neutral},
    {"target_lookbehind", Unobeyed::harmless},
    {"token_healing", Unobeyed::neutral},
    {"top_h", Unobeyed::neutral},
    {"transformers_version", Unobeyed::harmless},
    {"trust_remote_code", Unobeyed::harmless},
    {"typical_p", Unobeyed::neutral},
    {"use_cache", Unobeyed::harmless},
    {"use_mtp", Unobeyed::harmless},  // other steps, the same tokens
    {"watermarking_config", Unobeyed::neutral}};

bool is_neutral(const std::string& key, const json& value) {
  // What multiplies, and what counts beams and answers, is neutral at 1.
  static const std::set<std::string_view> neutral_at_one{
      "encoder_repetition_penalty", "guidance_scale", "num_beam_groups", "num_beams", "typical_p",
      "num_return_sequences"};
  if (value.is_null() || value == false || (value.is_structured() && value.empty())) return true;
  // 0 is a token, and no time at all.
  static const std::set<std::string_view> used_at_zero{"forced_bos_token_id", "forced_eos_token_id",
                                                       "max_time", "top_h"};
  if (used_at_zero.contains(key)) return false;
  return value == (neutral_at_one.contains(key) ? 1 : 0);
}

// How the keys of a talker begin, which samples for itself: they are those arguments of the
// reference's generate() that have a default.
constexpr const char* of_talker = "talker_";
const std::set<std::string_view> talker_keys{
    "talker_do_sample",   "talker_max_new_tokens", "talker_repetition_penalty",
    "talker_temperature", "talker_top_k",          "talker_top_p"};

struct GenerationReader {
  const fs::path& path;
  json all;
  std::string prefix = {};  // of the keys
  std::set<std::string> asked = {};

  const json& get(const std::string& key) {
    static const json none;
    asked.insert(prefix + key);
    const auto at = all.find(prefix + key);
    return at == all.end() ? none : *at;
  }
  [[noreturn]] void wrong(const std::string& key, const std::string& expected) const {
    const std::string name = all.contains(key) ? key : prefix + key;
    refuse(path, "key '" + name.substr(0, 60) + "': found " + all.at(name).dump().substr(0, 60) +
                     ", expected " + expected);
  }
  void real(const char* key, float& to) {
    const json& value = get(key);
    if (value.is_null()) return;
    if (!value.is_number()) wrong(key, "a number");
    to = value.get<float>();
  }
  void whole(const char* key, auto& to) {
    const json& value = get(key);
    if (value.is_null()) return;
    if (!value.is_number_integer()) wrong(key, "a whole number");
    to = static_cast<int>(std::clamp<std::int64_t>(value.get<std::int64_t>(), -2, 1 << 20));
  }

  void sampling(SamplingParams& p) {
    const json& do_sample = get("do_sample");
    if (!do_sample.is_null() && !do_sample.is_boolean()) wrong("do_sample", "true or false");
    // A talker's is another one then, which the caller knows.
    if (do_sample == true && prefix.empty()) p.temperature = 1;
    real("temperature", p.temperature);
    real("top_p", p.top_p);
    real("min_p", p.min_p);
    real("repetition_penalty", p.repetition_penalty);
    whole("top_k", p.top_k);
    whole("max_new_tokens", p.max_tokens);
    whole("min_new_tokens", p.min_tokens);
    if (do_sample == false) p.temperature = 0;
    const json& stops = get("stop_strings");
    if (!stops.is_null())
      for (const json& stop : stops.is_array() ? stops : json::array({stops})) {
        if (!stop.is_string()) wrong("stop_strings", "a text or a list of texts");
        p.stop.push_back(stop);
      }
    check_ranges(p, prefix);
  }

  // By the names of the file.
  void check_ranges(const SamplingParams& p, const std::string& at) const {
    static const std::map<std::string, std::string> names{{"max_tokens", "max_new_tokens"},
                                                          {"min_tokens", "min_new_tokens"},
                                                          {"stop", "stop_strings"}};
    const auto good = check(p);
    if (good) return;
    const std::string& said = good.error().message;
    const std::string name = said.substr(0, said.find(": "));
    const auto other = names.find(name);
    refuse(path, "key '" + at + (other == names.end() ? name : other->second) + "'" +
                     said.substr(name.size()));
  }

  std::vector<int> ends(int vocab) {
    std::vector<int> tokens;
    const json& ends = get("eos_token_id");
    if (ends.is_null()) return tokens;
    for (const json& end : ends.is_array() ? ends : json::array({ends})) {
      if (!end.is_number_unsigned() ||
          end.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocab))
        wrong("eos_token_id",
              "a token or a list of tokens, each below vocab_size (" + std::to_string(vocab) + ")");
      tokens.push_back(end.get<int>());
    }
    return tokens;
  }

  // Those arguments of the reference's generate() that it takes from the file.
  TtsSampling tts() {
    TtsSampling made;
    made.talker = {
        .temperature = 0.9f, .top_k = 50, .max_tokens = 2048, .repetition_penalty = 1.05f};
    made.subtalker = {.temperature = 0.9f, .top_k = 50};
    const auto samples = [&](const char* key) {
      const json& value = get(key);
      if (!value.is_null() && !value.is_boolean()) wrong(key, "true or false");
      return value.is_null() || value.get<bool>();
    };
    const bool talker = samples("do_sample"), subtalker = samples("subtalker_dosample");
    if (talker != subtalker)
      wrong(all.contains("do_sample") ? "do_sample" : "subtalker_dosample",
            "the same in do_sample and subtalker_dosample: all codes of a frame are sampled, or "
            "none");
    real("temperature", made.talker.temperature);
    real("top_p", made.talker.top_p);
    whole("top_k", made.talker.top_k);
    real("repetition_penalty", made.talker.repetition_penalty);
    whole("max_new_tokens", made.talker.max_tokens);
    real("subtalker_temperature", made.subtalker.temperature);
    real("subtalker_top_p", made.subtalker.top_p);
    whole("subtalker_top_k", made.subtalker.top_k);
    if (!talker) made.talker.temperature = made.subtalker.temperature = 0;
    check_ranges(made.talker, "");
    check_ranges(made.subtalker, "subtalker_");
    refuse_others(false);
    return made;
  }

  void refuse_others(bool speaks) const {
    for (const auto& [key, value] : all.items()) {
      if (asked.contains(key) || (speaks && talker_keys.contains(key))) continue;
      const auto rule = generation_keys.find(key);
      if (rule == generation_keys.end())
        wrong(key, "no such key: it is not known here, and may change answers");
      if (rule->second == Unobeyed::neutral && !is_neutral(key, value))
        wrong(key, "none: it changes answers, and is not obeyed here");
    }
  }
};

}  // namespace

GenerationConfig read_generation_config(const fs::path& path, int vocab, bool speaks) {
  std::error_code failed;
  GenerationConfig made;
  if (!fs::exists(path, failed)) return made;
  GenerationReader reader{path, read_json(path)};
  reader.sampling(made.sampling);
  made.ends = reader.ends(vocab);
  reader.refuse_others(speaks);
  return made;
}

TtsSampling read_tts_sampling(const fs::path& path) {
  std::error_code failed;
  return GenerationReader{.path = path,
                          .all = fs::exists(path, failed) ? read_json(path) : json::object()}
      .tts();
}

SamplingParams read_talker_sampling(const fs::path& path, SamplingParams usual) {
  std::error_code failed;
  if (fs::exists(path, failed))
    GenerationReader{.path = path, .all = read_json(path), .prefix = of_talker}.sampling(usual);
  return usual;
}

}  // namespace limelight::stages

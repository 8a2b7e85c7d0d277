#include "stages/models/config_keys.hpp"

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "stages/models/hf_files.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// What a key does that the reader did not ask for.
enum class Unread {
  harmless,    // changes no result
  if_neutral,  // is another architecture's: null, false, 0 and empty say that it is not used
};
// Keys of config.json that some of the architectures have. A key that is not here is refused.
const std::map<std::string_view, Unread> known_keys{
    {"_attn_implementation", Unread::harmless},
    {"_attn_implementation_autoset", Unread::harmless},
    {"_name_or_path", Unread::harmless},
    {"_sliding_window_pattern", Unread::if_neutral},
    {"architectures", Unread::harmless},
    {"attention_bias", Unread::if_neutral},
    {"attention_dropout", Unread::harmless},
    {"attn_implementation", Unread::harmless},
    {"attn_logit_softcapping", Unread::if_neutral},
    {"auto_map", Unread::harmless},      // code for readers without the architecture
    {"bos_token_id", Unread::harmless},  // the tokenizer says whether it is used
    {"cache_implementation", Unread::harmless},
    {"chunk_size_feed_forward", Unread::harmless},
    {"decoder_sparse_step", Unread::if_neutral},
    {"dtype", Unread::harmless},  // each tensor states its own
    {"embd_pdrop", Unread::harmless},
    {"eos_token_id", Unread::harmless},
    {"final_logit_softcapping", Unread::if_neutral},
    {"head_dim", Unread::if_neutral},
    {"hidden_act", Unread::harmless},  // of those that have hidden_activation
    {"hidden_activation", Unread::if_neutral},
    {"hidden_size", Unread::if_neutral},
    {"id2label", Unread::harmless},
    {"init_std", Unread::harmless},
    {"initializer_range", Unread::harmless},
    {"intermediate_size", Unread::if_neutral},
    {"is_decoder", Unread::harmless},
    {"is_encoder_decoder", Unread::if_neutral},
    {"is_llama_config", Unread::harmless},
    {"label2id", Unread::harmless},
    {"layer_types", Unread::if_neutral},
    {"max_position_embeddings", Unread::if_neutral},
    {"max_sequence_length", Unread::harmless},
    {"max_window_layers", Unread::harmless},  // counts with use_sliding_window alone
    {"mlp_bias", Unread::if_neutral},
    {"mlp_only_layers", Unread::if_neutral},
    {"model_type", Unread::if_neutral},
    {"moe_intermediate_size", Unread::if_neutral},
    {"no_rope_layer_interval", Unread::harmless},  // counts without no_rope_layers alone
    {"no_rope_layers", Unread::if_neutral},
    {"norm_topk_prob", Unread::if_neutral},
    {"num_attention_heads", Unread::if_neutral},
    {"num_experts", Unread::if_neutral},
    {"num_experts_per_tok", Unread::if_neutral},
    {"num_hidden_layers", Unread::if_neutral},
    {"num_key_value_heads", Unread::if_neutral},
    {"num_local_experts", Unread::if_neutral},
    {"original_max_position_embeddings", Unread::harmless},  // counts for some kinds of RoPE
    {"output_attentions", Unread::harmless},
    {"output_hidden_states", Unread::harmless},
    {"output_router_logits", Unread::harmless},
    {"pad_token_id", Unread::harmless},
    {"partial_rotary_factor", Unread::if_neutral},
    {"pretraining_tp", Unread::harmless},
    {"problem_type", Unread::harmless},
    {"qkv_bias", Unread::if_neutral},
    {"quantization_config", Unread::if_neutral},
    {"query_pre_attn_scalar", Unread::if_neutral},
    {"resid_pdrop", Unread::harmless},
    {"return_dict", Unread::harmless},
    {"rms_norm_eps", Unread::if_neutral},
    {"rope_interleaved", Unread::if_neutral},
    {"rope_local_base_freq", Unread::if_neutral},
    {"rope_parameters", Unread::if_neutral},
    {"rope_scaling", Unread::if_neutral},
    {"rope_theta", Unread::if_neutral},
    {"router_aux_loss_coef", Unread::harmless},
    {"shared_expert_intermediate_size", Unread::if_neutral},
    {"sliding_window", Unread::if_neutral},
    {"sliding_window_pattern", Unread::if_neutral},
    {"tie_word_embeddings", Unread::if_neutral},
    {"torch_dtype", Unread::harmless},
    {"transformers.js_config", Unread::harmless},
    {"transformers_version", Unread::harmless},
    {"unsloth_fixed", Unread::harmless},
    {"use_bidirectional_attention", Unread::if_neutral},
    {"use_cache", Unread::harmless},
    {"use_mrope", Unread::if_neutral},
    {"use_sliding_window", Unread::if_neutral},
    {"vocab_size", Unread::if_neutral}};

// Version 4 of transformers wrote these parameters of generate() into configs of networks within
// networks, where they mean nothing. Others than the usual ones would say that somebody meant them.
const std::map<std::string_view, json> usual_values{{"add_cross_attention", false},
                                                    {"bad_words_ids", nullptr},
                                                    {"begin_suppress_tokens", nullptr},
                                                    {"cross_attention_hidden_size", nullptr},
                                                    {"decoder_start_token_id", nullptr},
                                                    {"diversity_penalty", 0.0},
                                                    {"do_sample", false},
                                                    {"early_stopping", false},
                                                    {"encoder_no_repeat_ngram_size", 0},
                                                    {"exponential_decay_length_penalty", nullptr},
                                                    {"finetuning_task", nullptr},
                                                    {"forced_bos_token_id", nullptr},
                                                    {"forced_eos_token_id", nullptr},
                                                    {"length_penalty", 1.0},
                                                    {"max_length", 20},
                                                    {"min_length", 0},
                                                    {"no_repeat_ngram_size", 0},
                                                    {"num_beam_groups", 1},
                                                    {"num_beams", 1},
                                                    {"num_return_sequences", 1},
                                                    {"output_scores", false},
                                                    {"prefix", nullptr},
                                                    {"pruned_heads", json::object()},
                                                    {"remove_invalid_values", false},
                                                    {"repetition_penalty", 1.0},
                                                    {"return_dict_in_generate", false},
                                                    {"sep_token_id", nullptr},
                                                    {"suppress_tokens", nullptr},
                                                    {"task_specific_params", nullptr},
                                                    {"temperature", 1.0},
                                                    {"tf_legacy_loss", false},
                                                    {"tie_encoder_decoder", false},
                                                    {"tokenizer_class", nullptr},
                                                    {"top_k", 50},
                                                    {"top_p", 1.0},
                                                    {"torchscript", false},
                                                    {"typical_p", 1.0},
                                                    {"use_bfloat16", false}};

bool is_neutral(const json& value) {
  return value.is_null() || value == false || value == 0 ||
         (value.is_structured() && value.empty());
}

}  // namespace

const json& ConfigKeys::operator[](const char* key) {
  static const json none;
  asked_.insert(key);
  const auto at = object_.find(key);
  return at == object_.end() ? none : *at;
}

int ConfigKeys::whole(const char* key, int otherwise) {
  const json& value = (*this)[key];
  if (value.is_null() && otherwise >= 0) return otherwise;
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 2'000'000'000)
    wrong(key, "a whole number");
  return value.get<int>();
}

double ConfigKeys::real(const char* key, double otherwise) {
  const json& value = (*this)[key];
  if (value.is_null()) return otherwise;
  if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(key, "a number");
  return value.get<double>();
}

std::optional<double> ConfigKeys::real(const char* key) {
  return has(key) ? std::optional(real(key, 0)) : std::nullopt;
}

bool ConfigKeys::flag(const char* key, bool otherwise) {
  const json& value = (*this)[key];
  if (value.is_null()) return otherwise;
  if (!value.is_boolean()) wrong(key, "true or false");
  return value.get<bool>();
}

std::vector<float> ConfigKeys::reals(const char* key) {
  const json& list = (*this)[key];
  if (!list.is_null() && !list.is_array()) wrong(key, "a list of numbers");
  std::vector<float> numbers;
  for (const json& number : list) {
    if (!number.is_number() || !(number.get<double>() > 0)) wrong(key, "numbers above 0");
    numbers.push_back(number.get<float>());
  }
  return numbers;
}

int ConfigKeys::count(const char* key, int otherwise, int most) {
  const int value = whole(key, otherwise);
  if (value < 1 || value > most) wrong(key, "1 to " + std::to_string(most));
  return value;
}

std::vector<int> ConfigKeys::counts(const char* key,
                                    std::vector<int> otherwise,
                                    std::size_t most_items,
                                    int most) {
  const json& list = (*this)[key];
  if (list.is_null()) return otherwise;
  const std::string expected =
      std::to_string(most_items) + " numbers at most, of 1 to " + std::to_string(most);
  if (!list.is_array() || list.size() > most_items) wrong(key, expected);
  std::vector<int> found;
  for (const json& one : list) {
    if (!one.is_number_unsigned() || one.get<std::uint64_t>() < 1 ||
        one.get<std::uint64_t>() > static_cast<std::uint64_t>(most))
      wrong(key, expected);
    found.push_back(one.get<int>());
  }
  return found;
}

void ConfigKeys::wrong(const char* key, const std::string& expected) const {
  refuse(file_, "key '" + at_ + key + "': found " +
                    (object_.contains(key) ? object_[key].dump().substr(0, 60) : "nothing") +
                    ", expected " + expected);
}

void ConfigKeys::refuse_others(bool top, const std::string& of) const {
  for (const auto& [key, value] : object_.items()) {
    if (asked_.contains(key)) continue;
    const auto rule = top ? known_keys.find(key) : known_keys.end();
    const bool known = rule != known_keys.end();
    const auto usual = top ? usual_values.find(key) : usual_values.end();
    if (usual != usual_values.end() && usual->second == value) continue;
    if (known && (rule->second == Unread::harmless || is_neutral(value))) continue;
    refuse(file_,
           "key '" + at_ + key.substr(0, 60) + "': found " + value.dump().substr(0, 60) +
               (known ? ", expected none: " + of + " has no such part here"
                      : ", expected no such key: it is not known here, and may change results"),
           ErrorCode::unavailable);
  }
}

std::string read_text(const fs::path& path) {
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  if (failed) refuse(path, "cannot read: " + failed.message(), ErrorCode::not_found);
  if (size > most_json_bytes)
    refuse(path, "found " + std::to_string(size) + " bytes, expected at most " +
                     std::to_string(most_json_bytes));
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void refuse_deep_json(const fs::path& path, std::string_view text) {
  constexpr int deepest = 100;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text && c == '\\') ++i;
    else if (c == '"') in_text = !in_text;
    else if (!in_text && (c == '[' || c == '{') && ++depth > deepest)
      refuse(path, "found values that are nested deeper than " + std::to_string(deepest) +
                       " levels, expected fewer");
    else if (!in_text && (c == ']' || c == '}')) --depth;
  }
}

json read_json(const fs::path& path) {
  const std::string text = read_text(path);
  refuse_deep_json(path, text);
  json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) refuse(path, "found no JSON object, expected one");
  return parsed;
}

std::string model_type_of(const fs::path& path) {
  std::error_code failed;
  try {
    const fs::path folder = fs::is_directory(path, failed) ? path : path.parent_path();
    const json config = read_json(folder / "config.json");
    const auto type = config.find("model_type");
    return type != config.end() && type->is_string() ? type->get<std::string>() : std::string();
  } catch (const ModelRefusal&) {
    return {};
  }
}

}  // namespace limelight::stages

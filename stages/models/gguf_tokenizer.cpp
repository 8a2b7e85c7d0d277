#include <algorithm>
#include <set>
#include <unordered_map>

#include "stages/models/gguf_metadata.hpp"
#include "stages/models/refusal.hpp"

namespace limelight::stages {

namespace {

// Types of tokens in GGUF.
constexpr double unknown_type = 2, control_type = 3, user_type = 4, unused_type = 5, byte_type = 6;

// Keys below "tokenizer." that change nothing here.
const std::set<std::string_view> harmless_tokenizer_keys{
    "chat_templates",  // names of further templates, for other uses
    "chat_template.default",
    "chat_template.rag",
    "chat_template.tool_use",
    "ggml.add_sep_token",
    "ggml.cls_token_id",
    "ggml.fim_mid_token_id",
    "ggml.fim_pad_token_id",
    "ggml.fim_pre_token_id",
    "ggml.fim_rep_token_id",
    "ggml.fim_sep_token_id",
    "ggml.fim_suf_token_id",
    "ggml.mask_token_id",
    "ggml.merges",  // beside scores
    "ggml.middle_token_id",
    "ggml.pre",  // beside scores
    "ggml.prefix_token_id",
    "ggml.scores",  // beside merges
    "ggml.seperator_token_id",
    "ggml.suffix_token_id",
    "ggml.token_type_count",
    "huggingface.json",
};

void by_bytes(const GgufMetadata& metadata, TokenizerSpec& t) {
  const auto* merges = metadata.find<std::vector<std::string_view>>("tokenizer.ggml.merges");
  if (merges == nullptr)
    refuse(metadata.file(), "found no merges, expected the metadata's key 'tokenizer.ggml.merges'");
  t.merges.assign(merges->begin(), merges->end());
  t.byte_level = true;
  const auto* pre = metadata.find<std::string_view>("tokenizer.ggml.pre");
  if (auto set = set_pre_tokenizer(std::string(pre == nullptr ? "" : *pre), t); !set)
    refuse(metadata.file(), set.error().message, set.error().code);
  if (metadata.number("tokenizer.ggml.add_space_prefix").value_or(0) != 0)
    t.splits.insert(t.splits.begin(), {.kind = SplitStep::Kind::prefix_space});
}

void by_score(const GgufMetadata& metadata, TokenizerSpec& t) {
  const auto* scores = metadata.find<std::vector<double>>("tokenizer.ggml.scores");
  if (scores == nullptr || scores->size() != t.tokens.size())
    refuse(metadata.file(),
           "found no score for each token, expected the metadata's key 'tokenizer.ggml.scores'");
  t.model = TokenizerSpec::Model::by_score;
  t.scores.assign(scores->begin(), scores->end());
  t.byte_fallback = true;
  t.space_letter = "\u2581";
  const bool prefix = metadata.number("tokenizer.ggml.add_space_prefix").value_or(1) != 0;
  if (prefix) t.normalizer.push_back({.kind = NormalizerStep::Kind::prepend, .to = " "});
  t.strips_first_blank = prefix;
  t.normalizer.push_back(
      {.kind = NormalizerStep::Kind::replace, .from = " ", .to = t.space_letter});
}

// Texts of tokens are told apart; empty ones stand for none.
void check_tokens(const GgufMetadata& metadata, const std::vector<std::string>& tokens) {
  std::unordered_map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto [other, fresh] = known.emplace(tokens[i], i);
    if (!fresh && !tokens[i].empty())
      refuse(metadata.file(), "the metadata's key 'tokenizer.ggml.tokens': found '" +
                                  tokens[i].substr(0, 60) + "' as the tokens " +
                                  std::to_string(other->second) + " and " + std::to_string(i) +
                                  ", expected each text once");
  }
}

}  // namespace

TokenizerSpec gguf_tokenizer(const GgufMetadata& metadata) {
  const auto* kind = metadata.find<std::string_view>("tokenizer.ggml.model");
  if (kind == nullptr || (*kind != "gpt2" && *kind != "llama"))
    refuse(metadata.file(),
           "found tokenizer '" + std::string(kind == nullptr ? "" : kind->substr(0, 60)) +
               "', expected gpt2, which is byte-level BPE, or llama, which is SentencePiece's BPE",
           ErrorCode::unavailable);
  TokenizerSpec t;
  const auto* tokens = metadata.find<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  if (tokens == nullptr)
    refuse(metadata.file(), "found no tokens, expected the metadata's key 'tokenizer.ggml.tokens'");
  t.tokens.assign(tokens->begin(), tokens->end());
  t.special.resize(t.tokens.size());
  check_tokens(metadata, t.tokens);
  if (const auto* types = metadata.find<std::vector<double>>("tokenizer.ggml.token_type")) {
    if (types->size() != t.tokens.size())
      refuse(metadata.file(), "the metadata's key 'tokenizer.ggml.token_type': found " +
                                  std::to_string(types->size()) + " types, expected one for each " +
                                  "of the " + std::to_string(t.tokens.size()) + " tokens");
    for (std::size_t i = 0; i < t.tokens.size(); ++i) {
      const double type = (*types)[i];
      const bool special = type == control_type || type == unknown_type;
      if (type == byte_type || type == unused_type || (!special && type != user_type)) continue;
      t.special[i] = special;
      t.added.push_back({.id = static_cast<int>(i), .content = t.tokens[i], .special = special});
    }
  }
  if (*kind == "gpt2") by_bytes(metadata, t);
  else by_score(metadata, t);
  const auto id = [&](const std::string& key) {
    const int found = metadata.whole(key).value_or(-1);
    if (found >= static_cast<int>(t.tokens.size()))
      refuse(metadata.file(), "the metadata's key '" + key + "': found " + std::to_string(found) +
                                  ", expected a token, below " + std::to_string(t.tokens.size()));
    return found;
  };
  for (const char* name : {"bos", "eos", "unknown", "padding"})
    if (const int token = id(std::string("tokenizer.ggml.") + name + "_token_id"); token >= 0)
      t.names[name == std::string("unknown")   ? "unk_token"
              : name == std::string("padding") ? "pad_token"
                                               : std::string(name) + "_token"] =
          t.tokens[static_cast<std::size_t>(token)];
  t.bos = id("tokenizer.ggml.bos_token_id");
  t.eos = id("tokenizer.ggml.eos_token_id");
  for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
    if (const int end = id(key); end >= 0) t.more_ends.push_back(end);
  // What holds without the key is a rule of llama.cpp's.
  const bool usual_bos = *kind == "llama" || t.whole_words_first;
  const bool adds_bos =
      metadata.number("tokenizer.ggml.add_bos_token").value_or(usual_bos ? 1 : 0) != 0;
  const auto needed = [&](const char* name, int token) -> std::vector<int> {
    if (token < 0)
      refuse(metadata.file(), std::string("the metadata's key 'tokenizer.ggml.") + name +
                                  "_token_id': found nothing, expected the token that is put "
                                  "beside every text");
    return {token};
  };
  if (adds_bos) t.prefix = needed("bos", t.bos);
  if (metadata.number("tokenizer.ggml.add_eos_token").value_or(0) != 0)
    t.suffix = needed("eos", t.eos);
  if (const auto* chat = metadata.find<std::string_view>("tokenizer.chat_template"))
    t.chat_template = *chat;
  metadata.refuse_others("tokenizer.", harmless_tokenizer_keys);
  return t;
}

Result<void> set_pre_tokenizer(const std::string& name, TokenizerSpec& spec) {
  const auto newer = [](const char* digits) {
    return std::string(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)") + digits +
           R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  };
  if (name == "gpt-2" || name == "gpt2") spec.splits = {{.pattern = gpt2_split}};
  else if (name == "default" || name.empty())  // what llama.cpp does where a file does not say
    spec.splits = {{.pattern = R"([\p{P}$+<=>^~|]+)"},
                   {.pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
                               R"(\s+(?!\S))"},
                   {.pattern = R"(\p{N}+)"},
                   {.pattern = "[0-9][0-9][0-9]"}};
  else if (name == "smollm") spec.splits = {{.pattern = R"(\p{N})"}, {.pattern = gpt2_split}};
  else if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
    spec.splits = {{.pattern = newer(R"(\p{N}{1,3})")}};
    spec.whole_words_first = true;
  } else if (name == "smaug-bpe") spec.splits = {{.pattern = newer(R"(\p{N}{1,3})")}};
  else if (name == "qwen2") spec.splits = {{.pattern = newer(R"(\p{N})")}};
  else
    return Error{ErrorCode::unavailable,
                 "found pre-tokenizer '" + name +
                     "', expected gpt-2, smollm, llama-bpe, smaug-bpe or qwen2"};
  return {};
}

}  // namespace limelight::stages

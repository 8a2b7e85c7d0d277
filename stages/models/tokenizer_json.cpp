// Reads tokenizer.json, in the format of Hugging Face's tokenizers, and tokenizer_config.json.
// Every part is obeyed or refused by name.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "stages/models/hf_files.hpp"
#include "stages/models/oniguruma.hpp"
#include "stages/models/tokenizer_parts.hpp"
#include "stages/models/unicode_ranges.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// A score as the reference has it. Its reader (serde_json) takes the digits for a whole number and
// divides by a power of ten, which rounds twice: where two ways through a word are equally good,
// the last bit decides.
double score_of(const json& number) {
  const std::string text = number.dump();
  std::uint64_t digits = 0;
  int exponent = 0;
  bool behind_point = false;
  std::size_t at = text.front() == '-' ? 1 : 0;
  for (; at < text.size() && (text[at] == '.' || (text[at] >= '0' && text[at] <= '9')); ++at) {
    if (text[at] == '.') behind_point = true;
    else {
      digits = 10 * digits + static_cast<std::uint64_t>(text[at] - '0');
      exponent -= behind_point ? 1 : 0;
    }
  }
  if (at < text.size()) exponent += std::atoi(text.c_str() + at + 1);  // behind an e
  const double power = std::pow(10.0, std::abs(exponent));
  const double value =
      exponent < 0 ? static_cast<double>(digits) / power : static_cast<double>(digits) * power;
  return text.front() == '-' ? -value : value;
}

struct TokenizerReader : TokenizerParts {
  TokenizerReader(const fs::path& file, int vocab_size) : TokenizerParts{file}, vocab(vocab_size) {}
  int vocab;  // of the network
  TokenizerSpec t = {};

  void normalizer(const json& all) {
    using Kind = NormalizerStep::Kind;
    static const std::map<std::string, Kind> plain{{"NFC", Kind::nfc},
                                                   {"NFD", Kind::nfd},
                                                   {"NFKC", Kind::nfkc},
                                                   {"NFKD", Kind::nfkd},
                                                   {"Lowercase", Kind::lowercase}};
    for (const json& one : parts_of(all, "normalizers")) {
      const std::string kind = kind_of(
          "the normalizer", one, {"prepend", "pattern", "content", "strip_left", "strip_right"});
      if (const auto known = plain.find(kind); known != plain.end())
        t.normalizer.push_back({.kind = known->second});
      else if (kind == "Prepend") {
        t.normalizer.push_back({.kind = Kind::prepend, .to = text_of("Prepend", one, "prepend")});
        // With empty ones the reference loses count of what it has changed, and fails or repeats
        // characters.
        if (t.normalizer.back().to.empty()) unknown("the normalizer", one, "a text to prepend");
      } else if (kind == "Replace") {
        bool literal = false;
        const std::string from = pattern_of("Replace", one, literal);
        if (from.empty()) unknown("the normalizer", one, "a pattern that is not empty");
        t.normalizer.push_back({.kind = literal ? Kind::replace : Kind::replace_regex,
                                .from = from,
                                .to = text_of("Replace", one, "content")});
      } else if (kind == "Strip" && truth(one, "strip_left", true) &&
                 truth(one, "strip_right", true))
        t.normalizer.push_back({.kind = Kind::strip});
      else
        unknown("the normalizer", one,
                "NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip or a Sequence of them");
    }
  }

  SplitStep::Behavior behavior_of(const json& one) {
    using Behavior = SplitStep::Behavior;
    static const std::map<std::string, Behavior> known{
        {"Removed", Behavior::removed},
        {"Isolated", Behavior::isolated},
        {"MergedWithPrevious", Behavior::merged_with_previous},
        {"MergedWithNext", Behavior::merged_with_next},
        {"Contiguous", Behavior::contiguous}};
    const json name = one.value("behavior", json());
    const auto at = name.is_string() ? known.find(name.get<std::string>()) : known.end();
    if (at == known.end())
      unknown("the pre-tokenizer's behavior", name,
              "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    return at->second;
  }

  void metaspace(const json& one) {
    SplitStep step{.kind = SplitStep::Kind::metaspace,
                   .replacement = text_of("Metaspace", one, "replacement"),
                   .split = truth(one, "split", true)};
    const std::string scheme = prepend_scheme(one);
    if (scheme == "always") step.prepend = SplitStep::Prepend::always;
    else if (scheme == "first") step.prepend = SplitStep::Prepend::first;
    else if (scheme != "never") unknown("Metaspace", one, "prepend_scheme always, first or never");
    if (step.replacement.empty()) unknown("Metaspace", one, "a replacement");
    t.splits.push_back(std::move(step));
  }

  void pre_tokenizer(const json& all) {
    using Behavior = SplitStep::Behavior;
    for (const json& one : parts_of(all, "pretokenizers")) {
      const std::string kind = kind_of(
          "the pre-tokenizer", one,
          {"pattern", "behavior", "invert", "individual_digits", "add_prefix_space", "trim_offsets",
           "use_regex", "replacement", "prepend_scheme", "split", "str_rep"});
      if (t.byte_level)
        unknown("the pre-tokenizer behind ByteLevel", one, "none: it would see letters of bytes");
      const auto split = [&](std::string pattern, Behavior behavior) {
        t.splits.push_back({.pattern = std::move(pattern), .behavior = behavior});
      };
      const auto ready = [&](std::string pattern, Behavior behavior) {
        split(std::move(pattern), behavior);
        t.splits.back().pattern_is_ready = true;
      };
      if (kind == "Split") {
        bool literal = false;
        const std::string pattern = pattern_of("Split", one, literal);
        if (literal && pattern.empty()) unknown("the pre-tokenizer", one, "a pattern");
        t.splits.push_back({.pattern = literal ? escaped(pattern) : pattern,
                            .behavior = behavior_of(one),
                            .invert = truth(one, "invert", false)});
      } else if (kind == "Digits")
        ready(std::string(R"([\p{N})") + newer_numeric + "]",
              truth(one, "individual_digits", false) ? Behavior::isolated : Behavior::contiguous);
      else if (kind == "Whitespace") {
        const std::string word = std::string(rust_word) + newer_word;
        ready("[" + word + "]+|[^" + word + blank_of_patterns + "]+", Behavior::removed);
        t.splits.back().invert = true;
      } else if (kind == "WhitespaceSplit") split(R"(\s)", Behavior::removed);
      else if (kind == "Punctuation")
        ready(std::string("[!-/:-@\\[-`{-~") + older_punctuation + "]|(?![" + newer_punctuation +
                  R"(])\p{P})",
              behavior_of(one));
      else if (kind == "Metaspace") metaspace(one);
      else if (kind == "ByteLevel") {
        if (truth(one, "add_prefix_space", true))
          t.splits.push_back({.kind = SplitStep::Kind::prefix_space});
        if (truth(one, "use_regex", true)) t.splits.push_back({.pattern = gpt2_split});
        t.byte_level = true;
      } else
        unknown("the pre-tokenizer", one,
                "Split, Digits, Whitespace, WhitespaceSplit, Punctuation, Metaspace, ByteLevel or "
                "a Sequence of them");
    }
  }

  // Which text is the first one the reference tells by what the normalizer has changed in it.
  void check_first() const {
    using Kind = NormalizerStep::Kind;
    const auto whole = [](const NormalizerStep& step) { return step.kind <= Kind::lowercase; };
    for (const SplitStep& step : t.splits)
      if (step.prepend == SplitStep::Prepend::first &&
          !std::all_of(t.normalizer.begin(), t.normalizer.end(), whole))
        unknown("Metaspace, key 'prepend_scheme'", "first",
                "always or never behind a normalizer that takes text away or puts some in");
  }

  void put(const json& id, const std::string& token) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocab))
      refuse(path, "token '" + token.substr(0, 60) + "': found id " + id.dump().substr(0, 30) +
                       ", expected an id below vocab_size (" + std::to_string(vocab) + ")");
    const auto at = id.get<std::size_t>();
    if (at >= t.tokens.size()) t.tokens.resize(at + 1);
    t.tokens[at] = token;
  }

  void merges(const json& list) {
    for (const json& merge : list) {
      const bool pair =
          merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
      const auto blanks = [](const json& text) {
        const auto& written = text.get_ref<const std::string&>();
        return std::count(written.begin(), written.end(), ' ');
      };
      if (merge.is_string() && blanks(merge) == 1) t.merges.push_back(merge);
      else if (pair && blanks(merge[0]) == 0)
        t.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
      else
        refuse(path, "found a merge " + merge.dump().substr(0, 60) +
                         ", expected two tokens, the first one without blanks");
    }
  }

  void bpe(const json& model) {
    for (const char* absent : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
      if (const json value = model.value(absent, json());
          !value.is_null() && value != json("") && value != 0)
        unknown(std::string("key 'model.") + absent + "'", value, "none");
    if (!model.contains("vocab") || !model["vocab"].is_object() || !model.contains("merges") ||
        !model["merges"].is_array())
      refuse(path, "key 'model': expected a BPE model with the keys 'vocab' and 'merges'");
    for (const auto& [token, id] : model["vocab"].items()) put(id, token);
    merges(model["merges"]);
    t.whole_words_first = truth(model, "ignore_merges", false);
    t.fuse_unknown = truth(model, "fuse_unk", false);
    const json unk = model.value("unk_token", json());
    if (!unk.is_string()) return;
    const auto at = model["vocab"].find(unk.get<std::string>());
    if (at == model["vocab"].end())
      unknown("key 'model.unk_token'", unk, "a token of the vocabulary");
    t.unknown = at->get<int>();
  }

  void unigram(const json& model) {
    t.model = TokenizerSpec::Model::unigram;
    const json vocab_list = model.value("vocab", json());
    if (!vocab_list.is_array())
      refuse(path, "key 'model.vocab': expected a list of tokens with scores");
    for (const json& entry : vocab_list) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
        refuse(path, "key 'model.vocab': found " + entry.dump().substr(0, 60) +
                         ", expected a token and its score");
      put(t.scores.size(), entry[0]);
      t.scores.push_back(score_of(entry[1]));
    }
    t.fuse_unknown = true;
    if (const json unk = model.value("unk_id", json());
        unk.is_number_unsigned() && unk.get<std::size_t>() < t.tokens.size())
      t.unknown = unk.get<int>();
    else if (!unk.is_null()) unknown("key 'model.unk_id'", unk, "a token of the vocabulary");
  }

  void model(const json& model) {
    const std::string kind = model.is_object() ? model.value("type", "BPE") : "";
    for (const auto& [key, value] : model.items())
      if (static const std::set<std::string> known{
              "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
              "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges", "unk_id"};
          !known.contains(key))
        unknown("key 'model." + key.substr(0, 60) + "'", value, "no such key");
    if (kind == "BPE") bpe(model);
    else if (kind == "Unigram") unigram(model);
    else unknown("key 'model.type'", model.value("type", json()), "BPE or Unigram");
    t.byte_fallback = truth(model, "byte_fallback", false);
  }

  // With some of them alone the reference decides by what stands beside a character, and where.
  void check_bytes() {
    int found = 0;
    for (const std::string& token : t.tokens)
      found += token.size() == 6 && token.starts_with("<0x") && token.back() == '>' ? 1 : 0;
    if (t.byte_fallback && found != 0 && found != 256)
      unknown("key 'model.byte_fallback'", found, "256 tokens from <0x00> to <0xFF>, or none");
  }

  void added_tokens(const json& list) {
    for (const json& one : list.is_array() ? list : json::array()) {
      if (!one.is_object() || !one.contains("id") || !one.contains("content") ||
          !one["content"].is_string())
        refuse(path, "key 'added_tokens': found " + one.dump().substr(0, 60) +
                         ", expected an id and a content");
      const std::string content = one["content"];
      const bool in_model = one["id"].is_number_unsigned() &&
                            one["id"].get<std::uint64_t>() < t.tokens.size() &&
                            t.tokens[one["id"].get<std::size_t>()] == content;
      put(one["id"], content);
      t.added.push_back({.id = one["id"].get<int>(),
                         .content = one["content"],
                         .special = truth(one, "special", false),
                         .normalized = truth(one, "normalized", true),
                         .single_word = truth(one, "single_word", false),
                         .left_strip = truth(one, "lstrip", false),
                         .right_strip = truth(one, "rstrip", false),
                         .in_model = in_model});
    }
    t.special.resize(t.tokens.size());
    for (const AddedToken& token : t.added)
      t.special[static_cast<std::size_t>(token.id)] = token.special;
  }

  void post_processor(const json& all) {
    for (const json& one : parts_of(all, "processors")) {
      const std::string kind = kind_of(
          "the post-processor", one,
          {"single", "pair", "special_tokens", "add_prefix_space", "trim_offsets", "use_regex"});
      if (kind == "ByteLevel") continue;  // it moves offsets alone
      if (kind != "TemplateProcessing")
        unknown("the post-processor", one, "TemplateProcessing, ByteLevel or a Sequence of them");
      // What it puts its tokens around is for the reference a pair of texts, or too many.
      if (!t.prefix.empty() || !t.suffix.empty())
        unknown("the post-processor", one, "one TemplateProcessing with tokens, not two");
      std::vector<int> before, after;
      bool behind = false;
      for (const json& piece : one.value("single", json::array())) {
        if (piece.contains("Sequence")) {
          const json& sequence = piece["Sequence"];
          if (behind || !sequence.is_object() || sequence.value("id", json("A")) != "A")
            unknown("the post-processor", one["single"], "the sequence A, once");
          behind = true;
          continue;
        }
        const json name = piece.value("SpecialToken", json::object()).value("id", json());
        const json known = one.value("special_tokens", json::object());
        if (!name.is_string() || !known.contains(name.get<std::string>()))
          unknown("the post-processor", piece, "a sequence or a token of special_tokens");
        for (const json& id : known[name.get<std::string>()].value("ids", json::array())) {
          if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= t.tokens.size())
            unknown("the post-processor", id, "a token of the vocabulary");
          (behind ? after : before).push_back(id.get<int>());
        }
      }
      if (!behind) unknown("the post-processor", one, "the sequence A in 'single'");
      t.prefix = std::move(before);
      t.suffix = std::move(after);
    }
  }

  TokenizerSpec read(const json& all) {
    for (const auto& [key, value] : all.items())
      if (static const std::set<std::string> known{"version", "truncation", "padding",
                                                   "added_tokens", "normalizer", "pre_tokenizer",
                                                   "post_processor", "decoder", "model"};
          !known.contains(key))
        unknown("key '" + key.substr(0, 60) + "'", value, "no such key");
    if (!all.contains("model") || !all["model"].is_object())
      refuse(path, "key 'model': found nothing, expected a model with a vocabulary");
    model(all["model"]);
    check_bytes();
    added_tokens(all.value("added_tokens", json::array()));
    normalizer(all.value("normalizer", json()));
    pre_tokenizer(all.value("pre_tokenizer", json()));
    check_first();
    post_processor(all.value("post_processor", json()));
    read_decoder(*this, all.value("decoder", json()), t);
    return std::move(t);
  }
};

// The value of the key chat_template in tokenizer_config.json, where older models have it: a text,
// or a list of named texts, of which the one named "default" is taken.
std::string chat_template_of(const json& value) {
  if (value.is_string()) return value;
  for (const json& named : value.is_array() ? value : json::array())
    if (named.is_object() && named.value("name", json()) == "default" &&
        named.value("template", json()).is_string())
      return named["template"];
  return "";
}

}  // namespace

TokenizerSpec read_tokenizer(const fs::path& folder, int vocab) {
  std::error_code failed;
  const bool whole =
      fs::exists(folder / "tokenizer.json", failed) || !fs::exists(folder / "merges.txt", failed);
  const fs::path path = folder / (whole ? "tokenizer.json" : "vocab.json");
  TokenizerSpec t =
      TokenizerReader(path, vocab).read(whole ? read_json(path) : tokenizer_of_vocabulary(folder));
  if (fs::exists(folder / "chat_template.jinja", failed))
    t.chat_template = read_text(folder / "chat_template.jinja");
  if (!fs::exists(folder / "tokenizer_config.json", failed)) return t;
  const json config = read_json(folder / "tokenizer_config.json");
  for (const auto& [key, value] : config.items()) {
    if (!key.ends_with("_token")) continue;
    if (value.is_string()) t.names[key] = value;
    else if (value.is_object() && value.value("content", json()).is_string())
      t.names[key] = value["content"];
  }
  const auto id_of = [&](const char* key) {
    const auto named = t.names.find(key);
    if (named == t.names.end()) return -1;
    const auto at = std::find(t.tokens.begin(), t.tokens.end(), named->second);
    return at == t.tokens.end() ? -1 : static_cast<int>(at - t.tokens.begin());
  };
  t.bos = id_of("bos_token");
  t.eos = id_of("eos_token");
  // Where the file has one of these, it decides on what is around a text, as in transformers 5.
  if (config.contains("add_bos_token") || config.contains("add_eos_token")) {
    const auto around = [&](const char* key, const char* name, int token) -> std::vector<int> {
      const json value = config.value(key, json(false));
      if (value.is_null() || value == false || !t.names.contains(name)) return {};
      if (value != true || token < 0)
        refuse(folder / "tokenizer_config.json",
               std::string("key '") + key + "': found " + value.dump().substr(0, 60) +
                   ", expected true or false, and true only with a token of the vocabulary");
      return {token};
    };
    t.prefix = around("add_bos_token", "bos_token", t.bos);
    t.suffix = around("add_eos_token", "eos_token", t.eos);
  }
  if (t.chat_template.empty())
    t.chat_template = chat_template_of(config.value("chat_template", json()));
  return t;
}

}  // namespace limelight::stages

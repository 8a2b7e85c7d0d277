// A tokenizer as a model's file states it: the steps from text to tokens, in the order of Hugging
// Face's tokenizers, whose names they have. Plain values.
//
//   text -> added tokens are cut out -> normalizer -> pre-tokenizer (pieces) -> model (tokens)
//
// Around the tokens of a whole text come those of the post-processor.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace limelight::stages {

// A token that is found in the text before anything else, by its content.
struct AddedToken {
  int id = 0;
  std::string content;
  bool special = false;     // structure, not text: it has no bytes in an answer
  bool normalized = false;  // it is looked for in the normalised text
  bool single_word = false;
  bool left_strip = false, right_strip = false;  // it takes the blanks beside it
  bool in_model = false;                         // words can become it as well
};

struct NormalizerStep {
  enum class Kind {
    nfc,
    nfd,
    nfkc,
    nfkd,
    lowercase,
    strip,          // blanks at both ends
    prepend,        // `to`, unless the text is empty
    replace,        // `from` by `to`
    replace_regex,  // each match of `from` by `to`
  } kind;
  std::string from = {}, to = {};
};

struct SplitStep {
  enum class Kind { pattern, metaspace, prefix_space } kind = Kind::pattern;
  // pattern: a regular expression, whose matches become ...
  std::string pattern = {};
  bool pattern_is_ready = false;  // it is one for PCRE2, not as files have it
  enum class Behavior {
    removed,
    isolated,
    merged_with_previous,
    merged_with_next,
    contiguous
  } behavior = Behavior::isolated;
  bool invert = false;  // what lies between the matches takes their place
  // metaspace: blanks become `replacement`, one is put before the text, and pieces begin at them.
  std::string replacement = {};
  enum class Prepend { never, first, always } prepend = Prepend::never;
  bool split = true;
};

// How GPT-2 cuts text.
inline constexpr const char* gpt2_split =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct TokenizerSpec {
  std::vector<std::string> tokens;  // by id, as the file writes them
  std::vector<bool> special;        // by id
  std::vector<AddedToken> added;
  std::vector<NormalizerStep> normalizer;
  std::vector<SplitStep> splits;
  bool byte_level = false;  // each byte of a piece is a letter of GPT-2's alphabet

  // merges: byte-pair encoding by a list; by_score: by the scores of what is merged, as
  // SentencePiece has it; unigram: the pieces with the largest sum of scores.
  enum class Model { merges, by_score, unigram } model = Model::merges;
  std::vector<std::string> merges;  // "left right", highest priority first
  std::vector<double> scores;       // by id
  bool whole_words_first = false;   // a piece that is a token is not built from merges
  bool byte_fallback = false;       // unknown characters become the tokens <0x00> to <0xFF>
  int unknown = -1;                 // their token otherwise; -1: they are left out
  bool fuse_unknown = false;        // several in a row are one token

  std::vector<int> prefix, suffix;  // around a text
  std::string space_letter;         // stands for a blank in tokens; empty: none does
  bool strips_first_blank = false;  // an answer begins after its first blank
  bool strips_first_token = false;  // its first token loses all space_letters

  int bos = -1, eos = -1;
  std::vector<int> more_ends;  // other tokens that end an answer
  // What templates call tokens by, such as bos_token.
  std::map<std::string, std::string> names;
  std::string chat_template;
};

}  // namespace limelight::stages

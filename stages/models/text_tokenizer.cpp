// The tokenizer of a published model: the steps of tokenizer_spec.hpp, put together.
#include <algorithm>

#include "base/try.hpp"
#include "stages/models/added_tokens.hpp"
#include "stages/models/byte_letters.hpp"
#include "stages/models/characters.hpp"
#include "stages/models/chat_prompt.hpp"
#include "stages/models/piece_model.hpp"
#include "stages/models/regex.hpp"
#include "stages/models/text_normalizer.hpp"
#include "stages/models/text_splitter.hpp"
#include "stages/models/tokenizer.hpp"
#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

namespace {

class TextTokenizer final : public Tokenizer {
 public:
  TextTokenizer(const TokenizerSpec& spec,
                TextNormalizer normalizer,
                TextSplitter splitter,
                std::unique_ptr<PieceModel> model)
      : normalizer_(std::move(normalizer)),
        splitter_(std::move(splitter)),
        model_(std::move(model)),
        raw_(added(spec, Pass::raw)),
        in_template_(added(spec, Pass::in_template)),
        normalized_(added(spec, Pass::normalized)),
        chat_(spec),
        prefix_(spec.prefix),
        suffix_(spec.suffix),
        strips_first_blank_(spec.strips_first_blank),
        strips_first_token_(spec.strips_first_token) {
    learn_bytes(spec);
    learn_ends(spec);
  }

  std::vector<int> encode(std::string_view text) const override {
    std::vector<int> tokens;
    encode(text, false, tokens);
    return tokens;
  }

  Result<std::vector<int>> encode_prompt(std::string_view prompt) const override {
    const Message message{"user", std::string(prompt)};
    return chat_.has_template() ? encode_messages({&message, 1}) : encode_plain(prompt);
  }
  Result<std::vector<int>> encode_plain(std::string_view prompt) const override {
    std::vector<int> tokens = prefix_;
    try {
      encode(prompt, false, tokens);
    } catch (const MatchFailed& failed) {
      return Error{ErrorCode::too_large, failed.message};
    }
    tokens.insert(tokens.end(), suffix_.begin(), suffix_.end());
    return tokens;
  }

  Result<std::vector<int>> encode_messages(std::span<const Message> messages) const override {
    LIMELIGHT_TRY(check(messages));
    auto rendered = chat_.render(messages);
    if (!rendered) return rendered.error();
    std::vector<int> tokens;
    try {
      encode(rendered->text, true, tokens, rendered->mark);
    } catch (const MatchFailed& failed) {
      return Error{ErrorCode::too_large, failed.message};
    }
    return tokens;
  }

  std::string bytes(int token) const override {
    const auto at = static_cast<std::size_t>(token);
    return token < 0 || at >= bytes_.size() ? "" : bytes_[at];
  }
  std::string first_bytes(int token) const override {
    std::string own = bytes(token);
    if (!strips_first_token_) return own;
    if (const auto at = with_blanks_.find(token); at != with_blanks_.end()) return at->second;
    std::erase(own, ' ');
    return own;
  }
  const std::vector<int>& ends() const override { return ends_; }
  bool strips_first_blank() const override { return strips_first_blank_; }

 private:
  // In which text a token is looked for: as it is written, then in what is left of it when it has
  // been normalised. A special token is looked for as it is written where it may be one, which is
  // in a template, or a user's text could become one by its normalisation.
  enum class Pass { raw, in_template, normalized };
  AddedTokens added(const TokenizerSpec& spec, Pass pass) const {
    std::vector<AddedToken> some;
    for (AddedToken token : spec.added) {
      const bool wanted = pass == Pass::normalized
                              ? token.normalized
                              : !token.normalized || (pass == Pass::in_template && token.special);
      if (!wanted) continue;
      if (pass == Pass::normalized) token.content = normalizer_(token.content);
      some.push_back(std::move(token));
    }
    return AddedTokens(std::move(some));
  }

  // special: tokens of that kind in the text are tokens. mark: a text that is taken out.
  void encode(std::string_view text,
              bool special,
              std::vector<int>& tokens,
              std::string_view mark = {}) const {
    for (const AddedTokens::Part& part : (special ? in_template_ : raw_).cut(text, special)) {
      if (part.id >= 0) {
        tokens.push_back(part.id);
        continue;
      }
      std::string own = mark.empty() ? std::string(part.text) : replaced(part.text, mark, "");
      const bool begins = part.text.data() == text.data();
      encode_normalized(normalizer_(std::move(own)), begins, tokens);
    }
  }

  void encode_normalized(std::string text, bool begins, std::vector<int>& tokens) const {
    if (normalized_.empty()) return encode_pieces(std::move(text), begins, tokens);
    for (const AddedTokens::Part& part : normalized_.cut(text, false)) {
      const bool first = begins && part.text.data() == text.data();
      if (part.id >= 0) tokens.push_back(part.id);
      else encode_pieces(std::string(part.text), first, tokens);
    }
  }

  void encode_pieces(std::string text, bool first, std::vector<int>& tokens) const {
    if (text.empty()) return;  // the normalizer has left nothing, and nothing is put before it
    for (const std::string& piece : splitter_(std::move(text), first))
      model_->encode(piece, tokens);
  }

  void learn_bytes(const TokenizerSpec& spec) {
    for (std::size_t id = 0; id < spec.tokens.size(); ++id)
      bytes_.push_back(bytes_of(spec, spec.tokens[id]));
    for (const AddedToken& token : spec.added) {
      const auto at = static_cast<std::size_t>(token.id);
      if (at >= bytes_.size()) bytes_.resize(at + 1);
      bytes_[at] = spec.byte_level || spec.space_letter.empty()
                       ? token.content
                       : replaced(token.content, spec.space_letter, " ");
    }
    if (strips_first_token_)
      for (const AddedToken& token : spec.added)
        if (token.content.find(' ') != std::string::npos)
          with_blanks_[token.id] = replaced(token.content, spec.space_letter, "");
    for (std::size_t id = 0; id < std::min(bytes_.size(), spec.special.size()); ++id)
      if (spec.special[id]) bytes_[id].clear();
  }

  static std::string bytes_of(const TokenizerSpec& spec, const std::string& token) {
    if (spec.byte_level) return bytes_of_letters(token);
    unsigned byte = 0;
    if (spec.byte_fallback && token.size() == 6 && token.back() == '>' &&
        std::sscanf(token.c_str(), "<0x%2X>", &byte) == 1)
      return {static_cast<char>(byte)};
    if (spec.space_letter.empty()) return token;
    return replaced(token, spec.space_letter, " ");
  }

  // The tokens that the files name, and, since some name one of several, those by which published
  // templates end a message.
  void learn_ends(const TokenizerSpec& spec) {
    const auto add = [this](int id) {
      if (id >= 0 && !Tokenizer::ends(id)) ends_.push_back(id);
    };
    add(spec.eos);
    for (const char* name : {"<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end_of_text|>"})
      for (const AddedToken& token : spec.added)
        if (token.special && token.content == name) add(token.id);
    for (const int id : spec.more_ends) add(id);
  }

  TextNormalizer normalizer_;
  TextSplitter splitter_;
  std::unique_ptr<PieceModel> model_;
  AddedTokens raw_, in_template_, normalized_;
  ChatPrompt chat_;
  std::vector<int> prefix_, suffix_, ends_;
  bool strips_first_blank_, strips_first_token_;
  std::unordered_map<int, std::string>
      with_blanks_;  // first bytes of tokens with blanks of their own
  std::vector<std::string> bytes_;
};

// Each token that is looked for in the normalised text is another text there than the others.
Result<void> check_added(const std::vector<AddedToken>& added, const TextNormalizer& normalizer) {
  std::map<std::string, int> found;
  for (const AddedToken& token : added) {
    if (!token.normalized || token.content.empty()) continue;
    const std::string text = normalizer(token.content);
    const auto [other, fresh] = found.emplace(text, token.id);
    if (!text.empty() && (fresh || other->second == token.id)) continue;
    return Error{
        ErrorCode::unavailable,
        "added token " + std::to_string(token.id) + ": found the content '" +
            token.content.substr(0, 60) + "', of which the normalizer makes " +
            (text.empty() ? "nothing" : "the same as of token " + std::to_string(other->second)) +
            ", expected a text that can be found"};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const TokenizerSpec& spec) {
  auto normalizer = TextNormalizer::make(spec.normalizer);
  if (!normalizer) return normalizer.error();
  auto splitter = TextSplitter::make(spec.splits);
  if (!splitter) return splitter.error();
  LIMELIGHT_TRY(check_added(spec.added, *normalizer));
  auto model =
      spec.model == TokenizerSpec::Model::unigram ? make_unigram_model(spec) : make_bpe_model(spec);
  if (!model) return model.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<TextTokenizer>(
      spec, std::move(normalizer).value(), std::move(splitter).value(), std::move(model).value()));
}

}  // namespace limelight::stages

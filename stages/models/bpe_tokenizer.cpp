// Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019). Regular expressions split the text
// into pieces. Each byte of a piece becomes a letter of an alphabet of 256, and each letter a
// token. Then neighbouring tokens are merged, the merge with the highest priority first.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <queue>
#include <unordered_map>

#include "base/try.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/tokenizer.hpp"

namespace limelight::stages {

namespace {

// GPT-2's alphabet: printable bytes of Latin-1 are their own letters, the others are U+0100 and up,
// in order.
std::array<std::string, 256> make_alphabet() {
  std::array<std::string, 256> letters;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const int point = printable ? byte : next++;
    std::string& letter = letters[static_cast<std::size_t>(byte)];
    if (point < 0x80) letter = static_cast<char>(point);
    else {
      letter = static_cast<char>(0xc0 | point >> 6);
      letter += static_cast<char>(0x80 | (point & 0x3f));
    }
  }
  return letters;
}

class Pattern {
 public:
  Pattern(const std::string& text, std::string& error) {
    int number = 0;
    PCRE2_SIZE offset = 0;
    code_ =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &number, &offset, nullptr);
    if (code_ == nullptr) {
      unsigned char message[200];
      pcre2_get_error_message(number, message, sizeof message);
      error = "cannot compile the pattern '" + text.substr(0, 100) +
              "' of the pre-tokenizer: " + std::string(reinterpret_cast<const char*>(message)) +
              " at offset " + std::to_string(offset);
      return;
    }
    (void)pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
  }
  Pattern(Pattern&& other) noexcept : code_(std::exchange(other.code_, nullptr)) {}
  ~Pattern() { pcre2_code_free(code_); }

  // Appends each match, and each text between two matches, as a piece of its own.
  void split(std::string_view text, std::vector<std::string_view>& pieces) const {
    pcre2_match_data* match = pcre2_match_data_create_from_pattern(code_, nullptr);
    std::size_t at = 0, from = 0;
    while (from < text.size() &&
           pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                       PCRE2_NOTEMPTY, match, nullptr) > 0) {
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match);
      if (ends[0] > at) pieces.push_back(text.substr(at, ends[0] - at));
      pieces.push_back(text.substr(ends[0], ends[1] - ends[0]));
      at = from = ends[1];
    }
    if (at < text.size()) pieces.push_back(text.substr(at));
    pcre2_match_data_free(match);
  }

 private:
  pcre2_code* code_ = nullptr;
};

class BpeTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> make(const TokenizerSpec& spec) {
    auto made = std::make_unique<BpeTokenizer>();
    made->special_ = spec.special;
    made->whole_words_first_ = spec.whole_words_first;
    made->add_bos_ = spec.add_bos;
    made->bos_ = spec.bos;
    const std::array<std::string, 256> alphabet = make_alphabet();
    std::unordered_map<std::string, unsigned char> byte_of;
    for (std::size_t byte = 0; byte < 256; ++byte)
      byte_of[alphabet[byte]] = static_cast<unsigned char>(byte);
    for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
      made->ids_.emplace(spec.tokens[id], static_cast<int>(id));
      std::string bytes;
      const std::string& token = spec.tokens[id];
      for (std::size_t i = 0; i < token.size();) {
        const std::size_t length = static_cast<unsigned char>(token[i]) >= 0xc0 ? 2 : 1;
        const auto letter = byte_of.find(token.substr(i, length));
        if (letter == byte_of.end()) bytes += token.substr(i, 1), ++i;  // as in special tokens
        else bytes += static_cast<char>(letter->second), i += length;
      }
      made->bytes_.push_back(std::move(bytes));
    }
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto at = made->ids_.find(alphabet[byte]);
      made->letters_[byte] = at == made->ids_.end() ? -1 : at->second;
    }
    made->alphabet_ = alphabet;
    int rank = 0;
    for (const std::string& merge : spec.merges) {
      const auto space = merge.find(' ', 1);
      const auto id = [&](const std::string& token) {
        const auto at = made->ids_.find(token);
        return at == made->ids_.end() ? -1 : at->second;
      };
      const std::string left = merge.substr(0, space),
                        right = space == std::string::npos ? "" : merge.substr(space + 1);
      const int a = id(left), b = id(right), both = id(left + right);
      if (a < 0 || b < 0 || both < 0)
        return Error{ErrorCode::corrupt,
                     "merge " + std::to_string(rank) + " of the tokenizer: found '" +
                         merge.substr(0, 60) +
                         "', expected two tokens of the vocabulary whose union is a third"};
      made->merges_.emplace(key(a, b), Merge{rank++, both});
    }
    for (const std::string& split : spec.splits) {
      std::string error;
      made->splits_.emplace_back(split, error);
      if (!error.empty()) return Error{ErrorCode::unavailable, error};
    }
    made->learn_template(spec);
    return std::unique_ptr<Tokenizer>(std::move(made));
  }

  std::vector<int> encode_prompt(std::string_view prompt) const override {
    const Message message{"user", std::string(prompt)};
    if (family_ != Family::none) return render({&message, 1});
    std::vector<int> tokens = beginning();
    encode(prompt, tokens);
    return tokens;
  }

  Result<std::vector<int>> encode_messages(std::span<const Message> messages) const override {
    LIMELIGHT_TRY(check(messages));
    if (family_ == Family::none)
      return Error{ErrorCode::invalid_argument,
                   "messages: found a model " +
                       std::string(has_template_ ? "whose chat template is of another family"
                                                 : "without a chat template") +
                       ", expected a template like ChatML (<|im_start|>) or Llama 3 "
                       "(<|start_header_id|>); a prompt or prompt_token_ids need none"};
    return render(messages);
  }

  std::vector<int> encode(std::string_view text) const override {
    std::vector<int> tokens;
    encode(text, tokens);
    return tokens;
  }

  std::string bytes(int token) const override {
    const auto at = static_cast<std::size_t>(token);
    return token < 0 || at >= bytes_.size() || (at < special_.size() && special_[at]) ? ""
                                                                                      : bytes_[at];
  }
  const std::vector<int>& ends() const override { return ends_; }

 private:
  struct Merge {
    int rank, id;
  };
  // Of chat templates.
  enum class Family { none, chat_ml, llama3 };
  static std::uint64_t key(int a, int b) {
    return std::uint64_t{static_cast<std::uint32_t>(a)} << 32 | static_cast<std::uint32_t>(b);
  }
  int id_of(const char* token) const {
    const auto at = ids_.find(token);
    return at == ids_.end() ? -1 : at->second;
  }

  void encode(std::string_view text, std::vector<int>& tokens) const {
    std::vector<std::string_view> pieces{text}, finer;
    for (const Pattern& pattern : splits_) {
      finer.clear();
      for (const std::string_view piece : pieces) pattern.split(piece, finer);
      pieces.swap(finer);
    }
    for (const std::string_view piece : pieces) encode_piece(piece, tokens);
  }

  void encode_piece(std::string_view piece, std::vector<int>& tokens) const {
    if (piece.empty()) return;
    if (whole_words_first_) {
      std::string word;
      for (const char c : piece) word += alphabet_[static_cast<unsigned char>(c)];
      if (const auto at = ids_.find(word); at != ids_.end()) return tokens.push_back(at->second);
    }
    // The symbols form a linked list. The heap holds possible merges of neighbours; one that an
    // earlier merge made obsolete is skipped when it is popped.
    struct Symbol {
      int id, previous, next;
    };
    std::vector<Symbol> symbols;
    for (const char c : piece) {
      const int letter = letters_[static_cast<unsigned char>(c)];
      if (letter < 0) continue;  // the vocabulary has no token for this byte
      const int n = static_cast<int>(symbols.size());
      symbols.push_back({letter, n - 1, n + 1});
    }
    if (symbols.empty()) return;
    symbols.back().next = -1;
    struct Candidate {
      int rank, left, right, left_id, right_id, merged;
      bool operator<(const Candidate& other) const {
        return rank != other.rank ? rank > other.rank : left > other.left;
      }
    };
    std::priority_queue<Candidate> heap;
    const auto consider = [&](int left) {
      if (left < 0 || symbols[static_cast<std::size_t>(left)].next < 0) return;
      const Symbol& a = symbols[static_cast<std::size_t>(left)];
      const Symbol& b = symbols[static_cast<std::size_t>(a.next)];
      if (const auto merge = merges_.find(key(a.id, b.id)); merge != merges_.end())
        heap.push({merge->second.rank, left, a.next, a.id, b.id, merge->second.id});
    };
    for (int i = 0; i + 1 < static_cast<int>(symbols.size()); ++i) consider(i);
    while (!heap.empty()) {
      const Candidate best = heap.top();
      heap.pop();
      Symbol &a = symbols[static_cast<std::size_t>(best.left)],
             &b = symbols[static_cast<std::size_t>(best.right)];
      if (a.id != best.left_id || b.id != best.right_id || a.next != best.right) continue;
      a.id = best.merged;
      b.id = -1;
      a.next = b.next;
      if (b.next >= 0) symbols[static_cast<std::size_t>(b.next)].previous = best.left;
      consider(a.previous);
      consider(best.left);
    }
    for (int at = 0; at >= 0; at = symbols[static_cast<std::size_t>(at)].next)
      tokens.push_back(symbols[static_cast<std::size_t>(at)].id);
  }

  std::vector<int> beginning() const {
    return add_bos_ && bos_ >= 0 ? std::vector<int>{bos_} : std::vector<int>{};
  }

  // The messages in the texts and special tokens of the template, up to where the answer begins.
  // Text between two special tokens is split as a whole, wherever a message begins in it.
  std::vector<int> render(std::span<const Message> messages) const {
    std::vector<int> tokens = beginning();
    if (family_ == Family::chat_ml) {
      std::string between;
      const auto turn = [&](const std::string& role, const std::string& content) {
        encode(between, tokens);
        tokens.push_back(open_);
        encode(role + "\n" + content, tokens);
        tokens.push_back(close_);
        between = "\n";
      };
      if (!default_system_.empty() && messages.front().role != "system")
        turn("system", default_system_);
      for (const Message& message : messages) turn(message.role, message.content);
      encode(between, tokens);
      tokens.push_back(open_);
      encode("assistant\n", tokens);
      return tokens;
    }
    if (begin_ >= 0 && (tokens.empty() || tokens.back() != begin_)) tokens.push_back(begin_);
    const auto header = [&](const std::string& role) {
      tokens.push_back(open_);
      encode(role, tokens);
      tokens.push_back(open_end_);
    };
    for (const Message& message : messages) {
      header(message.role);
      encode("\n\n" + trimmed(message.content), tokens);
      tokens.push_back(close_);
    }
    header("assistant");
    encode("\n\n", tokens);
    return tokens;
  }
  // As Llama's template has it.
  static std::string trimmed(const std::string& text) {
    constexpr const char* space = " \t\r\n\f\v";
    const auto from = text.find_first_not_of(space);
    return from == std::string::npos ? ""
                                     : text.substr(from, text.find_last_not_of(space) + 1 - from);
  }

  // Chat templates are programs (Jinja), which are not run here. Those of two families are
  // recognised by their special tokens: ChatML (<|im_start|>) and Llama 3 (<|start_header_id|>).
  // Any other template is ignored: then a prompt is encoded alone, and messages are refused.
  void learn_template(const TokenizerSpec& spec) {
    const int im_start = id_of("<|im_start|>"), im_end = id_of("<|im_end|>"),
              header = id_of("<|start_header_id|>"), header_end = id_of("<|end_header_id|>"),
              eot = id_of("<|eot_id|>");
    const std::string& chat = spec.chat_template;
    has_template_ = !chat.empty();
    if (chat.find("<|im_start|>") != std::string::npos && im_start >= 0 && im_end >= 0) {
      family_ = Family::chat_ml;
      default_system_ = default_system(chat);
      open_ = im_start;
      close_ = im_end;
    } else if (chat.find("<|start_header_id|>") != std::string::npos && header >= 0 &&
               header_end >= 0 && eot >= 0) {
      family_ = Family::llama3;
      begin_ = id_of("<|begin_of_text|>");
      open_ = header;
      open_end_ = header_end;
      close_ = eot;
    }
    for (const int id : {spec.eos, im_end, eot, id_of("<|endoftext|>"), id_of("<|end_of_text|>")})
      if (id >= 0 && !Tokenizer::ends(id)) ends_.push_back(id);
    for (const int id : spec.more_ends)
      if (!Tokenizer::ends(id)) ends_.push_back(id);
  }
  // The system message that a ChatML template inserts when the conversation has none: a literal
  // text in the template, after a newline that is written as the characters \n or as a line break.
  static std::string default_system(const std::string& chat) {
    constexpr std::string_view mark = "<|im_start|>system";
    const auto at = chat.find(mark);
    if (at == std::string::npos) return "";
    std::size_t from = at + mark.size();
    if (chat.compare(from, 2, "\\n") == 0) from += 2;
    else if (chat.compare(from, 1, "\n") == 0) from += 1;
    else return "";
    const auto end = chat.find("<|im_end|>", from);
    const std::string text = end == std::string::npos ? "" : chat.substr(from, end - from);
    return text.find_first_of("'\"{}") == std::string::npos ? text : "";
  }

  std::unordered_map<std::string, int> ids_;
  std::vector<std::string> bytes_;
  std::vector<bool> special_;
  std::array<int, 256> letters_{};
  std::array<std::string, 256> alphabet_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::vector<Pattern> splits_;
  std::vector<int> ends_;
  Family family_ = Family::none;
  bool has_template_ = false;
  std::string default_system_;
  int begin_ = -1;                              // before the conversation
  int open_ = -1, open_end_ = -1, close_ = -1;  // around a role; after a message
  bool whole_words_first_ = false, add_bos_ = false;
  int bos_ = -1;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_bpe_tokenizer(const TokenizerSpec& spec) {
  return BpeTokenizer::make(spec);
}

}  // namespace limelight::stages

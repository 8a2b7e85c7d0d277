#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <queue>
#include <unordered_map>

#include "stages/models/byte_letters.hpp"
#include "stages/models/characters.hpp"
#include "stages/models/piece_model.hpp"

namespace limelight::stages {

namespace {

class BpeModel final : public PieceModel {
 public:
  explicit BpeModel(const TokenizerSpec& spec)
      : whole_words_first_(spec.whole_words_first),
        byte_level_(spec.byte_level),
        by_score_(spec.model == TokenizerSpec::Model::by_score),
        unknown_(spec),
        scores_(spec.scores) {
    for (std::size_t id = 0; id < spec.tokens.size(); ++id)
      ids_.emplace(spec.tokens[id], static_cast<int>(id));
    // What is looked for in the text before anything else is no part of words.
    for (const AddedToken& added : spec.added)
      if (const auto at = ids_.find(added.content);
          at != ids_.end() && at->second == added.id && !added.in_model)
        ids_.erase(at);
    for (std::size_t byte = 0; byte < 256; ++byte) letters_[byte] = id_of(byte_letters()[byte]);
  }

  Result<void> add_merges(const std::vector<std::string>& merges) {
    int rank = 0;
    for (const std::string& merge : merges) {
      const auto space = merge.find(' ', 1);
      const std::string left = merge.substr(0, space),
                        right = space == std::string::npos ? "" : merge.substr(space + 1);
      const int a = id_of(left), b = id_of(right), both = id_of(left + right);
      if (a < 0 || b < 0 || both < 0)
        return Error{ErrorCode::corrupt,
                     "merge " + std::to_string(rank) + " of the tokenizer: found '" +
                         merge.substr(0, 60) +
                         "', expected two tokens of the vocabulary whose union is a third"};
      // Of a merge that is there twice the last one counts.
      merges_.insert_or_assign(key(a, b), Merge{static_cast<double>(-rank), both});
      ++rank;
    }
    return {};
  }

  void encode(std::string_view piece, std::vector<int>& tokens) const override {
    if (piece.empty()) return;
    const std::size_t first = tokens.size();
    if (whole_words_first_)
      if (const int whole = id_of(in_letters(piece)); whole >= 0) return tokens.push_back(whole);
    std::vector<Symbol> symbols = symbols_of(piece);
    if (symbols.empty()) return;
    merge(symbols, piece);
    for (int at = 0; at >= 0;) {
      const Symbol& symbol = symbols[static_cast<std::size_t>(at)];
      if (symbol.id >= 0) tokens.push_back(symbol.id);
      else unknown_.encode(piece.substr(symbol.begin, symbol.end - symbol.begin), first, tokens);
      at = symbol.next;
    }
  }

 private:
  struct Merge {
    double priority;  // higher ones come first
    int id;
  };
  // A part of the piece: a token, or (id -1) a character that the vocabulary lacks. Symbols form a
  // linked list.
  struct Symbol {
    int id, previous, next;
    std::size_t begin, end;
  };
  // A possible merge of neighbours. One that an earlier merge made obsolete is skipped.
  struct Candidate {
    double priority;
    int left, right, left_id, right_id, merged;
    bool operator<(const Candidate& other) const {
      return priority != other.priority ? priority < other.priority : left > other.left;
    }
  };
  static std::uint64_t key(int a, int b) {
    return std::uint64_t{static_cast<std::uint32_t>(a)} << 32 | static_cast<std::uint32_t>(b);
  }
  int id_of(std::string_view token) const {
    const auto at = ids_.find(token);
    return at == ids_.end() ? -1 : at->second;
  }
  std::string in_letters(std::string_view piece) const {
    if (!byte_level_) return std::string(piece);
    std::string word;
    for (const char c : piece) word += byte_letters()[static_cast<unsigned char>(c)];
    return word;
  }

  std::vector<Symbol> symbols_of(std::string_view piece) const {
    std::vector<Symbol> symbols;
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t length = byte_level_ ? 1 : character_length(piece.substr(at));
      const int id = byte_level_ ? letters_[static_cast<unsigned char>(piece[at])]
                                 : id_of(piece.substr(at, length));
      // What has no token is left out before anything is merged: its neighbours may be.
      if (id >= 0 || !unknown_.leaves_out(piece.substr(at, length))) {
        const int n = static_cast<int>(symbols.size());
        symbols.push_back({id, n - 1, n + 1, at, at + length});
      }
      at += length;
    }
    if (!symbols.empty()) symbols.back().next = -1;
    return symbols;
  }

  Merge merge_of(const Symbol& a, const Symbol& b, std::string_view piece) const {
    if (by_score_) {
      const int id = id_of(piece.substr(a.begin, b.end - a.begin));
      return {id < 0 ? 0 : scores_[static_cast<std::size_t>(id)], id};
    }
    const auto merge = merges_.find(key(a.id, b.id));
    return a.id < 0 || b.id < 0 || merge == merges_.end() ? Merge{0, -1} : merge->second;
  }

  void merge(std::vector<Symbol>& symbols, std::string_view piece) const {
    std::priority_queue<Candidate> heap;
    const auto consider = [&](int left) {
      if (left < 0 || symbols[static_cast<std::size_t>(left)].next < 0) return;
      const Symbol& a = symbols[static_cast<std::size_t>(left)];
      const Symbol& b = symbols[static_cast<std::size_t>(a.next)];
      if (const Merge merge = merge_of(a, b, piece); merge.id >= 0)
        heap.push({merge.priority, left, a.next, a.id, b.id, merge.id});
    };
    for (int i = 0; i + 1 < static_cast<int>(symbols.size()); ++i) consider(i);
    while (!heap.empty()) {
      const Candidate best = heap.top();
      heap.pop();
      Symbol &a = symbols[static_cast<std::size_t>(best.left)],
             &b = symbols[static_cast<std::size_t>(best.right)];
      if (a.id != best.left_id || b.id != best.right_id || a.next != best.right) continue;
      a.id = best.merged;
      a.end = b.end;
      b.id = gone;
      a.next = b.next;
      if (b.next >= 0) symbols[static_cast<std::size_t>(b.next)].previous = best.left;
      consider(a.previous);
      consider(best.left);
    }
  }

  static constexpr int gone = -2;  // of a symbol that was merged
  TokenMap<int> ids_;
  std::array<int, 256> letters_{};
  std::unordered_map<std::uint64_t, Merge> merges_;
  bool whole_words_first_, byte_level_, by_score_;
  UnknownCharacters unknown_;
  std::vector<double> scores_;
};

}  // namespace

UnknownCharacters::UnknownCharacters(const TokenizerSpec& spec)
    : unknown_(spec.unknown), fuse_(spec.fuse_unknown) {
  if (!spec.byte_fallback) return;
  std::unordered_map<std::string_view, int> ids;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (spec.tokens[id].starts_with("<0x")) ids.emplace(spec.tokens[id], static_cast<int>(id));
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    const auto at = ids.find(name);
    bytes_.push_back(at == ids.end() ? -1 : at->second);
  }
}

bool UnknownCharacters::has_bytes(std::string_view character) const {
  return !bytes_.empty() && std::all_of(character.begin(), character.end(), [&](char byte) {
    return bytes_[static_cast<unsigned char>(byte)] >= 0;
  });
}

void UnknownCharacters::encode(std::string_view character,
                               std::size_t first,
                               std::vector<int>& tokens) const {
  if (has_bytes(character)) {
    for (const char byte : character) tokens.push_back(bytes_[static_cast<unsigned char>(byte)]);
    return;
  }
  if (unknown_ < 0) return;
  if (!fuse_ || tokens.size() == first || tokens.back() != unknown_) tokens.push_back(unknown_);
}

Result<std::unique_ptr<PieceModel>> make_bpe_model(const TokenizerSpec& spec) {
  auto model = std::make_unique<BpeModel>(spec);
  if (auto added = model->add_merges(spec.merges); !added) return added.error();
  return std::unique_ptr<PieceModel>(std::move(model));
}

}  // namespace limelight::stages

#include "stages/models/added_tokens.hpp"

#include <algorithm>

#include "stages/models/characters.hpp"
#include "stages/models/oniguruma.hpp"
#include "stages/models/regex.hpp"
#include "stages/models/unicode_ranges.hpp"

namespace limelight::stages {

namespace {

// Whether the text has a letter, digit or underscore at that end.
bool ends_in_word(std::string_view text, bool at_front) {
  static const std::string word = "[" + std::string(rust_word) + newer_word + "]";
  static const Regex front = *Regex::compile("^" + word), back = *Regex::compile(word + R"(\z)");
  bool found = false;
  // Long enough for a character.
  const auto near = at_front ? text.substr(0, 4)
                             : text.substr(text.size() - std::min<std::size_t>(4, text.size()));
  (at_front ? front : back).for_each_match(near, [&](std::size_t, std::size_t) { found = true; });
  return found;
}

bool may_stand_at(const AddedToken& token, std::string_view text, std::size_t at) {
  return !token.single_word || (!ends_in_word(text.substr(0, at), false) &&
                                !ends_in_word(text.substr(at + token.content.size()), true));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  for (std::size_t i = 0; i < tokens_.size(); ++i)
    by_first_byte_[tokens_[i].content.front()].push_back(i);
  for (auto& [byte, list] : by_first_byte_)
    std::stable_sort(list.begin(), list.end(), [this](std::size_t a, std::size_t b) {
      return tokens_[a].content.size() > tokens_[b].content.size();
    });
}

std::vector<AddedTokens::Part> AddedTokens::cut(std::string_view text, bool special) const {
  std::vector<Part> parts;
  std::size_t done = 0;  // up to here the text is in parts
  for (std::size_t at = 0; at < text.size();) {
    const auto candidates = by_first_byte_.find(text[at]);
    const AddedToken* found = nullptr;  // the longest one
    if (candidates != by_first_byte_.end())
      for (const std::size_t i : candidates->second)
        if (text.substr(at).starts_with(tokens_[i].content)) {
          found = &tokens_[i];
          break;
        }
    if (found == nullptr) {
      ++at;
      continue;
    }
    // One that does not count is text as a whole: no other token is looked for inside.
    if ((found->special && !special) || !may_stand_at(*found, text, at)) {
      at += found->content.size();
      continue;
    }
    // The search goes on behind the token itself: one that is blanks may be among those that it
    // has taken.
    const std::size_t next = at + found->content.size();
    std::size_t begin = at, end = next;
    if (found->left_strip)
      begin = done < at ? at - trailing_blanks(text.substr(done, at - done)) : done;
    if (found->right_strip) end += leading_blanks(text.substr(end));
    at = next;
    // All of it is in the token before.
    if (begin >= end) continue;
    if (begin > done) parts.push_back({text.substr(done, begin - done)});
    parts.push_back({text.substr(begin, end - begin), found->id});
    done = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done)});
  return parts;
}

}  // namespace limelight::stages

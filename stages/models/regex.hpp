// A regular expression over UTF-8, by PCRE2. Any thread may use it.
//
// Matches are looked for as Hugging Face's tokenizers do: an empty one counts, unless it stands
// where the match before it ended.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace limelight::stages {

// Thrown where a search takes too long: a pattern may need exponential time. Whoever encodes a text
// catches it.
struct MatchFailed {
  std::string message;
};

class Regex {
 public:
  // Errors: unavailable (it cannot be compiled).
  static Result<Regex> compile(const std::string& pattern);
  // Whether an empty text may match.
  bool may_be_empty() const;
  // Calls `each` with the beginning and the end of every match, in order. Throws MatchFailed.
  void for_each_match(std::string_view text,
                      const std::function<void(std::size_t begin, std::size_t end)>& each) const;

 private:
  std::shared_ptr<void> code_;  // a pcre2_code
};

// The expression that matches `text` alone.
std::string escaped(std::string_view text);
}  // namespace limelight::stages

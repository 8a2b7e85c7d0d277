// A regular expression over UTF-8, by PCRE2. Any thread may use it.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace limelight::stages {

class Regex {
 public:
  // Errors: unavailable (it cannot be compiled).
  static Result<Regex> compile(const std::string& pattern);
  // Calls `each` with the beginning and the end of every match that is not empty, in order.
  void for_each_match(std::string_view text,
                      const std::function<void(std::size_t begin, std::size_t end)>& each) const;

 private:
  std::shared_ptr<void> code_;  // a pcre2_code
};

// The expression that matches `text` alone.
std::string escaped(std::string_view text);
// A pattern for Oniguruma, which tokenizers are written for, as one for PCRE2: \w and \W take marks
// and connecting punctuation for parts of words.
std::string words_of_oniguruma(std::string_view pattern);

}  // namespace limelight::stages

#define PCRE2_CODE_UNIT_WIDTH 8
#include "stages/models/regex.hpp"

#include <pcre2.h>

namespace limelight::stages {

Result<Regex> Regex::compile(const std::string& pattern) {
  int number = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &number, &offset, nullptr);
  if (code == nullptr) {
    unsigned char message[200];
    pcre2_get_error_message(number, message, sizeof message);
    return Error{ErrorCode::unavailable, "cannot compile the pattern '" + pattern.substr(0, 100) +
                                             "': " + reinterpret_cast<const char*>(message) +
                                             " at offset " + std::to_string(offset)};
  }
  (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  Regex regex;
  regex.code_ = std::shared_ptr<void>(
      code, [](void* freed) { pcre2_code_free(static_cast<pcre2_code*>(freed)); });
  return regex;
}

void Regex::for_each_match(std::string_view text,
                           const std::function<void(std::size_t, std::size_t)>& each) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  pcre2_match_data* match = pcre2_match_data_create_from_pattern(code, nullptr);
  std::size_t from = 0;
  while (from < text.size() && pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                           text.size(), from, PCRE2_NOTEMPTY, match, nullptr) > 0) {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match);
    each(ends[0], ends[1]);
    from = ends[1];
  }
  pcre2_match_data_free(match);
}

std::string escaped(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) == 0)
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string words_of_oniguruma(std::string_view pattern) {
  const std::string parts = R"(\p{L}\p{M}\p{Nd}\p{Pc})";
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 'w') out += in_class ? parts : "[" + parts + "]";
      else if (next == 'W' && !in_class) out += "[^" + parts + "]";
      else (out += c) += next;
      continue;
    }
    if (c == '[') in_class = true;
    else if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

}  // namespace limelight::stages

#define PCRE2_CODE_UNIT_WIDTH 8
#include "stages/models/regex.hpp"

#include <pcre2.h>

#include <cctype>
#include <limits>
#include <new>

namespace limelight::stages {

namespace {

// Finds the next match that is not empty. A compiled pattern has a small stack, which a group that
// repeats fills with a long text; what then fails is matched again by the interpreter, whose memory
// is the heap. No limit stands between a text and its matches: a text that is cut otherwise because
// it is long would be wrong in silence.
bool find_next(const pcre2_code* code,
               std::string_view text,
               std::size_t from,
               pcre2_match_data* match) {
  const auto* begin = reinterpret_cast<PCRE2_SPTR>(text.data());
  int found = pcre2_match(code, begin, text.size(), from, PCRE2_NOTEMPTY, match, nullptr);
  if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
    pcre2_match_context* unlimited = pcre2_match_context_create(nullptr);
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    pcre2_set_match_limit(unlimited, most);
    pcre2_set_depth_limit(unlimited, most);
    pcre2_set_heap_limit(unlimited, most);
    found = pcre2_match(code, begin, text.size(), from, PCRE2_NOTEMPTY | PCRE2_NO_JIT, match,
                        unlimited);
    pcre2_match_context_free(unlimited);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) throw std::bad_alloc();
  }
  return found > 0;
}

}  // namespace

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
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> made(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  pcre2_match_data* match = made.get();
  std::size_t from = 0;
  while (from < text.size() && find_next(code, text, from, match)) {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match);
    each(ends[0], ends[1]);
    from = ends[1];
  }
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

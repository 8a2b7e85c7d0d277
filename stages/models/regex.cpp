#define PCRE2_CODE_UNIT_WIDTH 8
#include "stages/models/regex.hpp"

#include <pcre2.h>

#include <cctype>
#include <memory>

#include "stages/models/characters.hpp"

namespace limelight::stages {

namespace {

// Limits of a search by the interpreter: frames are on the heap, some 100 bytes for each round of a
// group, of which a long text has many; the number of steps stays limited.
struct HeapLimit {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  HeapLimit() { pcre2_set_heap_limit(context, 4 << 20); }  // in KiB
  ~HeapLimit() { pcre2_match_context_free(context); }
  HeapLimit(const HeapLimit&) = delete;
};

}  // namespace

Result<Regex> Regex::compile(const std::string& pattern) {
  int number = 0;
  PCRE2_SIZE offset = 0;
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);  // not that of the system
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &number, &offset, context);
  pcre2_compile_context_free(context);
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

bool Regex::may_be_empty() const {
  std::uint32_t empty = 0;
  pcre2_pattern_info(static_cast<const pcre2_code*>(code_.get()), PCRE2_INFO_MATCHEMPTY, &empty);
  return empty != 0;
}

void Regex::for_each_match(std::string_view text,
                           const std::function<void(std::size_t, std::size_t)>& each) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  const auto search = [&](std::size_t from, std::uint32_t options, pcre2_match_context* limits) {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, options,
                       match.get(), limits);
  };
  std::size_t from = 0, last_end = std::string_view::npos;
  while (!text.empty() && from <= text.size()) {
    int found = search(from, 0, nullptr);
    // Compiled code has a small stack. Without it the stack is on the heap.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = search(from, PCRE2_NO_JIT, HeapLimit().context);
    if (found == PCRE2_ERROR_NOMATCH) return;
    if (found < 0)
      throw MatchFailed{"a pattern of the tokenizer needs too long for a text of " +
                        std::to_string(text.size()) + " bytes"};
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
    if (ends[0] == ends[1] && ends[1] == last_end) {
      from = ends[1] < text.size() ? ends[1] + character_length(text.substr(ends[1]))
                                   : text.size() + 1;
      continue;
    }
    from = last_end = ends[1];
    each(ends[0], ends[1]);
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

}  // namespace limelight::stages

#include "stages/models/text_normalizer.hpp"

#include <utf8proc.h>

#include <cstdlib>

#include "base/try.hpp"
#include "stages/models/characters.hpp"
#include "stages/models/oniguruma.hpp"

namespace limelight::stages {

namespace {

using Kind = NormalizerStep::Kind;

// The longest part from `from` on that is UTF-8, or, where there is none, that is not.
std::pair<std::size_t, bool> run_from(const std::string& text, std::size_t from) {
  const auto good = [&](std::size_t at, utf8proc_ssize_t& length) {
    utf8proc_int32_t point = 0;
    length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                              static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    return length > 0;
  };
  utf8proc_ssize_t length = 0;
  const bool utf8 = good(from, length);
  std::size_t at = from;
  while (at < text.size() && good(at, length) == utf8)
    at += utf8 ? static_cast<std::size_t>(length) : 1;
  return {at, utf8};
}

std::string mapped(const std::string& text, int options) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto [end, utf8] = run_from(text, at);
    utf8proc_uint8_t* made = nullptr;
    const auto length =
        utf8 ? utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                            static_cast<utf8proc_ssize_t>(end - at), &made,
                            static_cast<utf8proc_option_t>(options))
             : -1;
    if (length < 0) out.append(text, at, end - at);
    else out.append(reinterpret_cast<const char*>(made), static_cast<std::size_t>(length));
    std::free(made);
    at = end;
  }
  return out;
}

std::string lowered(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t point = 0;
    const auto length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                         static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    if (length <= 0) {
      out += text[at++];
      continue;
    }
    if (point == 0x130) {  // the only letter whose lower case is two
      out += "i\u0307";
      at += static_cast<std::size_t>(length);
      continue;
    }
    utf8proc_uint8_t bytes[4];
    const auto written = utf8proc_encode_char(utf8proc_tolower(point), bytes);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(written));
    at += static_cast<std::size_t>(length);
  }
  return out;
}

std::string stripped(std::string_view text) {
  text.remove_prefix(leading_blanks(text));
  text.remove_suffix(trailing_blanks(text));
  return std::string(text);
}

std::string replaced_matches(const std::string& text, const Regex& from, const std::string& to) {
  std::string out;
  std::size_t at = 0;
  from.for_each_match(text, [&](std::size_t begin, std::size_t end) {
    out.append(text, at, begin - at) += to;
    at = end;
  });
  return out.append(text, at);
}

}  // namespace

Result<TextNormalizer> TextNormalizer::make(const std::vector<NormalizerStep>& steps) {
  TextNormalizer made;
  for (const NormalizerStep& step : steps) {
    made.steps_.push_back({step, {}});
    if (step.kind != Kind::replace_regex) continue;
    auto pattern = pattern_of_oniguruma(step.from);
    if (!pattern) return Error{pattern.error().code, "the normalizer: " + pattern.error().message};
    auto regex = Regex::compile(*pattern);
    if (!regex) return Error{regex.error().code, "the normalizer: " + regex.error().message};
    // Behind an empty match the reference takes characters for others.
    if (regex->may_be_empty())
      return Error{ErrorCode::unavailable, "the normalizer: Replace: found the pattern '" +
                                               step.from.substr(0, 60) +
                                               "', expected one that no empty text matches"};
    made.steps_.back().regex = std::move(regex).value();
  }
  return made;
}

std::string TextNormalizer::operator()(std::string text) const {
  constexpr int stable = UTF8PROC_STABLE;
  for (const auto& [step, regex] : steps_) switch (step.kind) {
      case Kind::nfc: text = mapped(text, stable | UTF8PROC_COMPOSE); break;
      case Kind::nfd: text = mapped(text, stable | UTF8PROC_DECOMPOSE); break;
      case Kind::nfkc: text = mapped(text, stable | UTF8PROC_COMPOSE | UTF8PROC_COMPAT); break;
      case Kind::nfkd: text = mapped(text, stable | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT); break;
      case Kind::lowercase: text = lowered(text); break;
      case Kind::strip: text = stripped(text); break;
      case Kind::prepend:
        if (!text.empty()) text.insert(0, step.to);
        break;
      case Kind::replace:
        if (!step.from.empty()) text = replaced(text, step.from, step.to);
        break;
      case Kind::replace_regex: text = replaced_matches(text, *regex, step.to); break;
    }
  return text;
}

}  // namespace limelight::stages

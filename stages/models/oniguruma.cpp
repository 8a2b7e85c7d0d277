#include "stages/models/oniguruma.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "stages/models/characters.hpp"
#include "stages/models/unicode_ranges.hpp"

namespace limelight::stages {

namespace {

// The insides of classes. Oniguruma counts some numbers of Latin 1 as parts of words, but not where
// \w itself stands in a class.
constexpr std::string_view latin_numbers = R"(\xb2\xb3\xb9\xbc-\xbe)", blank = blank_of_patterns,
                           hexadecimal = "0-9a-fA-F";

bool is_category(std::string_view name) {
  static constexpr std::array<std::string_view, 36> known{
      "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",  "Mc", "Me", "Mn", "N",  "Nd",
      "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S",  "Sc",
      "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs", "C",  "Cc", "Cf", "Co", "Cn"};
  return std::find(known.begin(), known.end(), name) != known.end();
}

// Where letters of one case become several of the other, only Oniguruma matches across them.
bool folds_to_several(std::string_view pattern) {
  std::string lower;
  for (const char c : pattern) {
    if (static_cast<unsigned char>(c) >= 0x80) return true;
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (const char* several : {"ff", "fi", "fl", "ss", "st"})
    if (lower.find(several) != std::string::npos) return true;
  return false;
}

struct Unlike {
  std::string what;
};

class OnigurumaPattern {
 public:
  explicit OnigurumaPattern(std::string_view pattern) : in_(pattern) {}

  std::string translate() {
    while (at_ < in_.size()) one();
    return std::move(out_);
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0';
  }
  [[noreturn]] void unlike(std::size_t from, std::size_t length) const {
    throw Unlike{std::string(in_.substr(from, length))};
  }

  void one() {
    const bool begins = begins_;  // of a branch
    begins_ = false;
    switch (const char c = peek()) {
      case '\\': return escape(false);
      case '[': return character_class();
      case '(': return group(begins);
      case '|':
        begins_ = true;
        out_ += c;
        ++at_;
        return;
      case '^': return (void)(out_ += "(?m:^)", ++at_);
      case '$': return (void)(out_ += "(?m:$)", ++at_);
      case '{': return interval();
      default: out_ += c, ++at_;
    }
  }

  void group(bool begins) {
    const std::size_t from = at_;
    if (peek(1) == '*') unlike(from, 2);
    out_ += in_[at_++];
    begins_ = true;
    if (peek() != '?') return;
    for (const char* alike : {"?:", "?=", "?!", "?>", "?<=", "?<!"})
      if (in_.substr(at_).starts_with(alike)) {
        out_ += alike;
        at_ += std::string_view(alike).size();
        return;
      }
    out_ += in_[at_++];
    bool on = true;
    for (; peek() == 'i' || peek() == 'm' || peek() == '-'; ++at_) {
      if (peek() == '-') on = false;
      if (peek() == 'i' && on && folds_to_several(in_)) unlike(from, at_ + 1 - from);
      out_ += peek() == 'm' ? 's' : peek();
    }
    if (peek() != ':' && peek() != ')') unlike(from, at_ + 1 - from);
    // Flags without a group end the branch that they are in.
    if (peek() == ')' && !begins) unlike(from, at_ + 1 - from);
    out_ += in_[at_++];
  }

  void interval() {
    const std::size_t from = at_, end = in_.find('}', at_);
    const std::string_view inside =
        end == std::string_view::npos ? "" : in_.substr(at_ + 1, end - at_ - 1);
    const bool counts = inside.find_first_not_of("0123456789,") == std::string_view::npos &&
                        !inside.empty() && std::count(inside.begin(), inside.end(), ',') <= 1 &&
                        inside != ",";
    if (!counts) {
      out_ += "\\{";
      ++at_;
      return;
    }
    out_ += '{';
    if (inside.front() == ',') out_ += '0';
    (out_ += inside) += '}';
    at_ = end + 1;
    const bool exact = inside.find(',') == std::string_view::npos;
    if (peek() == '+' || (peek() == '?' && exact)) unlike(from, at_ + 1 - from);
  }

  // What an escape matches, as PCRE2 has it: inside a class without its brackets.
  void escape(bool inside) {
    const std::size_t from = at_++;
    const char c = peek();
    if (c == '\0') unlike(from, 1);
    ++at_;
    const auto set = [&](std::string_view parts, bool negated) {
      if (inside && negated) unlike(from, 2);
      if (inside) out_ += parts;
      else out_.append(negated ? "[^" : "[").append(parts) += ']';
    };
    static const std::string in_class = std::string(onig_word) + newer_word,
                             word = in_class + std::string(latin_numbers),
                             one_word = "[" + word + "]";
    switch (c) {
      case 'w': return set(inside ? in_class : word, false);
      case 'W': return set(word, true);
      case 's': return set(blank, false);
      case 'S':
        if (inside) out_ += R"(\S\x{180e})";  // a blank of PCRE2 alone
        else set(blank, true);
        return;
      case 'h': return set(hexadecimal, false);
      case 'H': return set(hexadecimal, true);
      case 'd':
      case 'D': (out_ += '\\') += c; return;
      case 'v': out_ += "\\x0b"; return;
      case 'p':
      case 'P': return property(from, c);
      case 'u':
      case 'x': return number(from, c);
      default: break;
    }
    if (!inside && c == 'b') {
      out_ +=
          "(?:(?<=" + one_word + ")(?!" + one_word + ")|(?<!" + one_word + ")(?=" + one_word + "))";
      return;
    }
    const std::string_view same = inside ? "tnrfae" : "tnrfaeAzZGR123456789";
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 && same.find(c) == std::string_view::npos) unlike(from, 2);
    out_ += '\\';
    out_ += c;
  }

  void property(std::size_t from, char letter) {
    const std::size_t end = in_.find('}', at_);
    if (peek() != '{' || end == std::string_view::npos) unlike(from, 3);
    std::string_view name = in_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    bool negated = letter == 'P';
    if (name.starts_with('^')) negated = !negated, name.remove_prefix(1);
    const bool is_word =
        !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
          return std::isalpha(c) != 0 || c == '_';
        });
    if (!is_word) unlike(from, at_ - from);
    // A name of a script counts characters that others share, too, unless it says otherwise.
    (out_ += negated ? "\\P{" : "\\p{") += is_category(name) ? "" : "sc:";
    (out_ += name) += '}';
  }

  // The number of a character: \x41, \x{1f600}, \u0041.
  void number(std::size_t from, char letter) {
    const bool braces = letter == 'x' && peek() == '{';
    if (braces) ++at_;
    std::string digits;
    const std::size_t most = braces ? 8 : letter == 'u' ? 4 : 2;
    while (digits.size() < most && std::isxdigit(static_cast<unsigned char>(peek())) != 0)
      digits += in_[at_++];
    const bool whole = braces ? peek() == '}' && !digits.empty() : digits.size() == most;
    // \x80 is a byte, not a character.
    if (!whole || (letter == 'x' && !braces && digits.front() > '7')) unlike(from, at_ - from);
    if (braces) ++at_;
    out_ += "\\x{" + digits + "}";
  }

  void character_class() {
    const std::size_t from = at_;
    out_ += in_[at_++];
    if (peek() == '^') out_ += in_[at_++];
    if (peek() == ']') out_ += "\\]", ++at_;
    while (peek() != ']') {
      if (at_ >= in_.size()) unlike(from, in_.size() - from);
      if (peek() == '\\') {
        escape(true);
        continue;
      }
      if (peek() == '[') {
        // Of the named classes those that mean the same.
        if (in_.substr(at_).starts_with("[:digit:]")) out_ += "\\d", at_ += 9;
        else if (in_.substr(at_).starts_with("[:space:]")) out_ += blank, at_ += 9;
        else unlike(from, std::min(in_.find(']', at_), in_.size() - 1) + 1 - from);
        continue;
      }
      if (peek() == '&' && peek(1) == '&') unlike(from, at_ + 2 - from);
      out_ += in_[at_++];
    }
    out_ += in_[at_++];
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  bool begins_ = true;
};

}  // namespace

Result<std::string> pattern_of_oniguruma(std::string_view pattern) {
  try {
    return OnigurumaPattern(pattern).translate();
  } catch (const Unlike& unlike) {
    return Error{ErrorCode::unavailable,
                 "the pattern '" + std::string(pattern.substr(0, 100)) + "': found '" +
                     unlike.what.substr(0, 60) +
                     "', expected what regular expressions of PCRE2 have as well"};
  }
}

}  // namespace limelight::stages

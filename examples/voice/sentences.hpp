// Cuts a text that comes piece by piece into sentences, each as soon as it is known to be whole.
//
// A sentence ends at . ! ? with white space behind it, at their full-width forms, and at the end of
// a line; not after an abbreviation ("Dr."), an initial or a leading number ("1."). One that is
// longer than most_bytes is cut at its last comma, semicolon, colon or blank, or else between two
// characters, so that what is kept is bounded. No thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace voice {

class Sentences {
 public:
  static constexpr std::size_t most_bytes = 300;

  void add(std::string_view text) { text_ += text; }
  void finish() { finished_ = true; }
  // The next sentence, made speakable: without control characters and marks of Markdown, which
  // would be read aloud. Never empty. Nothing: more text is needed, or after finish() there is no
  // more.
  std::optional<std::string> next();

 private:
  std::size_t end_of_first() const;  // in bytes; 0: not known yet
  std::string text_;
  bool finished_ = false;
};

}  // namespace voice

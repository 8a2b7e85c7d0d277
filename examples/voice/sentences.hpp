// Cuts a text that comes piece by piece into sentences, each as soon as it is known to be whole.
//
// A sentence ends at . ! ? with white space behind it, at the marks of other scripts that need
// none, and at the end of a line; not at a full stop after an abbreviation ("Dr."), an initial or a
// leading number ("1."), nor before a small letter ("Well... no"). One that is longer than
// most_bytes is cut at its last comma, semicolon, colon or blank, or else between two characters.
// No thread.
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
  // The next sentence, made speakable: without control characters, bytes that are no UTF-8, and
  // marks of Markdown, which would be read aloud. It has a letter, a number or a symbol; what has
  // none is passed over. Nothing: more text is needed, or after finish() there is no more.
  std::optional<std::string> next();

 private:
  std::size_t end_of_first() const;  // in bytes; 0: not known yet
  std::string text_;
  bool finished_ = false;
};

}  // namespace voice

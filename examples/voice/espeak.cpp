#include "espeak.hpp"

#include <espeak-ng/speak_lib.h>

#include <algorithm>

namespace voice {

using limelight::Error;
using limelight::ErrorCode;
using limelight::Result;

namespace {

constexpr std::string_view clause_marks = ",;:!?", closing = "\"')]",
                           marks_and_closing = ",;:!?\"')]";

// The end of the clause that begins at `from`: behind its marks, or the end of the sentence. A full
// stop inside a sentence belongs to a word ("Dr. Who"), and a mark inside a word or a number too.
std::size_t end_of_clause(std::string_view sentence, std::size_t from) {
  while ((from = sentence.find_first_of(clause_marks, from)) != std::string_view::npos) {
    from = sentence.find_first_not_of(marks_and_closing, from);
    if (from == std::string_view::npos || sentence[from] == ' ') break;
  }
  return std::min(from, sentence.size());
}

// The first mark at the end of a clause, behind which closing quotes may stand; empty: none.
std::string_view mark_of(std::string_view clause, bool ends_sentence) {
  while (!clause.empty() &&
         (clause.back() == ' ' || closing.find(clause.back()) != std::string_view::npos))
    clause.remove_suffix(1);
  const std::string_view marks = ends_sentence ? ".,;:!?" : clause_marks;
  const auto before = clause.find_last_not_of(marks);
  return clause.substr(before == std::string_view::npos ? 0 : before + 1).substr(0, 1);
}

}  // namespace

Result<void> start_espeak(const std::string& voice) {
  if (espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, nullptr, espeakINITIALIZE_DONT_EXIT) < 0)
    return Error{ErrorCode::unavailable, "espeak-ng does not start, expected its data files"};
  if (espeak_SetVoiceByName(voice.c_str()) != EE_OK)
    return Error{ErrorCode::invalid_argument,
                 "found 'espeak.voice': '" + voice + "', expected a voice of espeak-ng"};
  return {};
}

std::string phonemes_of(std::string_view sentence) {
  std::string all;
  for (std::size_t from = 0, end; from < sentence.size(); from = end) {
    end = end_of_clause(sentence, from);
    const std::string clause(sentence.substr(from, end - from));
    std::string said;
    for (const void* rest = clause.c_str(); rest != nullptr;) {
      const char* part = espeak_TextToPhonemes(&rest, espeakCHARS_UTF8, espeakPHONEMES_IPA);
      if (part == nullptr || *part == '\0') continue;
      if (!said.empty()) said += ' ';
      said += part;
    }
    for (auto open = said.find('('); open != std::string::npos; open = said.find('(')) {
      const auto close = said.find(')', open);  // "(fr)": the language changes
      said.erase(open, close == std::string::npos ? close : close - open + 1);
    }
    if (said.find_first_not_of(" \n") == std::string::npos) continue;
    if (!all.empty()) all += ' ';
    all += said;
    all += mark_of(clause, end == sentence.size());
  }
  return all;
}

}  // namespace voice

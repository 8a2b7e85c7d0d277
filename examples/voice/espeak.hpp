// Text to phonemes by libespeak-ng, which has one state in a process: one stage uses it, on one
// thread.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <string_view>

namespace voice {

// voice: of espeak-ng, such as "en-us". Errors: unavailable (its data files are missing),
// invalid_argument (it has no such voice).
limelight::Result<void> start_espeak(const std::string& voice);

// The phonemes of a sentence in IPA, with the marks that end its clauses, which espeak-ng leaves
// out and a Piper voice knows: "həlˈoʊ, wˈɜːld." sentence: UTF-8 without control characters.
std::string phonemes_of(std::string_view sentence);

}  // namespace voice

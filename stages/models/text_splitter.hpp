// Cuts normalised text into pieces, none of which a token crosses. Any thread may use it.
#pragma once

#include <limelight/result.hpp>
#include <optional>
#include <string>
#include <vector>

#include "stages/models/regex.hpp"
#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

class TextSplitter {
 public:
  // Errors: unavailable (a regular expression that cannot be compiled).
  static Result<TextSplitter> make(const std::vector<SplitStep>& steps);
  // first: the text stands at the beginning of the whole.
  std::vector<std::string> operator()(std::string text, bool first) const;

 private:
  struct Step {
    SplitStep step;
    std::optional<Regex> regex;
  };
  std::vector<Step> steps_;
};

}  // namespace limelight::stages

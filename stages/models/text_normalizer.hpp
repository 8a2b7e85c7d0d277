// Changes text before it is cut into pieces. Any thread may use it.
#pragma once

#include <limelight/result.hpp>
#include <optional>
#include <string>
#include <vector>

#include "stages/models/regex.hpp"
#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

class TextNormalizer {
 public:
  // Errors: unavailable (a regular expression that cannot be compiled, or that matches nothing).
  static Result<TextNormalizer> make(const std::vector<NormalizerStep>& steps);
  // Bytes that are no UTF-8 stay as they are.
  std::string operator()(std::string text) const;
  bool empty() const noexcept { return steps_.empty(); }

 private:
  struct Step {
    NormalizerStep step;
    std::optional<Regex> regex;
  };
  std::vector<Step> steps_;
};

}  // namespace limelight::stages

// What one rendering may use. A template comes with a model from anywhere, so each loop, copy and
// comparison is charged, and a template that asks for too much ends with an error.
//
// A step is one node of the template that runs, one item that is made or visited, or 64 bytes that
// are copied or compared. As memory comes from steps, their limit bounds it too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "stages/models/jinja/failure.hpp"

namespace limelight::stages::jinja {

struct Limits {
  std::int64_t steps = 10'000'000;
  std::size_t text_bytes = 64u << 20;  // of a text, and of the output
  int nesting = 1000;                  // of what runs: blocks, expressions and macros together
};

constexpr std::size_t bytes_per_step = 64;
constexpr std::int64_t max_range = 100'000;     // items of range(), as in Jinja's sandbox
constexpr std::size_t max_weight = 64u << 20;   // of a list or dict with all that it contains
constexpr int max_value_depth = 200;            // of lists in lists
constexpr std::size_t max_template = 1u << 20;  // bytes of a template
constexpr int max_template_nesting = 200;       // of blocks, brackets and operators that open
constexpr int max_expression_height = 400;      // of operators and filters that follow each other

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits), steps_(limits.steps) {}

  void step(std::int64_t count = 1) {
    steps_ -= count;
    if (steps_ < 0)
      throw Failure{.code = ErrorCode::too_large,
                    .message = "found a template that runs on, expected one that ends within " +
                               std::to_string(limits_.steps) + " steps"};
  }
  // Before a text of so many bytes is made.
  void text(std::size_t bytes) {
    check_text(bytes);
    copy(bytes);
  }
  void check_text(std::size_t bytes) const {
    if (bytes > limits_.text_bytes)
      throw Failure{.code = ErrorCode::too_large,
                    .message = "found a text of " + std::to_string(bytes) +
                               " bytes or more, expected at most " +
                               std::to_string(limits_.text_bytes)};
  }
  // Before so many bytes are copied or compared.
  void copy(std::size_t bytes) { step(1 + static_cast<std::int64_t>(bytes / bytes_per_step)); }
  const Limits& limits() const noexcept { return limits_; }

 private:
  Limits limits_;
  std::int64_t steps_;
};

}  // namespace limelight::stages::jinja

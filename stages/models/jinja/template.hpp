// Chat templates, which are programs in the template language Jinja that come with a model: they
// make one text of a conversation.
//
// The text is the one that transformers' apply_chat_template() makes, with Jinja's sandbox and its
// settings there: trim_blocks, lstrip_blocks, break and continue, {% generation %}, and the
// functions raise_exception and strftime_now. A test compares the two (tests/oracle).
//
// A template is data from outside. It cannot reach anything but the variables, and it ends with an
// error when it nests too deeply, runs for too long or makes too much text (budget.hpp). Not
// supported are: recursive loops; include, import, extends and block; integers of more than 64
// bits; and filters for HTML. See filters.hpp and unicode.hpp for what else differs from Python.
#pragma once

#include <chrono>
#include <functional>
#include <limelight/result.hpp>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "stages/models/jinja/budget.hpp"

namespace limelight::stages {

namespace jinja {
struct Program;
}

class ChatTemplate {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  // text: UTF-8. Errors name the line of the template, with what was found and expected: corrupt
  // for what is no template, unavailable for what is not supported.
  static Result<ChatTemplate> parse(std::string_view text);

  // variables: an object with `messages`, `add_generation_prompt` and what else the template reads.
  // clock: for strftime_now; empty: the system's.
  // Errors: invalid_argument with the template's own message where it calls raise_exception, and
  // where it does with a value what its type cannot; unavailable, as above, for what shows only
  // when it runs; too_large beyond a limit. Any thread may call it, several at the same time.
  Result<std::string> render(const nlohmann::ordered_json& variables,
                             const Clock& clock = {}) const;
  // The same with other limits, for tests.
  Result<std::string> render(const nlohmann::ordered_json& variables,
                             const Clock& clock,
                             const jinja::Limits& limits) const;

 private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Program> program)
      : program_(std::move(program)) {}
  std::shared_ptr<const jinja::Program> program_;
};

}  // namespace limelight::stages

#include "stages/models/jinja/template.hpp"

#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/parser.hpp"
#include "stages/models/jinja/scopes.hpp"
#include "stages/models/jinja/token.hpp"

namespace limelight::stages {

namespace {

Error to_error(jinja::Failure failure, int line) {
  if (failure.from_template) return {failure.code, std::move(failure.message)};
  if (failure.line != 0) line = failure.line;
  return {failure.code, "chat template, line " + std::to_string(line) + ": " + failure.message};
}

}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string_view text) {
  if (text.size() > jinja::max_template)
    return Error{ErrorCode::too_large, "chat template: found " + std::to_string(text.size()) +
                                           " bytes, expected at most " +
                                           std::to_string(jinja::max_template)};
  try {
    auto program = std::make_shared<jinja::Program>(jinja::Parser(jinja::tokenize(text)).parse());
    jinja::assign_slots(*program);
    return ChatTemplate(std::move(program));
  } catch (jinja::Failure& failure) {
    return to_error(std::move(failure), 1);
  } catch (const std::exception& failure) {
    return Error{ErrorCode::internal, std::string("chat template: ") + failure.what()};
  }
}

Result<std::string> ChatTemplate::render(const nlohmann::ordered_json& variables,
                                         const Clock& clock) const {
  return render(variables, clock, {});
}

Result<std::string> ChatTemplate::render(const nlohmann::ordered_json& variables,
                                         const Clock& clock,
                                         const jinja::Limits& limits) const {
  jinja::Interpreter interpreter(limits, clock);
  try {
    return interpreter.render(*program_, variables);
  } catch (jinja::Failure& failure) {
    return to_error(std::move(failure), interpreter.line());
  } catch (const std::exception& failure) {
    return Error{ErrorCode::internal, std::string("chat template: ") + failure.what()};
  }
}

}  // namespace limelight::stages

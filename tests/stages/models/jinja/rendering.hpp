// Renders a template for a test.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "stages/models/jinja/template.hpp"

namespace test {

// The text, or "CODE: MESSAGE" of the error.
inline std::string render(
    const std::string& text,
    const nlohmann::ordered_json& variables = nlohmann::ordered_json::object(),
    const limelight::stages::jinja::Limits& limits = {}) {
  const auto parsed = limelight::stages::ChatTemplate::parse(text);
  const auto said = [](const limelight::Error& error) {
    return std::string(to_string(error.code)) + ": " + error.message;
  };
  if (!parsed) return said(parsed.error());
  const auto rendered = parsed->render(variables, {}, limits);
  return rendered ? *rendered : said(rendered.error());
}

}  // namespace test

#include "actors/http/limited_json.hpp"

#include <nlohmann/json.hpp>

namespace limelight::http {

using nlohmann::json;

Result<json> read_json_object(std::string_view text) {
  constexpr std::size_t most_values = 2'000'000;
  constexpr int deepest = 64;
  const auto wrong = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, "the body: found " + what};
  };
  if (text.empty()) return json::object();
  std::size_t values = 0;
  struct TooMuch {};
  try {
    json value = json::parse(text, [&](int depth, json::parse_event_t, const json&) {
      if (++values > most_values || depth > deepest) throw TooMuch{};
      return true;
    });
    if (!value.is_object()) return wrong("JSON, but no object; expected an object");
    return value;
  } catch (const json::exception& failed) {
    std::string said = failed.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (const auto end = said.find("] "); end != std::string::npos) said.erase(0, end + 2);
    return wrong("no JSON: " + said.substr(0, 300));
  } catch (const TooMuch&) {
    return wrong("more than " + std::to_string(most_values) + " values, or some deeper than " +
                 std::to_string(deepest) + " levels");
  }
}

}  // namespace limelight::http

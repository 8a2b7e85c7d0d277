// Renders chat templates with this project, for comparison with Jinja (compare_with_jinja.py).
//
// It reads lines of {"template", "variables"} and writes lines of {"text"} or {"error", "code"}. In
// place of variables a line may have a `request`, the text of a line of `limelight run --prompts`:
// its messages are then read and rendered as those of a request are.
// strftime_now says that it is 2025-03-04 05:06:07 in local time.
#include <chrono>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "actors/formats/message_json.hpp"
#include "actors/formats/refusal.hpp"
#include "stages/models/characters.hpp"
#include "stages/models/chat_prompt.hpp"
#include "stages/models/jinja/template.hpp"

using limelight::stages::ChatTemplate;
using nlohmann::ordered_json;

namespace {

std::chrono::system_clock::time_point clock_of_the_test() {
  std::tm parts{};
  parts.tm_year = 2025 - 1900;
  parts.tm_mon = 2;
  parts.tm_mday = 4;
  parts.tm_hour = 5;
  parts.tm_min = 6;
  parts.tm_sec = 7;
  parts.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

limelight::Result<std::string> render_request(const ordered_json& asked) {
  using namespace limelight;
  stages::TokenizerSpec spec;
  spec.chat_template = asked["template"].get<std::string>();
  spec.names = {
      {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
  spec.added = {{.id = 1, .content = "<|im_end|>", .special = true}};
  const auto source = asked["request"].get<std::string>();
  std::vector<Message> messages;
  try {
    messages = formats::read_messages(nlohmann::json::parse(source).at("messages"), "messages",
                                      {.source = source});
  } catch (const formats::Refusal& refusal) {
    return Error{ErrorCode::unavailable, refusal.text};
  }
  auto rendered = stages::ChatPrompt(spec).render(messages);
  if (!rendered) return rendered.error();
  return stages::replaced(rendered->text, rendered->mark, "");
}

limelight::Result<std::string> render(const ordered_json& asked) {
  if (asked.contains("request")) return render_request(asked);
  const auto parsed = ChatTemplate::parse(asked["template"].get<std::string>());
  if (!parsed) return parsed.error();
  return parsed->render(asked["variables"], clock_of_the_test);
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = render(ordered_json::parse(line));
    const ordered_json answer = text ? ordered_json{{"text", *text}}
                                     : ordered_json{{"error", text.error().message},
                                                    {"code", to_string(text.error().code)}};
    std::cout << answer.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n"
              << std::flush;
  }
}

// Parses any bytes as a chat template and renders two conversations with it: refused or rendered,
// never worse, and within the limits of steps and memory.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "stages/models/jinja/template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using limelight::stages::ChatTemplate;
  static const nlohmann::ordered_json conversations[] = {
      {{"messages", {{{"role", "user"}, {"content", "Hi \u00e9"}}}},
       {"bos_token", "<s>"},
       {"add_generation_prompt", true}},
      {{"messages",
        {{{"role", "system"}, {"content", ""}},
         {{"role", "user"}, {"content", {{{"type", "text"}, {"text", "a"}}}}},
         {{"role", "assistant"}, {"content", "<think>b</think>c"}}}},
       {"tools", {{{"name", "f"}, {"parameters", {{"x", 1.5}}}}}},
       {"eos_token", "</s>"},
       {"add_generation_prompt", false}}};
  const auto parsed = ChatTemplate::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  for (const auto& variables : conversations) (void)parsed->render(variables);
  return 0;
}

#include "cli/run_inputs.hpp"

#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace limelight::cli {

Result<std::vector<std::string>> read_prompts(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) return Error{ErrorCode::not_found, file.string() + ": cannot read the file of prompts"};
  std::vector<std::string> prompts;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto wrong = [&](const std::string& what) {
      return Error{ErrorCode::invalid_argument,
                   file.string() + ":" + std::to_string(number) + ": " + what};
    };
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object()) return wrong("found no JSON object, expected {\"prompt\": \"...\"}");
    const auto prompt = parsed.find("prompt");
    if (prompt == parsed.end() || !prompt->is_string())
      return wrong("key 'prompt': found no text, expected a string");
    prompts.push_back(*prompt);
  }
  if (prompts.empty())
    return Error{ErrorCode::invalid_argument,
                 file.string() + ": found no prompt, expected one JSON object in each line"};
  return prompts;
}

Result<std::vector<int>> read_stages(const std::string& list) {
  const auto wrong = [&] {
    return Error{ErrorCode::invalid_argument,
                 "--profile: found '" + list + "', expected 'all' or stage ids such as 0,2"};
  };
  std::vector<int> stages;
  if (list == "all") return stages;
  if (list.ends_with(',')) return wrong();
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) {
    int stage = 0;
    const char* end = word.data() + word.size();
    const auto [at, failed] = std::from_chars(word.data(), end, stage);
    if (failed != std::errc() || at != end || stage < 0) return wrong();
    stages.push_back(stage);
  }
  return stages;
}

}  // namespace limelight::cli

#include "bench/load/plan.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/try.hpp"

namespace limelight::bench {

using nlohmann::json;

namespace {

constexpr int longest = 1 << 20;  // words or tokens

constexpr const char* words[] = {
    "time",   "year",     "people", "way",   "day",    "man",     "thing",  "woman",   "life",
    "child",  "world",    "school", "state", "family", "student", "group",  "country", "problem",
    "hand",   "part",     "place",  "case",  "week",   "company", "system", "program", "question",
    "work",   "night",    "point",  "home",  "water",  "room",    "mother", "area",    "money",
    "story",  "fact",     "month",  "lot",   "right",  "study",   "book",   "eye",     "job",
    "word",   "business", "issue",  "side",  "kind",   "head",    "house",  "service", "friend",
    "father", "power",    "hour",   "game",  "line",   "end"};

std::string made(int count, std::mt19937_64& random) {
  std::uniform_int_distribution<std::size_t> any(0, std::size(words) - 1);
  std::string text;
  for (int i = 0; i < count; ++i) text.append(text.empty() ? "" : " ").append(words[any(random)]);
  return text;
}

class Lengths {
 public:
  Lengths(int length, double ratio)
      : any_(std::max(1, static_cast<int>(std::floor(length * (1 - ratio)))),
             std::max(1, static_cast<int>(std::ceil(length * (1 + ratio))))) {}
  int next(std::mt19937_64& random) { return any_(random); }

 private:
  std::uniform_int_distribution<int> any_;
};

Result<PlannedRequest> read_line(const std::string& line, int output_len) {
  const auto refuse = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, what};
  };
  const json asked = json::parse(line, nullptr, false);
  if (!asked.is_object() || !asked.contains("prompt") || !asked["prompt"].is_string())
    return refuse(R"(found no object with a text as "prompt", expected {"prompt": "..."})");
  PlannedRequest request{asked["prompt"].get<std::string>(), output_len};
  if (!asked.contains("output_tokens")) return request;
  const json& tokens = asked["output_tokens"];
  if (!tokens.is_number_integer() || tokens < 1 || tokens > longest)
    return refuse("output_tokens: found " + tokens.dump() + ", expected a whole number from 1 to " +
                  std::to_string(longest));
  request.output_len = tokens.get<int>();
  return request;
}

Result<std::vector<PlannedRequest>> read_dataset(const PlanOptions& options) {
  const std::string file = options.dataset_path.string();
  std::ifstream in(options.dataset_path);
  if (!in) return Error{ErrorCode::not_found, file + ": cannot open"};
  std::vector<PlannedRequest> all;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto request = read_line(line, options.output_len);
    if (!request)
      return Error{request.error().code,
                   file + ":" + std::to_string(number) + ": " + request.error().message};
    all.push_back(*std::move(request));
  }
  if (all.empty()) return Error{ErrorCode::invalid_argument, file + ": found no prompt"};
  return all;
}

Result<void> check(const PlanOptions& o) {
  const auto whole = [](const char* name, int value, int least) -> Result<void> {
    if (value >= least && value <= longest) return {};
    return Error{ErrorCode::invalid_argument,
                 std::string(name) + ": found " + std::to_string(value) + ", expected " +
                     std::to_string(least) + " to " + std::to_string(longest)};
  };
  LIMELIGHT_TRY(whole("num_prompts", o.num_prompts, 1));
  LIMELIGHT_TRY(whole("input_len", o.input_len, 1));
  LIMELIGHT_TRY(whole("prefix_len", o.prefix_len, 0));
  LIMELIGHT_TRY(whole("output_len", o.output_len, 1));
  const auto positive = [](const char* name, double value) -> Result<void> {
    if (value > 0) return {};
    return Error{ErrorCode::invalid_argument, std::string(name) + ": expected more than 0"};
  };
  LIMELIGHT_TRY(positive("request_rate", o.request_rate));
  LIMELIGHT_TRY(positive("burstiness", o.burstiness));
  if (!(o.range_ratio >= 0 && o.range_ratio < 1))
    return Error{ErrorCode::invalid_argument, "range_ratio: expected 0 or more, less than 1"};
  return {};
}

}  // namespace

Result<std::vector<PlannedRequest>> make_plan(const PlanOptions& options) {
  LIMELIGHT_TRY(check(options));
  std::mt19937_64 random(options.seed);
  std::vector<PlannedRequest> plan;
  if (!options.dataset_path.empty()) {
    const auto lines = read_dataset(options);
    if (!lines) return lines.error();
    for (int i = 0; i < options.num_prompts; ++i)
      plan.push_back((*lines)[static_cast<std::size_t>(i) % lines->size()]);
  } else {
    const std::string prefix = made(options.prefix_len, random);
    Lengths inputs(options.input_len, options.range_ratio);
    Lengths outputs(options.output_len, options.range_ratio);
    for (int i = 0; i < options.num_prompts; ++i) {
      const std::string own = made(inputs.next(random), random);
      plan.push_back({prefix.empty() ? own : prefix + " " + own, outputs.next(random)});
    }
  }
  if (std::isinf(options.request_rate)) return plan;
  std::gamma_distribution<double> interval(options.burstiness,
                                           1 / (options.request_rate * options.burstiness));
  double at = 0;
  for (PlannedRequest& request : plan) request.at_s = at += interval(random);
  const double scale = static_cast<double>(plan.size()) / options.request_rate / at;
  for (PlannedRequest& request : plan) request.at_s *= scale;
  return plan;
}

}  // namespace limelight::bench

#include "cli/sampling_flags.hpp"

#include <string>
#include <tuple>
#include <type_traits>

#include "cli/whole_number.hpp"

namespace limelight::cli {

namespace {

using stages::SamplingParams;

template <class T, class Member>
void add(CLI::App& command,
         RunOptions& options,
         const char* flag,
         Member SamplingParams::*member,
         const char* what) {
  CLI::Option* option = command.add_option_function<T>(
      flag,
      [&options, member](const T& value) {
        options.sampling.emplace_back(
            [member, value](SamplingParams& params) { params.*member = value; });
      },
      what);
  option->group("Sampling");
  if constexpr (std::is_unsigned_v<T>) option->check(whole_number());
}

}  // namespace

void add_sampling_flags(CLI::App& command, RunOptions& options) {
  const std::tuple<const char*, std::string stages::SpeechParams::*, const char*> voices[] = {
      {"--speaker", &stages::SpeechParams::speaker, "who speaks, of a model that has speakers"},
      {"--language", &stages::SpeechParams::language, "of the speech, such as english; else auto"},
      {"--instructions", &stages::SpeechParams::instructions, "how to speak, in plain words"}};
  for (const auto& [flag, member, what] : voices)
    command
        .add_option_function<std::string>(
            flag,
            [&options, member = member](const std::string& value) {
              options.sampling.emplace_back(
                  [member, value](SamplingParams& params) { params.speech.*member = value; });
            },
            what)
        ->group("Speech");
  command.add_option("--system", options.system, "system message, where a prompt has none")
      ->group("Sampling");
  add<float>(command, options, "--temperature", &SamplingParams::temperature, "0: greedy");
  add<float>(command, options, "--top-p", &SamplingParams::top_p,
             "the likeliest tokens with this probability together");
  add<int>(command, options, "--top-k", &SamplingParams::top_k,
           "so many of the likeliest tokens; 0 or -1: all");
  add<float>(command, options, "--min-p", &SamplingParams::min_p,
             "least probability, as a share of the likeliest token's");
  add<int>(command, options, "--max-tokens", &SamplingParams::max_tokens, "tokens of an answer");
  add<std::uint64_t>(command, options, "--seed", &SamplingParams::seed,
                     "the same seed gives the same answer; without one each request draws its own");
  command
      .add_option_function<std::vector<std::string>>(
          "--stop",
          [&options](const std::vector<std::string>& stops) {
            options.sampling.emplace_back([stops](SamplingParams& params) { params.stop = stops; });
          },
          "an answer ends before this text; may be given again")
      ->group("Sampling")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_flag_callback(
          "--ignore-eos",
          [&options] {
            options.sampling.emplace_back([](SamplingParams& p) { p.ignore_eos = true; });
          },
          "answers go on where the model would end them")
      ->group("Sampling");
  add<float>(command, options, "--presence-penalty", &SamplingParams::presence_penalty,
             "for tokens that the answer has, -2 to 2");
  add<float>(command, options, "--frequency-penalty", &SamplingParams::frequency_penalty,
             "for each time that the answer has the token, -2 to 2");
  add<float>(command, options, "--repetition-penalty", &SamplingParams::repetition_penalty,
             "divides the logits of tokens of prompt and answer; 1: none");
  add<int>(command, options, "--n", &SamplingParams::n, "answers to each prompt");
  add<int>(command, options, "--logprobs", &SamplingParams::logprobs,
           "likeliest tokens to report for each token, in outputs.jsonl and --json");
}

}  // namespace limelight::cli

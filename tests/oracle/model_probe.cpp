// Runs a model of this project, for comparisons with other implementations.
//
//   model_probe <model> [float32]
//
// It reads lines of {"text", "greedy"}, or with "ids" in place of the text, and writes lines of
// {"tokens", "logits", "answer"}. greedy: the number of tokens to generate; 0: only the tokens of
// the text. logits: those that the first of them was chosen by. With `float32` activations are
// not rounded to 8 bits. A line with "settings" is answered with how the files would have the model
// sample, what ends an answer, and the tokens of the text, alone and as a prompt.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <limelight/config.hpp>
#include <nlohmann/json.hpp>
#include <string_view>

#include "stages/models/model_file.hpp"
#include "stages/models/text_model.hpp"
#include "stages/models/tokenizer.hpp"

using namespace limelight::stages;
using nlohmann::json;

namespace {

json settings_of(const ModelFile& file, const Tokenizer& tokenizer, const std::string& text) {
  const auto& p = file.sampling();
  json settings{{"temperature", p.temperature},
                {"top_p", p.top_p},
                {"top_k", p.top_k},
                {"min_p", p.min_p},
                {"repetition_penalty", p.repetition_penalty},
                {"min_tokens", p.min_tokens},
                {"stop", p.stop},
                {"ends", tokenizer.ends()}};
  if (p.max_tokens) settings["max_tokens"] = *p.max_tokens;
  if (auto tokens = tokenizer.encode_plain(text)) settings["tokens"] = *tokens;
  if (auto tokens = tokenizer.encode_prompt(text)) settings["prompt"] = *tokens;
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const bool exact = argc == 3 && std::string_view(argv[2]) == "float32";
  auto file = argc == 2 || exact
                  ? ModelFile::open(find_model(argv[1], "."))
                  : limelight::Error{limelight::ErrorCode::invalid_argument,
                                     "usage: model_probe MODEL [float32] <lines >lines"};
  if (!file) return std::fprintf(stderr, "%s\n", file.error().message.c_str()), 1;
  auto made = make_tokenizer((*file)->tokenizer());
  if (!made) return std::fprintf(stderr, "%s\n", made.error().message.c_str()), 1;
  const auto tokenizer = std::move(*made);
  StageConfig config;
  set_model(*file, config);
  FileWeights weights(*file);
  const auto device =
      make_cpu_device({.activations = exact ? Activations::float32 : Activations::int8});
  const TextModel model(config, weights, *device, nullptr);
  const auto h = static_cast<std::size_t>(config.shape.hidden);
  for (std::string line; std::getline(std::cin, line);) {
    const json asked = json::parse(line);
    if (asked.contains("settings")) {
      std::cout << settings_of(**file, *tokenizer, asked["settings"]).dump() << "\n";
      continue;
    }
    std::vector<int> tokens = asked.contains("ids")
                                  ? asked["ids"].get<std::vector<int>>()
                                  : tokenizer->encode(asked["text"].get<std::string>());
    json answer{{"tokens", tokens}};
    KvCache cache = model.decoder().make_cache(1);
    KvCache::Sequence sequence;
    for (int i = 0; i < asked["greedy"].get<int>() && !tokens.empty(); ++i) {
      std::vector<float> rows(tokens.size() * h),
          logits(static_cast<std::size_t>(config.shape.vocab));
      for (std::size_t t = 0; t < tokens.size(); ++t)
        model.embed(tokens[t], std::span(rows).subspan(t * h, h));
      const Decoder::Part part{&sequence, static_cast<int>(tokens.size()), {}};
      if (auto done = model.decoder().forward(rows, {&part, 1}, cache); !done)
        return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
      model.logits(std::span(rows).last(h), logits);
      if (i == 0) answer["logits"] = logits;
      tokens.assign(
          1, static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      answer["answer"].push_back(tokens[0]);
    }
    std::cout << answer.dump() << "\n";
  }
}

// The small models in tests/fixtures, which an independent implementation has run
// (tests/oracle/make_model_fixtures.py).
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <iterator>
#include <memory>
#include <vector>

#include "stages/models/model_file.hpp"

namespace limelight::tests {

inline const std::filesystem::path fixtures = FIXTURES;

inline std::shared_ptr<const stages::ModelFile> open_model(const std::filesystem::path& path) {
  auto file = stages::ModelFile::open(path);
  if (!file) BOOST_FAIL(file.error().message);
  return *file;
}

struct Case {
  const char* folder;
  const char* file;
  double tolerance;  // of logits
};
// What the file holds is what the oracle computed with; blocks have their activations rounded to 8
// bits as well.
inline constexpr Case cases[] = {
    {"llama", "", 1e-4}, {"qwen2", "", 1e-4}, {"gguf", "model.gguf", 0.15}};
// One network of each other family, with what it is known for (tests/oracle/make_text_models.py,
// which makes many more).
inline constexpr Case families[] = {{"families/gemma2", "", 1e-4},
                                    {"families/gemma3_text-linear", "", 1e-4},
                                    {"families/gemma3_text-linear-gguf", "model.gguf", 1e-4},
                                    {"families/llama-biases-tied", "", 1e-4},
                                    {"families/mistral-window", "", 1e-4},
                                    {"families/phi3-longrope-partial-tied", "", 1e-4},
                                    {"families/phi3-partial-gguf", "model.gguf", 1e-4},
                                    {"families/qwen2_moe-gguf", "model.gguf", 1e-4},
                                    {"families/qwen2_moe-sparse-step", "", 1e-4},
                                    {"families/qwen3-tied", "", 1e-4},
                                    {"families/qwen3_moe-mlp-only", "", 1e-4},
                                    {"families/smollm3", "", 1e-4}};
inline std::vector<Case> all_cases() {
  std::vector<Case> all(std::begin(cases), std::end(cases));
  all.insert(all.end(), std::begin(families), std::end(families));
  return all;
}

}  // namespace limelight::tests

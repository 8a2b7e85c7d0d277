// The small models in tests/fixtures, which an independent implementation has run
// (tests/oracle/make_model_fixtures.py).
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>

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

}  // namespace limelight::tests

// Deploy configs that a test writes, over a small model's folder.
#pragma once

#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>

#include "tests/support.hpp"

namespace limelight::tests {

using stages::PipelineConfig;
using stages::StageConfig;

inline const std::string model = FIXTURES "/qwen2";

struct Written {
  Folder folder;
  std::filesystem::path file(const std::string& name, const std::string& text) const {
    return write_file(folder.path / name, text);
  }
  Result<PipelineConfig> with(const std::string& text, const std::string& overrides = "") const {
    return pipeline_of(
        {.model = model, .deploy_config = file("deploy.yaml", text), .stage_overrides = overrides});
  }
};

inline StageConfig stage_of(const Result<PipelineConfig>& config) {
  if (!config) BOOST_FAIL(config.error().message);
  return config->stages.front();
}
inline std::string refusal(const Result<PipelineConfig>& config) {
  return config ? "nothing was refused" : config.error().message;
}
inline std::string ignored_keys(const Result<PipelineConfig>& config) {
  std::string keys;
  if (!config) BOOST_FAIL(config.error().message);
  for (const auto& [key, why] : config->ignored) keys += (keys.empty() ? "" : " ") + key;
  return keys;
}

}  // namespace limelight::tests

#define TEST_FINDS(text, part) \
  BOOST_TEST((text).find(part) != std::string::npos, (text) << "\nwithout: " << (part))

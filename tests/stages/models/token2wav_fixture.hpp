// The small token2wav model in tests/fixtures, with what the reference computes of it
// (tests/oracle/make_token2wav_models.py).
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <limelight/config.hpp>
#include <memory>
#include <string>
#include <vector>

#include "stages/models/token2wav_model.hpp"

namespace limelight::tests {

struct Token2WavCase {
  const std::filesystem::path folder = std::filesystem::path(FIXTURES) / "token2wav";
  std::shared_ptr<const stages::Token2WavModel> model;
  std::shared_ptr<const stages::TensorFiles> expected;
  std::vector<std::int32_t> codes;
  std::uint64_t seed = 0;  // of the noise

  Token2WavCase() {
    const auto opened = stages::Token2WavModel::open(folder);
    if (!opened) BOOST_FAIL(opened.error().message);
    model = *opened;
    const auto found = stages::TensorFiles::open(folder / "expected.safetensors", "");
    if (!found) BOOST_FAIL(found.error().message);
    expected = *found;
    for (const float code : of("codes")) codes.push_back(static_cast<std::int32_t>(code));
    seed = static_cast<std::uint64_t>(of("noise_seed")[0]);
  }
  std::vector<float> of(const std::string& name) const { return expected->find(name)->floats(); }
  // How far a part may be from the reference, relative to its largest number.
  double limit(const std::string& name) const {
    const stages::StoredTensor* rounding = expected->find("rounding." + name);
    return std::max(1e-4, rounding ? 2 * static_cast<double>(rounding->floats()[0]) : 0);
  }
};

}  // namespace limelight::tests

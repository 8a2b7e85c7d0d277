// The small code2wav models in tests/fixtures, with what the reference computes of them.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <limelight/config.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stages/models/code2wav_model.hpp"

namespace limelight::tests {

struct Code2WavCase {
  std::shared_ptr<const stages::Code2WavModel> model;
  std::shared_ptr<const stages::TensorFiles> expected;
  std::vector<std::int32_t> codes;  // [count, codebooks]
  int count = 0;                    // frames

  explicit Code2WavCase(const std::string& name) {
    const std::filesystem::path folder = std::filesystem::path(FIXTURES) / name;
    const auto opened = stages::Code2WavModel::open(folder);
    if (!opened) BOOST_FAIL(opened.error().message);
    model = *opened;
    const auto found = stages::TensorFiles::open(folder / "expected.safetensors", "");
    if (!found) BOOST_FAIL(found.error().message);
    expected = *found;
    for (const float code : expected->find("codes")->floats())
      codes.push_back(static_cast<std::int32_t>(code));
    count = static_cast<int>(expected->find("codes")->shape[0]);
  }
  static stages::StageConfig config() {
    stages::StageConfig config;
    config.model_stage = "code2wav";
    config.shape.max_model_len = 8000;
    return config;
  }
  std::span<const std::int32_t> frames(int from, int number) const {
    const auto books = static_cast<std::size_t>(model->shape().codebooks);
    return std::span(codes).subspan(static_cast<std::size_t>(from) * books,
                                    static_cast<std::size_t>(number) * books);
  }
  std::vector<float> wave(const std::string& name) const { return expected->find(name)->floats(); }
  std::string last_part() const {
    return "decoder." + std::to_string(model->shape().rates.size() + 2);
  }
};

// The largest difference, as a share of the largest number that is expected.
inline double relative_difference(std::span<const float> found, std::span<const float> expected) {
  double most = 0, apart = found.size() == expected.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    most = std::max(most, std::abs(static_cast<double>(expected[i])));
    const double here = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    apart = std::isnan(here) ? INFINITY : std::max(apart, here);
  }
  return apart / most;
}

}  // namespace limelight::tests

// Small sounds and pictures, with the features that the reference computes of them
// (tests/oracle/make_media_fixtures.py).
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "tests/support.hpp"

namespace limelight::tests {

inline const std::filesystem::path media_fixtures = std::filesystem::path(FIXTURES) / "media";

struct ExpectedFeatures {
  std::string file;
  int rows = 0, cols = 0;
  std::vector<float> values;
};
// values_of_a_patch: of a place of a picture's shape.
inline std::vector<ExpectedFeatures> expected_features(std::size_t values_of_a_patch) {
  const auto shapes = nlohmann::ordered_json::parse(read_file(media_fixtures / "expected.json"));
  const std::string bytes = read_file(media_fixtures / "expected.bin");
  std::vector<ExpectedFeatures> all;
  std::size_t at = 0;
  for (const auto& [file, shape] : shapes.items()) {
    ExpectedFeatures one{file, shape[0], shape[1], {}};
    const bool sound = file.find("0.") != std::string::npos;
    one.values.resize(static_cast<std::size_t>(one.rows) * static_cast<std::size_t>(one.cols) *
                      (sound ? 1 : values_of_a_patch));
    std::memcpy(one.values.data(), bytes.data() + at, one.values.size() * sizeof(float));
    at += one.values.size() * sizeof(float);
    all.push_back(std::move(one));
  }
  BOOST_TEST_REQUIRE(at == bytes.size());
  return all;
}

inline double largest_difference(std::span<const float> a, std::span<const float> b) {
  BOOST_TEST_REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
  return largest;
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace limelight::tests

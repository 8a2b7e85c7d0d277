// Runs the encoders of a folder of tests/oracle/make_encoder_models.py, and compares what they
// compute with what the reference did.
#pragma once

#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "stages/models/audio_encoder.hpp"
#include "stages/models/vision_encoder.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

// A file of float32 tensors, in as much of the format as these files use. Names lose ".weight" and
// `prefix`. A tensor is flat: its rows and columns are what is asked for.
class PlainTensors final : public stages::WeightLoader {
 public:
  explicit PlainTensors(const std::filesystem::path& path, const std::string& prefix = "") {
    const std::string bytes = read_file(path);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    const auto entries = nlohmann::json::parse(bytes.substr(8, header));
    for (const auto& [name, entry] : entries.items()) {
      if (name == "__metadata__") continue;
      std::string ours = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
      if (ours.ends_with(".weight")) ours.erase(ours.size() - 7);
      const std::size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
      auto& values = values_[ours];
      values.resize((end - begin) / sizeof(float));
      std::memcpy(values.data(), bytes.data() + 8 + header + begin, end - begin);
    }
  }
  bool has(const std::string& name) const override { return values_.contains(name); }
  std::vector<float> load(const std::string& name, const stages::MatrixPart& part) override {
    const auto& values = values_.at(name);
    if (values.size() !=
        static_cast<std::size_t>(part.full_rows) * static_cast<std::size_t>(part.full_cols))
      throw std::runtime_error(name + " has another size");
    return values;
  }
  const std::map<std::string, std::vector<float>>& all() const { return values_; }

 private:
  std::map<std::string, std::vector<float>> values_;
};

// By how much each state differs, relative to the largest number of the reference's.
inline std::map<std::string, double> compare_encoders(const std::filesystem::path& folder) {
  const auto config = stages::read_encoder_config(folder / "config.json");
  if (!config.ok()) throw std::runtime_error(config.error().message);
  const auto shapes = nlohmann::json::parse(read_file(folder / "expected.json"));
  PlainTensors weights(folder / "model.safetensors", "thinker.");
  const PlainTensors expected(folder / "expected.safetensors");
  std::map<std::string, double> differences;
  const auto compare = [&](const std::string& name, std::span<const float> ours) {
    const auto& theirs = expected.all().at(name);
    double largest = 0, difference = 0;
    if (ours.size() != theirs.size()) difference = 1e9;
    for (std::size_t i = 0; i < ours.size() && difference < 1e9; ++i) {
      largest = std::max(largest, static_cast<double>(std::abs(theirs[i])));
      difference = std::max(difference, static_cast<double>(std::abs(theirs[i] - ours[i])));
    }
    differences[name] = difference / std::max(largest, 1e-9);
  };
  std::size_t next = 0;
  const auto input = [&](std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values)
      value = static_cast<float>(std::sin(static_cast<double>(next++ % 1009)));
    return values;
  };
  const auto device = stages::make_cpu_device();
  std::vector<stages::LogMelSound> sounds;
  for (const int frames : shapes["frames"])
    sounds.push_back({frames, input(static_cast<std::size_t>(frames) *
                                    static_cast<std::size_t>(config->audio.mels))});
  const stages::AudioEncoder audio(config->audio, weights, *device);
  const auto heard = audio.encode(
      sounds, [&](const std::string& name, auto rows) { compare("audio." + name, rows); });
  std::vector<float> joined;
  for (const auto& rows : *heard) joined.insert(joined.end(), rows.begin(), rows.end());
  compare("audio.out", joined);
  next = 0;
  std::vector<stages::ImagePatches> images;
  for (const auto& grid : shapes["grids"]) {
    const int rows = grid[0], cols = grid[1];
    images.push_back({rows, cols,
                      input(static_cast<std::size_t>(rows * cols) *
                            static_cast<std::size_t>(config->vision.values()))});
  }
  const stages::VisionEncoder vision(config->vision, weights, *device);
  const auto seen = vision.encode(
      images, [&](const std::string& name, auto rows) { compare("vision." + name, rows); });
  joined.clear();
  for (const auto& image : *seen) joined.insert(joined.end(), image.rows.begin(), image.rows.end());
  compare("vision.out", joined);
  for (std::size_t d = 0; d < config->vision.deepstack.size(); ++d) {
    joined.clear();
    for (const auto& image : *seen)
      joined.insert(joined.end(), image.deepstack[d].begin(), image.deepstack[d].end());
    compare("vision.deepstack." + std::to_string(d), joined);
  }
  for (const auto& [name, values] : expected.all())
    if (!differences.contains(name)) throw std::runtime_error(name + " was not computed");
  return differences;
}

}  // namespace limelight::tests

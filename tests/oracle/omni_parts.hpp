// What the probes of models with a thinker and a talker share.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limelight/config.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stages/models/decoder.hpp"
#include "stages/models/model_file.hpp"
#include "tests/stages/collected.hpp"

namespace limelight::tests {

[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}
template <class T>
T need(Result<T> result) {
  if (!result) fail(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

struct Part {
  stages::StageConfig config;
  std::unique_ptr<stages::Device> device =
      stages::make_cpu_device({.activations = stages::Activations::float32});
  Part(const std::string& folder, const char* part, const char* speaker) {
    config.model_stage = part;
    config.speaker = speaker;
    stages::set_model(need(stages::ModelFile::open(folder, part)), config);
  }
};

template <class T>
std::span<const T> as(const Collected::Chunk& chunk) {
  return {reinterpret_cast<const T*>(chunk.data.data()), chunk.data.size() / sizeof(T)};
}

// Rows of a network: the states after all layers and the logits.
struct Rows {
  std::vector<std::vector<float>> states;  // [layers + 1][rows * hidden]
  std::vector<float> logits;
};
using Head = std::function<void(std::span<const float> rows, std::span<float> logits)>;
inline Rows run(const Part& part,
                const stages::Decoder& decoder,
                const Head& head,
                std::vector<float> x,
                const std::vector<std::int32_t>& turns = {},
                const std::vector<float>& added = {}) {
  const int layers = part.config.shape.layers;
  const std::size_t h = static_cast<std::size_t>(part.config.shape.hidden), n = x.size() / h;
  std::vector<int> all;
  for (int layer = 0; layer <= layers; ++layer) all.push_back(layer);
  stages::KvCache cache = decoder.make_cache(1, all);
  stages::KvCache::Sequence sequence;
  const stages::Decoder::Part rows{&sequence, static_cast<int>(n), {}, turns, added};
  need(decoder.forward(x, {&rows, 1}, cache));
  Rows made;
  for (std::size_t i = 0; i < all.size(); ++i)
    decoder.read_states(sequence, 0, cache, i, made.states.emplace_back(n * h));
  made.logits.resize(n * static_cast<std::size_t>(part.config.shape.vocab));
  head(x, made.logits);
  return made;
}

// The logits of all rows but the first few.
inline std::vector<float> logits_behind(std::size_t rows, const Part& part, const Rows& made) {
  const std::size_t skipped = rows * static_cast<std::size_t>(part.config.shape.vocab);
  return {made.logits.begin() + static_cast<std::ptrdiff_t>(skipped), made.logits.end()};
}

}  // namespace limelight::tests

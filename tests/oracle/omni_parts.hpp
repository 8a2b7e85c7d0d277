// What the probes of models with a thinker and a talker share.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limelight/config.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "stages/models/decoder.hpp"
#include "stages/models/media_encoders.hpp"
#include "stages/models/model_file.hpp"
#include "tests/stages/collected.hpp"
#include "tests/support.hpp"

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

// A user's message of texts and files in a folder: {"parts": [{"text"}, {"audio"}, {"image"}]}.
inline std::vector<ContentPart> parts_of(const std::string& folder, const nlohmann::json& asked) {
  std::vector<ContentPart> parts;
  for (const nlohmann::json& one : asked["parts"]) {
    if (one.contains("text")) {
      parts.push_back({.text = one["text"]});
      continue;
    }
    const bool sound = one.contains("audio");
    const std::string name = one[sound ? "audio" : "image"];
    parts.push_back({.kind = sound ? ContentPart::Kind::audio : ContentPart::Kind::image,
                     .name = name,
                     .data = read_file(folder + "/" + name)});
  }
  return parts;
}

// The encoders' rows in place of the placeholders' of a prompt, and what the decoder needs with
// them, for all of `tokens`.
struct Mixed {
  std::vector<std::int32_t> turns;
  std::vector<float> added;
};
inline Mixed mix_in(const std::string& folder,
                    const Part& thinker,
                    const nlohmann::json& asked,
                    const std::vector<int>& tokens,
                    std::vector<float>& x) {
  const auto parts = parts_of(folder, asked);
  std::vector<const ContentPart*> files;
  for (const ContentPart& part : parts)
    if (part.kind != ContentPart::Kind::text) files.push_back(&part);
  if (files.empty()) return {};
  stages::MediaEncoders encoders(thinker.config.model, *thinker.device, 1 << 20);
  const stages::MediaFeatures features = need(encoders.read(files));
  const auto encoded = need(encoders.encode(features));
  const auto h = static_cast<std::size_t>(thinker.config.shape.hidden);
  const stages::OmniMedia& media = *thinker.config.model->media();
  Mixed mixed;
  for (const bool picture : {false, true}) {
    std::vector<float> rows;
    std::vector<std::vector<float>> deep;
    std::vector<stages::MediaGrid> grids;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      if (features.grids[i].picture != picture) continue;
      grids.push_back(features.grids[i]);
      rows.insert(rows.end(), encoded[i].rows.begin(), encoded[i].rows.end());
      deep.resize(encoded[i].deepstack.size());
      for (std::size_t d = 0; d < deep.size(); ++d)
        deep[d].insert(deep[d].end(), encoded[i].deepstack[d].begin(),
                       encoded[i].deepstack[d].end());
    }
    const int placeholder = picture ? media.picture_token() : media.sound_token();
    std::size_t next = 0;
    if (!deep.empty()) mixed.added.resize(deep.size() * x.size());
    for (std::size_t i = 0; i < tokens.size() && (next + 1) * h <= rows.size(); ++i) {
      if (tokens[i] != placeholder) continue;
      std::copy_n(rows.data() + next * h, h, x.data() + i * h);
      for (std::size_t d = 0; d < deep.size(); ++d)
        std::copy_n(deep[d].data() + next * h, h, mixed.added.data() + d * x.size() + i * h);
      ++next;
    }
    if (!grids.empty() && picture) mixed.turns = stages::turns_of(tokens, placeholder, grids).turns;
  }
  return mixed;
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

#include "stages/models/code_predictor.hpp"

#include "base/try.hpp"

namespace limelight::stages {

namespace {
StageConfig predictor_config(StageConfig config, const CodePredictorShape& shape) {
  config.shape = shape.decoder;
  config.shape.max_model_len = shape.groups;
  config.cache = {.share_prefixes = false};
  return config;
}
}  // namespace

CodePredictor::CodePredictor(const StageConfig& config,
                             const CodePredictorShape& shape,
                             WeightLoader& weights,
                             Device& device)
    : config_(predictor_config(config, shape)),
      groups_(shape.groups),
      width_(shape.width),
      device_(device),
      weights_(weights, "predictor."),
      decoder_(config_, weights_, device, nullptr),
      cache_(decoder_.make_cache(config.max_batch_size)),
      projection_bias_(device) {
  const int vocab = config_.shape.vocab, h = config_.shape.hidden;
  for (int g = 0; g + 1 < groups_; ++g) {
    const std::string number = std::to_string(g);
    embeddings_.push_back(weights_.rows("embed." + number, vocab, width_));
    heads_.push_back(
        weights_.matrix(device, "head." + number, MatrixPart::whole(vocab, h), config_.dtype));
  }
  if (width_ == h) return;
  projection_ = weights_.matrix(device, "projection", MatrixPart::whole(h, width_), config_.dtype);
  projection_bias_ = load_vector(weights_, device, "projection.bias", h, 0, h);
}

void CodePredictor::narrow(std::vector<float>& rows) const {
  if (!projection_) return;
  const std::size_t n = rows.size() / static_cast<std::size_t>(width_),
                    h = static_cast<std::size_t>(config_.shape.hidden);
  Array in(device_, rows.size()), out(device_, n * h);
  device_.upload(rows, in.span());
  device_.linear(in.span(), *projection_, out.span(), static_cast<int>(n));
  device_.add(out.span(), projection_bias_.span());
  rows.resize(n * h);
  device_.download(out.span(), rows);
}

void CodePredictor::add_embedding(int group, int code, std::span<float> row) const {
  std::vector<float> values(row.size());
  embeddings_[static_cast<std::size_t>(group - 1)](code, values);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += values[i];
}

// rows: [frames, hidden], what the decoder gave for the code before this one.
Result<void> CodePredictor::choose(int group,
                                   std::span<const float> rows,
                                   std::span<Sampler* const> samplers,
                                   std::span<std::int32_t> codes,
                                   std::span<Error> errors) {
  const std::size_t frames = samplers.size(), others = static_cast<std::size_t>(groups_ - 1),
                    vocab = static_cast<std::size_t>(config_.shape.vocab),
                    at = static_cast<std::size_t>(group - 1);
  std::vector<float> logits(frames * vocab);
  linear_of_host(device_, rows, *heads_[at], logits, static_cast<int>(frames));
  for (std::size_t f = 0; f < frames; ++f) {
    const auto code = samplers[f]->next(std::span(logits).subspan(f * vocab, vocab));
    if (code) codes[f * others + at] = *code;
    else errors[f] = code.error();
  }
  return {};
}

Result<void> CodePredictor::predict(std::vector<float> rows,
                                    std::span<Sampler* const> samplers,
                                    std::span<std::int32_t> codes,
                                    std::span<Error> errors) {
  const std::size_t frames = samplers.size(), others = static_cast<std::size_t>(groups_ - 1),
                    h = static_cast<std::size_t>(config_.shape.hidden),
                    width = static_cast<std::size_t>(width_);
  std::vector<KvCache::Sequence> sequences(frames);
  const auto forward = [&](int each) {
    narrow(rows);
    std::vector<Decoder::Part> parts;
    for (KvCache::Sequence& sequence : sequences) parts.push_back({&sequence, each, {}});
    return decoder_.forward(rows, parts, cache_);
  };
  const auto predicted = [&]() -> Result<void> {
    LIMELIGHT_TRY(forward(2));
    for (std::size_t f = 0; f < frames; ++f)  // the row of the first code is the last one
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>((2 * f + 1) * h), h,
                  rows.begin() + static_cast<std::ptrdiff_t>(f * h));
    rows.resize(frames * h);
    for (int group = 1;; ++group) {
      LIMELIGHT_TRY(choose(group, rows, samplers, codes, errors));
      if (group + 1 == groups_) return {};
      rows.resize(frames * width);
      for (std::size_t f = 0; f < frames; ++f)
        embeddings_[static_cast<std::size_t>(group - 1)](
            codes[f * others + static_cast<std::size_t>(group - 1)],
            std::span(rows).subspan(f * width, width));
      LIMELIGHT_TRY(forward(1));
    }
  };
  const Result<void> done = predicted();
  for (KvCache::Sequence& sequence : sequences) cache_.release(sequence);
  return done;
}

}  // namespace limelight::stages

#include "stages/models/code2wav_network.hpp"

#include <algorithm>
#include <limelight/span.hpp>

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

StageConfig with_shape(StageConfig config, const Code2WavShape& shape) {
  const int max_model_len = std::min(config.shape.max_model_len, shape.transformer.max_model_len);
  config.shape = shape.transformer;
  config.shape.max_model_len = max_model_len;
  config.cache.share_prefixes = false;
  return config;
}

// Blocks that hold all positions that a row of a call sees, from the first row to the last.
int blocks_of_stream(const StageConfig& config) {
  const int positions = config.shape.layer(0).window - 1 + Code2WavNetwork::most_frames;
  return (positions + config.cache.block_size - 1) / config.cache.block_size;
}

// Numbers of the rows that a block computes at a time: few enough for a cache of the processor,
// enough to make up for reading its weights.
constexpr int piece_numbers = 1 << 17, least_rows = 192;

}  // namespace

Code2WavNetwork::Code2WavNetwork(const StageConfig& config,
                                 std::shared_ptr<const Code2WavModel> model,
                                 int streams,
                                 Device& device)
    : config_(with_shape(config, model->shape())),
      model_(std::move(model)),
      device_(device),
      scratch_(device),
      y_(device),
      decoder_([&] {
        Code2WavTransformerWeights weights(*model_);
        return Decoder(config_, weights, device, nullptr);
      }()),
      cache_(device,
             {.layers = config_.shape.layers,
              .width = config_.shape.kv_heads * config_.shape.head_dim,
              .blocks = blocks_of_stream(config_) * streams,
              .block_size = config_.cache.block_size,
              .share = false}),
      last_snake_{Array(device), Array(device)} {
  const Code2WavShape& shape = model_->shape();
  const ConvolutionLoader load(model_->files(), device, config.dtype, scratch_);
  if (shape.latent > 0) load_latent(load);
  for (std::size_t i = 0; i < shape.ratios.size(); ++i) {
    const std::string at = "upsample." + std::to_string(i) + ".";
    const std::vector<float> stored = load.floats(at + "1.dwconv.conv.weight"),
                             gamma = load.floats(at + "1.gamma");
    const std::size_t width = gamma.size(), taps = stored.size() / width;
    std::vector<float> channels(stored.size());
    for (std::size_t c = 0; c < width; ++c)
      for (std::size_t tap = 0; tap < taps; ++tap)
        channels[tap * width + c] = stored[c * taps + tap];
    // What the block's output is multiplied by is part of its last matrix.
    std::vector<float> out = load.floats(at + "1.pwconv2.weight"),
                       out_bias = load.floats(at + "1.pwconv2.bias");
    for (std::size_t j = 0; j < out.size(); ++j) out[j] *= gamma[j / (out.size() / width)];
    for (std::size_t j = 0; j < width; ++j) out_bias[j] *= gamma[j];
    upsamplers_.push_back(
        {.wider = load.transposed(at + "0.conv", shape.ratios[i]),
         .channels = load.upload(channels),
         .channels_bias = load.vector(at + "1.dwconv.conv.bias"),
         .norm_weight = load.vector(at + "1.norm.weight"),
         .norm_bias = load.vector(at + "1.norm.bias"),
         .in_bias = load.vector(at + "1.pwconv1.bias"),
         .out_bias = load.upload(out_bias),
         .in = load.matrix(at + "1.pwconv1.weight"),
         .out = device.pack(out, shape.width(), 4 * shape.width(), config.dtype)});
  }
  first_.push_back(load.convolution("decoder.0.conv"));
  for (std::size_t i = 0; i < shape.rates.size(); ++i) {
    const std::string at = "decoder." + std::to_string(i + 1) + ".block.";
    Block block{.snake = load.snake(at + "0"),
                .wider = load.transposed(at + "1.conv", shape.rates[i]),
                .units = {},
                .x = Array(device)};
    for (const auto& [place, dilation] : {std::pair{"2.", 1}, {"3.", 3}, {"4.", 9}})
      block.units.push_back({.first_snake = load.snake(at + place + "act1"),
                             .second_snake = load.snake(at + place + "act2"),
                             .first = load.convolution(at + place + "conv1.conv", dilation),
                             .second = load.convolution(at + place + "conv2.conv")});
    blocks_.push_back(std::move(block));
  }
  last_snake_ = load.snake("decoder." + std::to_string(shape.rates.size() + 1));
  last_.push_back(load.convolution("decoder." + std::to_string(shape.rates.size() + 2) + ".conv"));
}

// A row of a codebook is its sum over the number of what was summed up, projected; the projected
// rows are kept.
void Code2WavNetwork::load_latent(const ConvolutionLoader& load) {
  constexpr float least_usage = 1e-5f;
  const Code2WavShape& shape = model_->shape();
  const auto size = static_cast<std::size_t>(shape.codebook_size),
             width = static_cast<std::size_t>(shape.quantized), inner = width / 2;
  for (int book = 0; book < shape.codebooks; ++book) {
    const std::string at = book == 0 ? "quantizer.rvq_first." : "quantizer.rvq_rest.",
                      layer =
                          at + "vq.layers." + std::to_string(std::max(book - 1, 0)) + "._codebook.";
    const std::vector<float> usage = load.floats(layer + "cluster_usage");
    std::vector<float> rows = load.floats(layer + "embedding_sum"), projected(size * width);
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i] /= std::max(usage[i / inner], least_usage);
    const auto projection = device_.pack(load.floats(at + "output_proj.weight"), shape.quantized,
                                         static_cast<int>(inner), ipc::DType::float32);
    linear_of_host(device_, rows, *projection, projected, shape.codebook_size);
    sums_.insert(sums_.end(), projected.begin(), projected.end());
  }
  before_.push_back(load.convolution("pre_conv.conv"));
  for (const char* name : {"pre_transformer.input_proj", "pre_transformer.output_proj"})
    in_out_.push_back(
        {load.matrix(std::string(name) + ".weight"), load.vector(std::string(name) + ".bias")});
}

std::vector<float> Code2WavNetwork::project(const Projection& projection,
                                            std::span<const float> rows) {
  const int n = static_cast<int>(rows.size()) / projection.weights->in;
  Array x(device_, rows.size()), y(device_, static_cast<std::size_t>(n) * projection.bias.size());
  device_.upload(rows, x.span());
  device_.convolve(x.span(), *projection.weights, projection.bias.span(), y.span(), n, 1, 1);
  std::vector<float> out(y.size());
  device_.download(y.span(), out);
  return out;
}

std::vector<float> Code2WavNetwork::embedded(std::span<const std::int32_t> codes) const {
  const Code2WavShape& shape = model_->shape();
  const auto books = static_cast<std::size_t>(shape.codebooks),
             size = static_cast<std::size_t>(shape.codebook_size),
             width = static_cast<std::size_t>(shape.latent > 0 ? shape.quantized
                                                               : shape.transformer.hidden);
  std::vector<float> x(codes.size() / books * width), one(width);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto row = std::span(x).subspan(i / books * width, width);
    const std::size_t from = (i % books * size + static_cast<std::size_t>(codes[i])) * width;
    if (shape.latent > 0)
      std::copy_n(sums_.begin() + static_cast<std::ptrdiff_t>(from), width, one.begin());
    else model_->tensor("code_embedding.weight").read(from, one.data(), width);
    for (std::size_t j = 0; j < width; ++j) row[j] += one[j];
  }
  if (shape.latent == 0)
    for (float& value : x) value /= static_cast<float>(books);
  return x;
}

std::vector<float> Code2WavNetwork::embed(std::span<const std::int32_t> codes, Stream& stream) {
  std::vector<float> x = embedded(codes);
  if (observe) observe("embedding", x);
  if (before_.empty() || codes.empty()) return x;
  if (stream.sequence.position == 0) {
    stream.before.clear();
    stream.before.push_back(before_[0].begin(true));
  }
  before_[0].run(
      static_cast<int>(x.size()) / model_->shape().quantized,
      [&](std::span<float> to) { device_.upload(x, to); }, stream.before[0], y_);
  x.resize(y_.size());
  device_.download(y_.span(), x);
  if (observe) observe("pre_conv", x);
  return project(in_out_[0], x);
}

void Code2WavNetwork::seen(const std::string& part, std::span<const float> rows) const {
  if (!observe) return;
  std::vector<float> host(rows.size());
  device_.download(rows, host);
  observe(part, host);
}

// The pasts are in the order in which the convolutions run.
Code2WavNetwork::Stream Code2WavNetwork::begin() const {
  Stream stream;
  const bool ahead = model_->shape().looks_ahead;
  for (const Upsampler& up : upsamplers_) {
    Past zeros{Array(device_, up.channels.size() - up.norm_weight.size()), 0};
    zeros.count = static_cast<int>(zeros.rows.size() / up.norm_weight.size());
    device_.clear(zeros.rows.span());
    stream.pasts.push_back(std::move(zeros));
  }
  stream.pasts.push_back(first_[0].begin(true));
  for (const Block& block : blocks_) {
    stream.pasts.push_back(block.wider.begin(!ahead));
    for (const ResidualUnit& unit : block.units) stream.pasts.push_back(unit.first.begin(true));
  }
  stream.pasts.push_back(last_[0].begin(true));
  return stream;
}

bool Code2WavNetwork::hold(Stream& stream) {
  return !stream.sequence.blocks.empty() ||
         cache_.reserve(blocks_of_stream(config_) * config_.cache.block_size, stream.sequence);
}

void Code2WavNetwork::release(Stream& stream) {
  std::vector<std::int32_t>& blocks = stream.sequence.blocks;
  if (!blocks.empty()) blocks.resize(static_cast<std::size_t>(blocks_of_stream(config_)));
  cache_.release(stream.sequence);
}

Result<std::vector<float>> Code2WavNetwork::attend(std::span<const Frames> frames) {
  static const prof::NameId name =
      prof::intern("attend", prof::Category::cpu_op, prof::ValueKind::dims);
  const auto hidden = static_cast<std::size_t>(config_.shape.hidden),
             books = static_cast<std::size_t>(model_->shape().codebooks);
  std::vector<float> x;
  std::vector<Decoder::Part> parts;
  for (const Frames& some : frames) {
    const std::vector<float> rows_of_codes = embed(some.codes, *some.stream);
    x.insert(x.end(), rows_of_codes.begin(), rows_of_codes.end());
    const int rows = static_cast<int>(some.codes.size() / books);
    // The blocks that it holds come again when all are full: what they had is out of sight.
    KvCache::Sequence& sequence = some.stream->sequence;
    const auto ring = static_cast<std::size_t>(blocks_of_stream(config_));
    const int needed = cache_.blocks_for(sequence.position + rows);
    while (static_cast<int>(sequence.blocks.size()) < needed)
      sequence.blocks.push_back(sequence.blocks[sequence.blocks.size() - ring]);
    if (rows > 0) parts.push_back({&sequence, rows, {}});
  }
  const prof::Span span(name, prof::pack_dims(x.size() / hidden, hidden, 0));
  if (!parts.empty())
    if (const auto done = decoder_.forward(x, parts, cache_); !done) return done.error();
  if (!in_out_.empty() && !x.empty()) x = project(in_out_[1], x);
  if (observe) observe("transformer", x);
  return x;
}

// Replaces x, `rows` rows, and returns how many there are then. Source of the second half: ConvNeXt
// (Liu et al. 2022).
int Code2WavNetwork::upsample(std::size_t index, int rows, Past*& past, Array& x) {
  const Upsampler& up = upsamplers_[index];
  const int width = model_->shape().width();
  Past none{Array(device_), 0};  // its kernel is as long as its stride
  const int n = up.wider.run(
      rows, [&](std::span<float> to) { device_.copy(x.span(), to); }, none, y_);
  std::swap(x, y_);
  const int before = static_cast<int>(up.channels.size()) / width - 1;
  extend(
      device_, n, width, before, [&](std::span<float> to) { device_.copy(x.span(), to); }, *past++,
      scratch_);
  Array normed(device_, x.size()), inner(device_, 4 * x.size());
  device_.convolve_channels(scratch_.span(), up.channels.span(), normed.span(), n, width);
  device_.add(normed.span(), up.channels_bias.span());
  device_.layer_norm(normed.span(), normed.span(), up.norm_weight.span(), up.norm_bias.span(),
                     1e-6f);
  device_.convolve(normed.span(), *up.in, up.in_bias.span(), inner.span(), n, 1, 1);
  device_.activate(inner.span(), Activation::gelu);
  device_.convolve(inner.span(), *up.out, up.out_bias.span(), normed.span(), n, 1, 1);
  device_.add(x.span(), normed.span());
  seen("upsample." + std::to_string(index), x.span());
  return n;
}

void Code2WavNetwork::blocks(std::size_t index,
                             std::span<const float> x,
                             std::span<Past> pasts,
                             std::vector<float>& samples) {
  const auto apply = [&](const Snake& snake, std::span<const float> from, std::span<float> to) {
    device_.snake(from, to, snake.frequencies.span(), snake.amplitudes.span());
  };
  if (index == blocks_.size()) {
    const int n = static_cast<int>(x.size() / last_snake_.frequencies.size());
    last_[0].run(
        n,
        [&](std::span<float> to) {
          apply(last_snake_, x, to);
          seen("decoder." + std::to_string(index + 1), to);
        },
        pasts[0], y_);
    const std::size_t old = samples.size();
    samples.resize(old + y_.size());
    device_.download(y_.span(), std::span(samples).subspan(old));
    for (float& sample : std::span(samples).subspan(old)) sample = std::clamp(sample, -1.0f, 1.0f);
    return;
  }
  Block& block = blocks_[index];
  const std::size_t in = static_cast<std::size_t>(block.wider.in());
  const int rate = model_->shape().rates[index],
            piece = (std::max(piece_numbers / block.wider.out(), least_rows) + rate - 1) / rate;
  for (std::size_t at = 0; at < x.size(); at += static_cast<std::size_t>(piece) * in) {
    const auto from = x.subspan(at, std::min(x.size() - at, static_cast<std::size_t>(piece) * in));
    int n = block.wider.run(
        static_cast<int>(from.size() / in),
        [&](std::span<float> to) { apply(block.snake, from, to); }, pasts[0], block.x);
    Past* past = &pasts[1];
    for (const ResidualUnit& unit : block.units) {
      if (n == 0) break;
      unit.first.run(
          n, [&](std::span<float> to) { apply(unit.first_snake, block.x.span(), to); }, *past++,
          y_);
      Past none{Array(device_), 0};
      unit.second.run(
          n, [&](std::span<float> to) { apply(unit.second_snake, y_.span(), to); }, none, y_);
      device_.add(block.x.span(), y_.span());
    }
    seen("decoder." + std::to_string(index + 1), block.x.span());
    if (n > 0) blocks(index + 1, block.x.span(), pasts.subspan(1 + block.units.size()), samples);
  }
}

void Code2WavNetwork::sound(std::span<const float> rows,
                            Stream& stream,
                            std::vector<float>& samples) {
  static const prof::NameId name =
      prof::intern("upsample", prof::Category::cpu_op, prof::ValueKind::dims);
  if (rows.empty()) return;
  const auto hidden = static_cast<std::size_t>(model_->shape().width());
  const prof::Span span(name, prof::pack_dims(rows.size() / hidden, hidden, 0));
  Array x(device_, rows.size());
  device_.upload(rows, x.span());
  int n = static_cast<int>(rows.size() / hidden);
  Past* past = stream.pasts.data();
  for (std::size_t i = 0; i < upsamplers_.size(); ++i) n = upsample(i, n, past, x);
  Array wave(device_);
  first_[0].run(
      n, [&](std::span<float> to) { device_.copy(x.span(), to); }, *past++, wave);
  seen("decoder.0", wave.span());
  const auto done = static_cast<std::size_t>(past - stream.pasts.data());
  blocks(0, wave.span(), std::span(stream.pasts).subspan(done), samples);
}

}  // namespace limelight::stages

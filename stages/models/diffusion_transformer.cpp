#include "stages/models/diffusion_transformer.hpp"

#include <algorithm>
#include <cmath>
#include <limelight/span.hpp>

#include "stages/models/layer_span.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

constexpr std::size_t time_width = 256;

std::size_t size(int number) { return static_cast<std::size_t>(number); }

void silu(std::span<float> x) {
  for (float& value : x) value /= 1 + std::exp(-value);
}

// Norm of each row, then (1 + scale) and shift.
std::vector<float> modulated(std::span<const float> x,
                             std::span<const float> scale,
                             std::span<const float> shift) {
  constexpr double epsilon = 1e-6;
  const std::size_t width = scale.size();
  std::vector<float> y(x.size());
  for (std::size_t row = 0; row < x.size(); row += width) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < width; ++i) sum += static_cast<double>(x[row + i]);
    const double mean = sum / static_cast<double>(width);
    for (std::size_t i = 0; i < width; ++i) {
      const double away = static_cast<double>(x[row + i]) - mean;
      squares += away * away;
    }
    const auto by =
        static_cast<float>(1 / std::sqrt(squares / static_cast<double>(width) + epsilon));
    const auto middle = static_cast<float>(mean);
    for (std::size_t i = 0; i < width; ++i)
      y[row + i] = (x[row + i] - middle) * by * (1 + scale[i]) + shift[i];
  }
  return y;
}

void add_gated(std::span<float> x, std::span<const float> y, std::span<const float> gate) {
  for (std::size_t row = 0; row < x.size(); row += gate.size())
    for (std::size_t i = 0; i < gate.size(); ++i) x[row + i] += gate[i] * y[row + i];
}

}  // namespace

DiffusionTransformer::DiffusionTransformer(const DiffusionShape& shape,
                                           WeightLoader& weights,
                                           Device& device,
                                           const std::string& at,
                                           float guidance)
    : shape_(shape),
      guidance_(guidance),
      speaker_(shape.speaker, weights, device, at + "input_embed.spk_encoder."),
      time1_(weights,
             device,
             at + "time_embed.time_mlp.0",
             shape.hidden,
             static_cast<int>(time_width)),
      time2_(weights, device, at + "time_embed.time_mlp.2", shape.hidden, shape.hidden),
      code_embedding_(weights.load(at + "text_embed.codec_embed",
                                   MatrixPart::whole(shape.codes + 1, shape.code_width))),
      in_bias_(weights.load(at + "input_embed.proj.bias", MatrixPart::whole(1, shape.hidden))),
      out_modulation_(weights, device, at + "norm_out.linear", 2 * shape.hidden, shape.hidden),
      out_(weights, device, at + "proj_out", shape.bands, shape.hidden),
      device_(device) {
  const int rest = shape.speaker.out + shape.code_width + shape.voice_width,
            cols = shape.bands + rest, h = shape.hidden, inner = shape.heads * shape.head_dim;
  const std::vector<float> in = weights.load(at + "input_embed.proj", MatrixPart::whole(h, cols));
  constexpr auto exact = ipc::DType::float32;
  in_frame_ = device.pack(columns(in, size(cols), 0, size(shape.bands)), h, shape.bands, exact);
  in_rest_ = device.pack(columns(in, size(cols), size(shape.bands), size(rest)), h, rest, exact);
  for (int l = 0; l < shape.layers; ++l) {
    const std::string layer = at + "transformer_blocks." + std::to_string(l) + ".";
    const auto linear = [&](const char* name, int out, int from) {
      return BiasedLinear(weights, device, layer + name, out, from);
    };
    layers_.push_back({linear("attn_norm.linear", 6 * h, h), linear("attn.to_q", inner, h),
                       linear("attn.to_k", inner, h), linear("attn.to_v", inner, h),
                       linear("attn.to_out.0", h, inner), linear("ff.ff.0", shape.mlp, h),
                       linear("ff.ff.3", h, shape.mlp)});
  }
}

DiffusionTransformer::Condition DiffusionTransformer::condition(
    const Voice& voice, std::span<const std::int32_t> codes, const EncoderObserver& observe) const {
  static const prof::NameId name =
      prof::intern("condition", prof::Category::cpu_op, prof::ValueKind::dims);
  const std::size_t repeats = size(shape_.repeats), frames = codes.size() * repeats,
                    wide = size(shape_.code_width), hidden = size(shape_.hidden);
  const prof::Span span(name, prof::pack_dims(frames, hidden, 0));
  Condition made{.frames = static_cast<int>(frames), .rows = {}};
  // In the order of the weights: the encoded sample, the embedded code, the voice's vector.
  const auto half = [&](std::span<const float> mel, const auto& code_of,
                        std::span<const float> embedding) {
    const std::vector<float> sample = speaker_(mel, observe);
    if (observe) observe("spk_encoder", sample);
    std::vector<float> rest;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const auto code = code_embedding_.begin() + static_cast<std::ptrdiff_t>(code_of(i) * wide);
      rest.insert(rest.end(), sample.begin(), sample.end());
      rest.insert(rest.end(), code, code + static_cast<std::ptrdiff_t>(wide));
      rest.insert(rest.end(), embedding.begin(), embedding.end());
    }
    std::vector<float> sums(codes.size() * hidden);
    linear_of_host(device_, rest, *in_rest_, sums, static_cast<int>(codes.size()));
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const auto row = std::span(sums).subspan(i * hidden, hidden);
      add(row, in_bias_);
      for (std::size_t again = 0; again < repeats; ++again)
        made.rows.insert(made.rows.end(), row.begin(), row.end());
    }
  };
  half(
      voice.mel, [&](std::size_t i) { return static_cast<std::size_t>(codes[i]); },
      voice.embedding);
  half(
      std::vector<float>(voice.mel.size()), [](std::size_t) { return std::size_t{0}; },
      std::vector<float>(voice.embedding.size()));
  return made;
}

// Sinusoids of the time in thousandths (Vaswani et al. 2017), then two linear layers. In float32 as
// in the reference: the angles are large.
std::vector<float> DiffusionTransformer::embed(float time) const {
  constexpr std::size_t half = time_width / 2;
  const auto step = static_cast<float>(-std::log(10'000.0) / (half - 1));
  std::vector<float> waves(time_width);
  for (std::size_t i = 0; i < half; ++i) {
    const float angle = 1000 * time * std::exp(static_cast<float>(i) * step);
    waves[i] = std::sin(angle);
    waves[half + i] = std::cos(angle);
  }
  std::vector<float> inner = time1_(waves);
  silu(inner);
  return time2_(inner);
}

// Turns the first head of each row.
void DiffusionTransformer::turn(std::span<float> heads, std::size_t frames) const {
  const std::size_t row_width = size(shape_.heads * shape_.head_dim);
  for (std::size_t row = 0; row * row_width < heads.size(); ++row) {
    const auto position = static_cast<float>(row % frames);
    for (std::size_t i = 0; i < shape_.rope.frequencies.size(); ++i) {
      const float angle = position * shape_.rope.frequencies[i], c = std::cos(angle),
                  s = std::sin(angle);
      float* pair = heads.data() + row * row_width + 2 * i;
      const float a = pair[0], b = pair[1];
      pair[0] = a * c - b * s;
      pair[1] = b * c + a * s;
    }
  }
}

void DiffusionTransformer::run(std::size_t index,
                               std::span<const float> time,
                               std::vector<float>& x) const {
  const Layer& layer = layers_[index];
  const std::size_t hidden = size(shape_.hidden), frames = x.size() / hidden / 2;
  const std::vector<float> all = layer.modulation(time);
  const auto part = [&](std::size_t i) { return std::span(all).subspan(i * hidden, hidden); };
  const std::vector<float> normed = modulated(x, part(1), part(0));
  std::vector<float> q = layer.q(normed), k = layer.k(normed);
  const std::vector<float> v = layer.v(normed);
  turn(q, frames);
  turn(k, frames);
  std::vector<float> mixed(q.size());
  const BlockAttention blocks{
      .block = shape_.block, .before = shape_.before[index], .ahead = shape_.ahead[index]};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t count = q.size() / 2;
    const auto of = [&](auto& rows) { return std::span(rows).subspan(i * count, count); };
    attend_blocks(of(q), of(k), of(v), of(mixed), blocks, shape_.heads, shape_.head_dim);
  }
  add_gated(x, layer.o(mixed), part(2));
  std::vector<float> inner = layer.widen(modulated(x, part(4), part(3)));
  gelu_tanh(inner);
  add_gated(x, layer.narrow(inner), part(5));
}

std::vector<float> DiffusionTransformer::slope(const Condition& condition,
                                               float time,
                                               std::span<const float> mel,
                                               const EncoderObserver& observe) const {
  static const prof::NameId name =
      prof::intern("slope", prof::Category::cpu_op, prof::ValueKind::dims);
  const std::size_t hidden = size(shape_.hidden), rows = size(condition.frames) * hidden;
  const prof::Span span(name, prof::pack_dims(size(condition.frames), hidden, 0));
  std::vector<float> embedded = embed(time);
  if (observe) observe("time_embed", embedded);
  silu(embedded);
  std::vector<float> x = condition.rows, frames(rows);
  linear_of_host(device_, mel, *in_frame_, frames, condition.frames);
  add(std::span(x).first(rows), frames);
  add(std::span(x).subspan(rows), frames);
  if (observe) observe("input_embed", x);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const LayerSpan span(l);
    run(l, embedded, x);
    if (observe) observe("transformer_blocks." + std::to_string(l), x);
  }
  const std::vector<float> all = out_modulation_(embedded);
  const auto part = [&](std::size_t i) { return std::span(all).subspan(i * hidden, hidden); };
  std::vector<float> y = out_(modulated(x, part(0), part(1)));
  if (observe) observe("proj_out", y);
  for (std::size_t i = 0; i < mel.size(); ++i) y[i] += (y[i] - y[mel.size() + i]) * guidance_;
  y.resize(mel.size());
  return y;
}

}  // namespace limelight::stages

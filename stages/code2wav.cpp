#include "stages/code2wav.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

Code2Wav::Code2Wav(const StageConfig& config,
                   WeightLoader& weights,
                   Device& device,
                   ipc::Collective* group)
    : config_(config),
      device_(device),
      decoder_(config, weights, device, group),
      embedding_(weights.load("embed_codes",
                              MatrixPart::whole(config.shape.codebooks * config.shape.codebook_size,
                                                config.shape.hidden))),
      input_(device.pack(
          weights.load("conv_in", MatrixPart::whole(config.shape.channels, config.shape.hidden)),
          config.shape.channels,
          config.shape.hidden,
          config.dtype)) {
  int channels = config.shape.channels;
  for (const int stride : config.shape.upsampling) {
    const int out = std::max(4, channels / 2), kernel = 2 * stride * out;
    const std::vector<float> w = weights.load("upsample." + std::to_string(upsamplers_.size()),
                                              MatrixPart::whole(kernel, channels));
    upsamplers_.push_back({stride, channels, out, device.pack(w, kernel, channels, config.dtype)});
    channels = out;
  }
  output_ = device.pack(weights.load("conv_out", MatrixPart::whole(1, channels)), 1, channels,
                        config.dtype);
}

int Code2Wav::samples_per_frame(const ModelShape& shape) {
  int product = 1;
  for (const int stride : shape.upsampling) product *= stride;
  return product;
}

Result<void> Code2Wav::begin(const Request& request) {
  Stream stream{decoder_.make_cache(), {}, {}, 0};
  for (const Upsampler& up : upsamplers_)
    stream.tails.emplace_back(static_cast<std::size_t>(up.stride * up.out));
  streams_.insert_or_assign(request.number, std::move(stream));
  return {};
}

Result<void> Code2Wav::consume(std::uint64_t request,
                               const ipc::TensorSpec& tensor,
                               std::span<const std::byte> data,
                               bool last) {
  const ModelShape& s = config_.shape;
  if (tensor.dtype != ipc::DType::int32 || tensor.extents != 2 ||
      tensor.shape[1] != static_cast<std::uint64_t>(s.codebooks))
    return Error{ErrorCode::corrupt, "code2wav: found a chunk " + tensor.text() +
                                         ", expected int32 [frames, " +
                                         std::to_string(s.codebooks) + "]"};
  Work work{std::vector<std::int32_t>(data.size() / sizeof(std::int32_t)), last};
  std::memcpy(work.codes.data(), data.data(), data.size());
  for (const std::int32_t code : work.codes)
    if (code < 0 || code >= s.codebook_size)
      return Error{ErrorCode::corrupt, "code2wav: found code " + std::to_string(code) +
                                           ", expected 0 to " +
                                           std::to_string(s.codebook_size - 1)};
  streams_.at(request).waiting.push_back(std::move(work));
  return {};
}

Result<StepState> Code2Wav::step(std::uint64_t request, Output& output) {
  static const prof::NameId upsample_name =
      prof::intern("upsample", prof::Category::cpu_op, prof::ValueKind::dims);
  Stream& stream = streams_.at(request);
  if (stream.waiting.empty()) return StepState::needs_input;
  const Work work = std::move(stream.waiting.front());
  stream.waiting.pop_front();

  const ModelShape& s = config_.shape;
  const int books = s.codebooks, frames = static_cast<int>(work.codes.size()) / books;
  const auto h = static_cast<std::size_t>(s.hidden);
  std::vector<float> wave;
  int n = frames, channels = s.channels;
  if (frames > 0) {
    std::vector<float> rows(static_cast<std::size_t>(frames) * h);
    for (std::size_t i = 0; i < work.codes.size(); ++i) {
      const std::size_t frame = i / static_cast<std::size_t>(books),
                        book = i % static_cast<std::size_t>(books);
      const float* from = embedding_.data() + (book * static_cast<std::size_t>(s.codebook_size) +
                                               static_cast<std::size_t>(work.codes[i])) *
                                                  h;
      for (std::size_t j = 0; j < h; ++j)
        rows[frame * h + j] += from[j] / static_cast<float>(books);
    }
    LIMELIGHT_TRY(decoder_.forward(rows, frames, stream.cache));
    std::vector<float> x(static_cast<std::size_t>(frames * channels));
    linear_of_host(device_, rows, *input_, x, frames);
    for (std::size_t u = 0; u < upsamplers_.size(); ++u) {
      const Upsampler& up = upsamplers_[u];
      const prof::Span span(upsample_name, prof::pack_dims(static_cast<std::uint64_t>(n),
                                                           static_cast<std::uint64_t>(up.in),
                                                           static_cast<std::uint64_t>(up.stride)));
      const auto half = static_cast<std::size_t>(up.stride * up.out);
      for (float& value : x) value = value > 0 ? value : 0.1f * value;
      std::vector<float> kernels(static_cast<std::size_t>(n) * 2 * half),
          y(static_cast<std::size_t>(n) * half);
      linear_of_host(device_, x, *up.weights, kernels, n);
      std::vector<float>& tail = stream.tails[u];
      for (std::size_t t = 0; t < static_cast<std::size_t>(n); ++t) {
        const float* kernel = kernels.data() + t * 2 * half;
        for (std::size_t i = 0; i < half; ++i) y[t * half + i] = tail[i] + kernel[i];
        std::copy(kernel + half, kernel + 2 * half, tail.begin());
      }
      x = std::move(y);
      n *= up.stride;
      channels = up.out;
    }
    wave.resize(static_cast<std::size_t>(n));
    linear_of_host(device_, x, *output_, wave, n);
  }
  stream.samples += wave.size();
  const auto write = [&](std::span<std::byte> to) {
    auto* samples = reinterpret_cast<float*>(to.data());
    for (std::size_t i = 0; i < wave.size(); ++i) samples[i] = std::tanh(wave[i]);
  };
  if (auto sent = output.emit(Port::user, ipc::TensorSpec::of(ipc::DType::float32, {wave.size()}),
                              work.last, write);
      !sent)
    return sent.error();
  return work.last ? StepState::done : StepState::more;
}

void Code2Wav::end(std::uint64_t request) { streams_.erase(request); }
std::uint64_t Code2Wav::tokens_out(std::uint64_t request) const {
  return streams_.at(request).samples;
}

}  // namespace limelight::stages

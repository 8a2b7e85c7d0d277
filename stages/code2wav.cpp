#include "stages/code2wav.hpp"

#include <algorithm>
#include <cmath>
#include <limelight/span.hpp>

#include "base/try.hpp"
#include "stages/code_chunk.hpp"
#include "stages/models/hf_files.hpp"
#include "stages/registry.hpp"
#include "stages/token2wav.hpp"
#include "stages/wave_decoder.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

Code2Wav::Code2Wav(const StageConfig& config,
                   WeightLoader& weights,
                   Device& device,
                   ipc::Collective* group)
    : config_(config),
      device_(device),
      decoder_(config, weights, device, group),
      cache_(decoder_.make_cache(config.max_batch_size)),
      embedding_(weights.load("embed_codes",
                              MatrixPart::whole(config.codec.codebooks * config.codec.codebook_size,
                                                config.shape.hidden))),
      input_(device.pack(
          weights.load("conv_in", MatrixPart::whole(config.codec.channels, config.shape.hidden)),
          config.codec.channels,
          config.shape.hidden,
          config.dtype)) {
  int channels = config.codec.channels;
  for (const int stride : config.codec.upsampling) {
    const int out = std::max(4, channels / 2), kernel = 2 * stride * out;
    const std::vector<float> w = weights.load("upsample." + std::to_string(upsamplers_.size()),
                                              MatrixPart::whole(kernel, channels));
    upsamplers_.push_back({stride, channels, out, device.pack(w, kernel, channels, config.dtype)});
    channels = out;
  }
  output_ = device.pack(weights.load("conv_out", MatrixPart::whole(1, channels)), 1, channels,
                        config.dtype);
}

int Code2Wav::samples_per_frame(const CodecShape& codec) {
  int product = 1;
  for (const int stride : codec.upsampling) product *= stride;
  return product;
}

Result<void> Code2Wav::begin(const Request& request) {
  Stream stream;
  for (const Upsampler& up : upsamplers_)
    stream.tails.emplace_back(static_cast<std::size_t>(up.stride * up.out));
  streams_.insert_or_assign(request.number, std::move(stream));
  return {};
}

Result<void> Code2Wav::consume(std::uint64_t request,
                               int,
                               const ipc::TensorSpec& tensor,
                               std::span<const std::byte> data,
                               bool last) {
  const CodecShape& s = config_.codec;
  Stream& stream = streams_.at(request);
  LIMELIGHT_TRY(append_codes(tensor, data,
                             {.codebooks = static_cast<std::size_t>(s.codebooks),
                              .most_frames = config_.shape.max_model_len,
                              .largest_code = s.codebook_size - 1},
                             stream.codes));
  stream.waiting.push_back({static_cast<int>(tensor.shape[0]), last});
  return {};
}

Demand Code2Wav::demand(std::uint64_t request) const {
  const Stream& stream = streams_.at(request);
  if (stream.cache.position < stream.computed)
    return {.tokens = stream.computed - stream.cache.position, .divisible = true};
  if (stream.waiting.empty()) return {.tokens = 0};
  return {.tokens = std::max(stream.waiting.front().frames, 1)};
}

bool Code2Wav::reserve(std::uint64_t request, int tokens) {
  return cache_.reserve(tokens, streams_.at(request).cache);
}

void Code2Wav::preempt(std::uint64_t request) { cache_.release(streams_.at(request).cache); }

void Code2Wav::add_input(std::span<const std::int32_t> codes, std::span<float> row) const {
  const auto size = static_cast<std::size_t>(config_.codec.codebook_size);
  for (std::size_t book = 0; book < codes.size(); ++book) {
    const float* from =
        embedding_.data() + (book * size + static_cast<std::size_t>(codes[book])) * row.size();
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] += from[i] / static_cast<float>(codes.size());
  }
}

Result<void> Code2Wav::step(std::span<Turn> batch) {
  const auto h = static_cast<std::size_t>(config_.shape.hidden),
             books = static_cast<std::size_t>(config_.codec.codebooks);
  std::vector<Slice> slices;
  std::vector<Decoder::Part> parts;
  std::vector<float> x;
  std::vector<bool> kept;  // by row: it becomes samples
  for (Turn& turn : batch) {
    Stream& stream = streams_.at(turn.request);
    const bool again = stream.cache.position < stream.computed;
    if (!again && stream.waiting.empty()) {
      turn.state = StepState::needs_input;
      continue;
    }
    const int rows = again ? std::min(turn.tokens, stream.computed - stream.cache.position)
                           : stream.waiting.front().frames;
    for (int i = 0; i < rows; ++i) {
      x.resize(x.size() + h);
      add_input(std::span(stream.codes)
                    .subspan(static_cast<std::size_t>(stream.cache.position + i) * books, books),
                std::span(x).last(h));
    }
    kept.resize(x.size() / h, !again);
    if (!again) slices.push_back({&turn, &stream, rows});
    if (rows > 0) parts.push_back({&stream.cache, rows, {}});
  }
  if (!parts.empty()) LIMELIGHT_TRY(decoder_.forward(x, parts, cache_));

  std::size_t to = 0;
  for (std::size_t row = 0; row < kept.size(); ++row)
    if (kept[row]) {
      const auto at = x.begin() + static_cast<std::ptrdiff_t>(row * h);
      std::copy(at, at + static_cast<std::ptrdiff_t>(h),
                x.begin() + static_cast<std::ptrdiff_t>(h * to++));
    }
  x.resize(to * h);
  const std::vector<float> wave = waves(slices, std::move(x), static_cast<int>(to));
  const float* from = wave.data();
  for (const Slice& slice : slices) {
    const auto [frames, last] = slice.stream->waiting.front();
    slice.stream->waiting.pop_front();
    const std::size_t count = static_cast<std::size_t>(slice.rows) *
                              static_cast<std::size_t>(samples_per_frame(config_.codec));
    slice.stream->computed += frames;
    slice.stream->samples += count;
    const prof::RequestScope scope(static_cast<std::uint32_t>(slice.turn->request));
    const auto sent =
        slice.turn->output->emit(audio_port, ipc::TensorSpec::of(ipc::DType::float32, {count}),
                                 last, [&](std::span<std::byte> memory) {
                                   auto* samples = reinterpret_cast<float*>(memory.data());
                                   for (std::size_t i = 0; i < count; ++i)
                                     samples[i] = std::tanh(from[i]);
                                 });
    from += count;
    if (!sent) slice.turn->error = sent.error();
    else slice.turn->state = last ? StepState::done : StepState::more;
  }
  return {};
}

std::vector<float> Code2Wav::waves(std::span<const Slice> slices, std::vector<float> x, int rows) {
  static const prof::NameId upsample_name =
      prof::intern("upsample", prof::Category::cpu_op, prof::ValueKind::dims);
  if (rows == 0) return {};
  int channels = config_.codec.channels;
  std::vector<float> y(static_cast<std::size_t>(rows) * static_cast<std::size_t>(channels));
  linear_of_host(device_, x, *input_, y, rows);
  x = std::move(y);
  for (std::size_t u = 0, widening = 1; u < upsamplers_.size(); ++u) {
    const Upsampler& up = upsamplers_[u];
    const prof::Span span(upsample_name, prof::pack_dims(static_cast<std::uint64_t>(rows),
                                                         static_cast<std::uint64_t>(up.in),
                                                         static_cast<std::uint64_t>(up.stride)));
    const auto half = static_cast<std::size_t>(up.stride * up.out);
    for (float& value : x) value = value > 0 ? value : 0.1f * value;
    std::vector<float> kernels(static_cast<std::size_t>(rows) * 2 * half);
    y.assign(static_cast<std::size_t>(rows) * half, 0);
    linear_of_host(device_, x, *up.weights, kernels, rows);
    const float* kernel = kernels.data();
    float* to = y.data();
    for (const Slice& slice : slices) {
      std::vector<float>& tail = slice.stream->tails[u];
      for (std::size_t t = 0; t < static_cast<std::size_t>(slice.rows) * widening; ++t) {
        for (std::size_t i = 0; i < half; ++i) to[i] = tail[i] + kernel[i];
        std::copy(kernel + half, kernel + 2 * half, tail.begin());
        kernel += 2 * half;
        to += half;
      }
    }
    x = std::move(y);
    rows *= up.stride;
    widening *= static_cast<std::size_t>(up.stride);
    channels = up.out;
  }
  std::vector<float> wave(static_cast<std::size_t>(rows));
  linear_of_host(device_, x, *output_, wave, rows);
  return wave;
}

void Code2Wav::end(std::uint64_t request) {
  const auto at = streams_.find(request);
  if (at == streams_.end()) return;
  cache_.release(at->second.cache);
  streams_.erase(at);
}
std::uint64_t Code2Wav::tokens_out(std::uint64_t request) const {
  return streams_.at(request).samples;
}

namespace {
Result<void> check_code2wav_feeds(const StageConfig& config, std::span<const Feed> feeds) {
  const auto refuse = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, what};
  };
  const CodecShape& s = config.codec;
  for (const Feed& feed : feeds) {
    const CodecShape& from = feed.source->codec;
    const std::string source = "stage " + std::to_string(feed.source->stage_id);
    if (s.codebooks != from.codebooks || s.codebook_size != from.codebook_size)
      return refuse("'codebooks': found " + std::to_string(s.codebooks) + " of " +
                    std::to_string(s.codebook_size) + " codes, expected those of " + source + ": " +
                    std::to_string(from.codebooks) + " of " + std::to_string(from.codebook_size));
    if (s.chunk_frames < from.chunk_frames)
      return refuse("'chunk_frames': found " + std::to_string(s.chunk_frames) + ", expected " +
                    std::to_string(from.chunk_frames) + " or more, those of " + source +
                    ": its chunks must fit");
  }
  return {};
}
}  // namespace

StageType code2wav_type() {
  return {
      .name = "code2wav",
      .inputs = {{"codes", "codes"}},
      .outputs = {{"audio", "audio"}},
      .open_model =
          [](const std::filesystem::path& path, StageConfig& config) {
            return model_type_of(path) == "qwen2_5_omni" ? set_token2wav_model(path, config)
                                                         : set_code2wav_model(path, config);
          },
      .check = check_code2wav_feeds,
      // One chunk of samples for each chunk of codes; check() sees to it that those fit.
      .largest_output =
          [](const StageConfig& config, int) {
            return static_cast<std::uint64_t>(config.codec.chunk_frames) *
                   static_cast<std::uint64_t>(Code2Wav::samples_per_frame(config.codec)) *
                   sizeof(float);
          },
      .weight_bytes =
          [](const StageConfig& config) {
            const CodecShape& codec = config.codec;
            return dummy_bytes(
                config, decoder_parameters(config.shape),
                decoder_parameter(codec.codebooks, codec.codebook_size) * config.shape.hidden);
          },
      .make = [](const StageConfig& config, Device& device,
                 ipc::Collective* group) -> Result<std::unique_ptr<Stage>> {
        DummyWeights weights(config.weights_seed);
        return std::unique_ptr<Stage>(std::make_unique<Code2Wav>(config, weights, device, group));
      }};
}

}  // namespace limelight::stages

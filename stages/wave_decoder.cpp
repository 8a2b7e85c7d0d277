#include "stages/wave_decoder.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

WaveDecoder::WaveDecoder(const StageConfig& config, Device& device)
    : config_(config),
      shape_(config.code2wav->shape()),
      network_(config, config.code2wav, config.max_batch_size, device) {}

Result<void> WaveDecoder::begin(const Request& request) {
  Stream stream;
  stream.network = network_.begin();
  streams_.insert_or_assign(request.number, std::move(stream));
  return {};
}

Result<void> WaveDecoder::consume(std::uint64_t request,
                                  int,
                                  const ipc::TensorSpec& tensor,
                                  std::span<const std::byte> data,
                                  bool last) {
  const auto books = static_cast<std::size_t>(shape_.codebooks);
  if (tensor.dtype != ipc::DType::int32 || tensor.extents != 2 || tensor.shape[1] != books)
    return Error{ErrorCode::corrupt, "code2wav: found a chunk " + tensor.text() +
                                         ", expected int32 [frames, " + std::to_string(books) +
                                         "]"};
  Stream& stream = streams_.at(request);
  const std::size_t old = stream.codes.size();
  const std::uint64_t frames = old / books + tensor.shape[0];
  if (frames > static_cast<std::uint64_t>(config_.shape.max_model_len))
    return Error{ErrorCode::too_large, "code2wav: found " + std::to_string(frames) +
                                           " frames of one request, expected at most "
                                           "max_model_len, " +
                                           std::to_string(config_.shape.max_model_len)};
  stream.codes.resize(old + data.size() / sizeof(std::int32_t));
  if (!data.empty()) std::memcpy(stream.codes.data() + old, data.data(), data.size());
  for (std::size_t at = old; at < stream.codes.size(); ++at)
    if (stream.codes[at] < 0 || stream.codes[at] >= shape_.codebook_size)
      return Error{ErrorCode::corrupt, "code2wav: frame " + std::to_string(at / books) +
                                           ", codebook " + std::to_string(at % books) +
                                           ": found code " + std::to_string(stream.codes[at]) +
                                           ", expected 0 to " +
                                           std::to_string(shape_.codebook_size - 1)};
  stream.gathered += static_cast<int>(tensor.shape[0]);
  const int size = config_.codec.decode_frames;
  for (; size > 0 && stream.gathered >= size; stream.gathered -= size)
    stream.waiting.push_back({size, last && stream.gathered == size});
  if (size == 0 || (last && (stream.waiting.empty() || !stream.waiting.back().last))) {
    stream.waiting.push_back({stream.gathered, last});
    stream.gathered = 0;
  }
  return {};
}

Demand WaveDecoder::demand(std::uint64_t request) const {
  const Stream& stream = streams_.at(request);
  const int attended = stream.network.sequence.position;
  if (!alone() && attended < stream.computed)
    return {.tokens = stream.computed - attended, .divisible = true};
  if (stream.waiting.empty()) return {.tokens = 0};
  const int before = alone() ? std::min(config_.codec.left_context_frames, stream.computed) : 0;
  return {.tokens = std::max(before + stream.waiting.front().frames, 1)};
}

bool WaveDecoder::reserve(std::uint64_t request, int) {
  return network_.hold(streams_.at(request).network);
}

void WaveDecoder::preempt(std::uint64_t request) { network_.release(streams_.at(request).network); }

WaveDecoder::Slice WaveDecoder::slice(Turn& turn, Stream& stream) {
  Slice slice{.turn = &turn,
              .stream = &stream,
              .at = stream.network.sequence.position,
              .end = stream.computed,
              .again = true,
              .dropped = 0,
              .samples = {}};
  if (!alone() && slice.at < slice.end) {
    slice.end = std::min(slice.end, slice.at + turn.tokens);
    return slice;
  }
  slice.again = false;
  slice.end = stream.computed + stream.waiting.front().frames;
  slice.at = stream.computed;
  if (alone()) {
    const int before = std::min(config_.codec.left_context_frames, stream.computed);
    slice.at -= before;
    slice.dropped =
        static_cast<std::size_t>(before) * static_cast<std::size_t>(shape_.samples_per_frame());
  }
  return slice;
}

Result<void> WaveDecoder::compute(std::vector<Slice>& slices) {
  const auto books = static_cast<std::size_t>(shape_.codebooks),
             hidden = static_cast<std::size_t>(shape_.transformer.hidden);
  for (;;) {
    std::vector<Code2WavNetwork::Frames> frames;
    std::vector<Slice*> taken;
    for (Slice& slice : slices) {
      const int count = std::min(slice.end - slice.at, Code2WavNetwork::most_frames);
      if (count == 0) continue;
      // A sound of its own begins at position 0, wherever its frames are.
      frames.push_back(
          {&slice.stream->network, std::span(slice.stream->codes)
                                       .subspan(static_cast<std::size_t>(slice.at) * books,
                                                static_cast<std::size_t>(count) * books)});
      taken.push_back(&slice);
      slice.at += count;
    }
    if (frames.empty()) return {};
    const auto rows = network_.attend(frames);
    if (!rows) return rows.error();
    std::span<const float> rest = *rows;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const std::size_t count = frames[i].codes.size() / books * hidden;
      const prof::RequestScope scope(static_cast<std::uint32_t>(taken[i]->turn->request));
      if (!taken[i]->again)
        network_.sound(rest.first(count), taken[i]->stream->network, taken[i]->samples);
      rest = rest.subspan(count);
    }
  }
}

void WaveDecoder::emit(Slice& slice) {
  if (slice.again) return;
  Stream& stream = *slice.stream;
  const auto [frames, last] = stream.waiting.front();
  stream.waiting.pop_front();
  stream.computed += frames;
  const auto samples =
      std::span(slice.samples).subspan(std::min(slice.dropped, slice.samples.size()));
  stream.samples += samples.size();
  const prof::RequestScope scope(static_cast<std::uint32_t>(slice.turn->request));
  const auto sent = slice.turn->output->emit(
      audio_port, ipc::TensorSpec::of(ipc::DType::float32, {samples.size()}), last,
      [&](std::span<std::byte> memory) {
        if (!samples.empty()) std::memcpy(memory.data(), samples.data(), samples.size_bytes());
      });
  if (!sent) slice.turn->error = sent.error();
  else slice.turn->state = last ? StepState::done : StepState::more;
  if (!alone()) return;
  network_.release(stream.network);
  stream.network = network_.begin();
}

Result<void> WaveDecoder::step(std::span<Turn> batch) {
  std::vector<Slice> slices;
  for (Turn& turn : batch) {
    Stream& stream = streams_.at(turn.request);
    if (demand(turn.request).tokens == 0) turn.state = StepState::needs_input;
    else slices.push_back(slice(turn, stream));
  }
  LIMELIGHT_TRY(compute(slices));
  for (Slice& slice : slices) emit(slice);
  return {};
}

void WaveDecoder::end(std::uint64_t request) {
  const auto at = streams_.find(request);
  if (at == streams_.end()) return;
  network_.release(at->second.network);
  streams_.erase(at);
}
std::uint64_t WaveDecoder::tokens_out(std::uint64_t request) const {
  return streams_.at(request).samples;
}

Result<std::unique_ptr<Stage>> make_wave_decoder(const StageConfig& config, Device& device) {
  return std::unique_ptr<Stage>(std::make_unique<WaveDecoder>(config, device));
}

Result<void> set_code2wav_model(const std::filesystem::path& path, StageConfig& config) {
  auto opened = Code2WavModel::open(path);
  if (!opened) return opened.error();
  config.code2wav = *opened;
  const Code2WavShape& shape = config.code2wav->shape();
  config.shape = shape.transformer;
  config.codec.codebooks = shape.codebooks;
  config.codec.codebook_size = shape.codebook_size;
  config.codec.upsampling = shape.ratios;
  config.codec.upsampling.insert(config.codec.upsampling.end(), shape.rates.begin(),
                                 shape.rates.end());
  return {};
}

}  // namespace limelight::stages

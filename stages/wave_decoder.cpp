#include "stages/wave_decoder.hpp"

#include <algorithm>
#include <cstring>
#include <limelight/span.hpp>

#include "base/try.hpp"
#include "stages/code_chunk.hpp"
#include "stages/registry.hpp"

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
  Stream& stream = streams_.at(request);
  LIMELIGHT_TRY(append_codes(tensor, data,
                             {.codebooks = static_cast<std::size_t>(shape_.codebooks),
                              .most_frames = config_.shape.max_model_len,
                              .largest_code = shape_.codebook_size - 1},
                             stream.codes));
  stream.gathered += static_cast<int>(tensor.shape[0]);
  const std::size_t waiting = stream.waiting.size();
  const auto make_chunk = [&](int frames_of_it) {
    stream.gathered -= frames_of_it;
    stream.waiting.push_back({frames_of_it, last && stream.gathered == 0});
    ++stream.chunks;
  };
  int size = 0;
  for (;;) {
    size = config_.chunks.frames(stream.chunks, 0);  // 0: as they come
    if (size == 0 || stream.gathered < size) break;
    make_chunk(size);
  }
  const bool made = stream.waiting.size() > waiting;
  if (made && stream.gathered == 0) return {};
  if (last || size == 0) make_chunk(stream.gathered);
  return {};
}

int WaveDecoder::frames_before(const Stream& stream) const noexcept {
  return std::min(config_.chunks.codec_left_context_frames.value_or(0), stream.computed);
}

Demand WaveDecoder::demand(std::uint64_t request) const {
  const Stream& stream = streams_.at(request);
  const int attended = stream.network.sequence.position;
  if (!alone() && attended < stream.computed)
    return {.tokens = stream.computed - attended, .divisible = true};
  if (stream.waiting.empty()) return {.tokens = 0};
  return {.tokens = std::max(frames_before(stream) + stream.waiting.front().frames, 1)};
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
  slice.at = stream.computed - frames_before(stream);
  slice.dropped = static_cast<std::size_t>(frames_before(stream)) *
                  static_cast<std::size_t>(shape_.samples_per_frame());
  return slice;
}

Result<void> WaveDecoder::compute(std::vector<Slice>& slices) {
  const auto books = static_cast<std::size_t>(shape_.codebooks),
             hidden = static_cast<std::size_t>(shape_.width());
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

namespace {

Result<void> check_wave_decoder_feeds(const StageConfig& config, std::span<const Feed> feeds) {
  const CodecShape& s = config.codec;
  for (const Feed& feed : feeds) {
    const CodecShape& from = feed.source->codec;
    const std::string source = "stage " + std::to_string(feed.source->stage_id);
    const auto size = [](const CodecShape& codec) {
      return std::to_string(codec.codebooks) + " codebooks of " +
             std::to_string(codec.codebook_size);
    };
    if (s.codebooks != from.codebooks || s.codebook_size < from.codebook_size)
      return Error{ErrorCode::invalid_argument,
                   "'model': found " + config.code2wav->path().string() + " with " + size(s) +
                       ", expected " + source + "'s " + size(from)};
    const int most = feed.source->chunks.most_frames(from.chunk_frames);
    if (!config.chunks.codec_chunk_frames && s.chunk_frames < most)
      return Error{ErrorCode::invalid_argument, "'chunk_frames': found " +
                                                    std::to_string(s.chunk_frames) + ", expected " +
                                                    std::to_string(most) + " or more, those of " +
                                                    source + ": its chunks must fit"};
  }
  return {};
}

}  // namespace

StageType wave_decoder_type() {
  return {.name = "code2wav",
          .inputs = {{"codes", "codes"}},
          .outputs = {{"audio", "audio"}},
          .loads_models = true,
          .reads_chunks = true,
          .check = check_wave_decoder_feeds,
          .largest_output =
              [](const StageConfig& config, int) {
                const int frames = config.chunks.most_frames(config.codec.chunk_frames);
                return static_cast<std::uint64_t>(frames) *
                       static_cast<std::uint64_t>(config.code2wav->shape().samples_per_frame()) *
                       sizeof(float);
              },
          .weight_bytes = [](const StageConfig& config) { return config.code2wav->bytes(); },
          .make = [](const StageConfig& config, Device& device,
                     ipc::Collective*) -> Result<std::unique_ptr<Stage>> {
            return std::unique_ptr<Stage>(std::make_unique<WaveDecoder>(config, device));
          }};
}

}  // namespace limelight::stages

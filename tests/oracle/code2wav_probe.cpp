// Says what the code2wav of a folder makes of the codes in its expected.safetensors, for
// compare_code2wav_models.py.
//   code2wav_probe <folder> <threads> <frames in a chunk> <frames before it, or -1>
// On standard output: the samples, float32; on standard error: the seconds that they took, and the
// seconds of sound.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "stages/stage_factory.hpp"
#include "stages/wave_decoder.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

struct Samples final : Output {
  std::vector<float> all = {};
  Result<void> emit(int,
                    const ipc::TensorSpec& tensor,
                    bool,
                    const std::function<void(std::span<std::byte>)>& write) override {
    const std::size_t old = all.size();
    all.resize(old + tensor.shape[0]);
    write(std::as_writable_bytes(std::span(all).subspan(old)));
    return {};
  }
};

int fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int, char** arguments) {
  const std::filesystem::path folder = arguments[1];
  const int chunk = std::atoi(arguments[3]);
  StageConfig config;
  config.model_stage = "code2wav";
  config.cpu.threads = std::atoi(arguments[2]);
  if (const auto set = set_code2wav_model(folder, config); !set) return fail(set.error());
  if (const int before = std::atoi(arguments[4]); before >= 0)
    config.chunks.codec_left_context_frames = before;
  const auto expected = TensorFiles::open(folder / "expected.safetensors", "codes");
  if (!expected) return fail(expected.error());
  const auto cpu = make_cpu_device(config.cpu);
  const auto stage = make_stage(config, *cpu, nullptr);
  if (!stage) return fail(stage.error());
  const StoredTensor& codes = *(*expected)->find("");
  const auto books = static_cast<std::size_t>(config.codec.codebooks);
  std::vector<std::int32_t> all;
  for (const float code : codes.floats()) all.push_back(static_cast<std::int32_t>(code));
  Samples out;
  // The first time, memory is new.
  double seconds = 0;
  for (int round = 0; round < 2; ++round) {
    out.all.clear();
    const auto begin = std::chrono::steady_clock::now();
    if (const auto begun = (*stage)->begin({1, "r", "", {}}); !begun) return fail(begun.error());
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t count = std::min(all.size() - at, static_cast<std::size_t>(chunk) * books);
      const auto sent = (*stage)->consume(
          1, 0, ipc::TensorSpec::of(ipc::DType::int32, {count / books, books}),
          std::as_bytes(std::span(all).subspan(at, count)), at + count == all.size());
      if (!sent) return fail(sent.error());
      at += count;
      Turn turn{.request = 1, .tokens = (*stage)->demand(1).tokens, .output = &out};
      (*stage)->reserve(1, turn.tokens);
      if (const auto done = (*stage)->step({&turn, 1}); !done) return fail(done.error());
    }
    (*stage)->end(1);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  std::fwrite(out.all.data(), sizeof(float), out.all.size(), stdout);
  std::fprintf(stderr, "%.4f s for %.4f s of sound\n", seconds,
               static_cast<double>(out.all.size()) / 24000);
}

// The networks of Qwen2.5-Omni's token2wav beside the reference.
#include <boost/test/unit_test.hpp>
#include <map>
#include <numeric>

#include "stages/models/diffusion_transformer.hpp"
#include "stages/models/mel_vocoder.hpp"
#include "stages/models/normal_noise.hpp"
#include "stages/models/runge_kutta.hpp"
#include "stages/models/tensor_weights.hpp"
#include "tests/stages/models/code2wav_fixture.hpp"
#include "tests/stages/models/token2wav_fixture.hpp"

using namespace limelight;
using namespace limelight::stages;
using limelight::tests::relative_difference;
using limelight::tests::Token2WavCase;

namespace {

struct Networks {
  Token2WavCase fixture;
  std::unique_ptr<Device> cpu = make_cpu_device();
  TensorWeights weights{fixture.model->files()};
  DiffusionTransformer transformer{fixture.model->shape().transformer, weights, *cpu,
                                   "code2wav_dit_model."};
  MelVocoder vocoder{fixture.model->shape().vocoder, fixture.model->files(), *cpu,
                     "code2wav_bigvgan_model.", ipc::DType::float32};
  std::map<std::string, std::vector<float>> parts;

  void keep(const std::string& part, std::span<const float> rows) {
    parts[part].insert(parts[part].end(), rows.begin(), rows.end());
  }
  void check(const std::string& name) {
    const double apart = relative_difference(parts[name], fixture.of(name));
    BOOST_TEST(apart <= fixture.limit(name), name << " differs by " << apart);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(token2wav)

BOOST_AUTO_TEST_CASE(noise_is_what_torch_draws) {
  // torch.manual_seed(42); torch.randn(21)
  const std::vector<float> many = normal_noise(42, 21);
  BOOST_TEST(std::abs(many[0] - 1.9269153f) < 1e-6f);
  BOOST_TEST(std::abs(many[1] - 1.4872841f) < 1e-6f);
  BOOST_TEST(std::abs(many[18] - 0.8034093f) < 1e-6f);
  BOOST_TEST(std::abs(many[20] + 0.5920006f) < 1e-6f);
  // torch.manual_seed(42); torch.randn(3)
  const std::vector<float> few = normal_noise(42, 3);
  const float expected[] = {0.33669037f, 0.12880941f, 0.23446237f};
  for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(std::abs(few[i] - expected[i]) < 1e-6f);
  BOOST_TEST(normal_noise(1, 0).empty());
  // The seed's lower 32 bits count.
  BOOST_TEST((normal_noise(42 + (std::uint64_t{1} << 32), 21) == many));
  const Token2WavCase fixture;
  const std::vector<float> whole = fixture.of("noise");
  BOOST_TEST(relative_difference(normal_noise(fixture.seed, whole.size()), whole) < 1e-6);
}

BOOST_AUTO_TEST_CASE(a_step_in_time_is_exact_for_what_its_order_is_exact_for) {
  // y' = 4 t^3 has y = t^4.
  std::vector<float> state{0.5f * 0.5f * 0.5f * 0.5f};
  runge_kutta_step(
      [](float time, std::span<const float>) { return std::vector{4 * time * time * time}; }, 0.5f,
      1, state);
  BOOST_TEST(std::abs(state[0] - 1) < 1e-6f);
  // y' = y has y = e^t, and its step the first terms of that.
  state = {1};
  runge_kutta_step([](float, std::span<const float> y) { return std::vector(y.begin(), y.end()); },
                   0, 0.5f, state);
  BOOST_TEST(std::abs(state[0] - (1 + 0.5f + 0.125f + 0.125f / 6 + 0.0625f / 24)) < 1e-6f);
  const std::vector<float> times = sway_times(10, -1);
  BOOST_TEST(times.front() == 0);
  BOOST_TEST(std::abs(times.back() - 1) < 1e-6f);
  BOOST_TEST(times[1] < 0.02f);  // they begin dense: 1 - cos(pi / 18)
}

BOOST_FIXTURE_TEST_CASE(every_part_gives_what_the_reference_gives, Networks) {
  const auto observe = [&](const std::string& part, std::span<const float> rows) {
    keep(part, rows);
  };
  const auto condition =
      transformer.condition(fixture.model->voices().at("Ethan"), fixture.codes, observe);
  check("spk_encoder");
  std::vector<float> mel = fixture.of("noise");
  (void)transformer.slope(condition, 0, mel, observe);
  for (const char* name : {"time_embed", "input_embed", "proj_out"}) check(name);
  for (int layer = 0; layer < fixture.model->shape().transformer.layers; ++layer)
    check("transformer_blocks." + std::to_string(layer));
  const std::vector<float> times = sway_times(10, -1);
  for (std::size_t i = 0; i + 1 < times.size(); ++i)
    runge_kutta_step(
        [&](float time, std::span<const float> rows) {
          return transformer.slope(condition, time, rows);
        },
        times[i], times[i + 1], mel);
  keep("mel", mel);
  check("mel");
  vocoder.observe = observe;
  keep("wave", vocoder.sound(fixture.of("mel"), 0, condition.frames));
  const VocoderShape& shape = fixture.model->shape().vocoder;
  check("conv_pre");
  for (std::size_t level = 0; level < shape.rates.size(); ++level)
    check("ups." + std::to_string(level));
  for (std::size_t unit = 0; unit < shape.rates.size() * shape.unit_kernels.size(); ++unit)
    check("resblocks." + std::to_string(unit));
  check("wave");
}

BOOST_FIXTURE_TEST_CASE(the_pieces_of_a_waveform_are_those_of_the_whole_to_the_last_bit, Networks) {
  const VocoderShape& shape = fixture.model->shape().vocoder;
  // Longer than what a piece depends on, on both sides.
  const std::int64_t frames = 2 * shape.context() + 9;
  const std::vector<float> mel = normal_noise(3, static_cast<std::size_t>(frames * shape.bands));
  const std::vector<float> whole = vocoder.sound(mel, 0, frames);
  BOOST_TEST(whole.size() == static_cast<std::size_t>(shape.samples(frames)));
  for (const std::int64_t step : {1, 7, 40}) {
    std::vector<float> pieces;
    for (std::int64_t at = 0; at < frames; at += step) {
      const auto piece = vocoder.sound(mel, at, std::min(frames, at + step));
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    BOOST_TEST((pieces == whole), "in pieces of " << step);
  }
}

BOOST_AUTO_TEST_CASE(the_filter_around_snake_lets_a_constant_through) {
  const auto filter = half_band_filter();
  BOOST_TEST(std::abs(std::accumulate(filter.begin(), filter.end(), 0.0f) - 1) < 1e-6f);
  const auto cpu = make_cpu_device();
  Array frequencies(*cpu, 1), amplitudes(*cpu, 1);
  cpu->upload(std::vector<float>{1}, frequencies.span());
  cpu->upload(std::vector<float>{0}, amplitudes.span());
  SmoothSnake none(*cpu, {std::move(frequencies), std::move(amplitudes)});
  const std::vector<float> x{2, 2, 2, 2, 2};
  std::vector<float> y(5);
  none.run(x, y);
  for (const float value : y) BOOST_TEST(std::abs(value - 2) < 1e-2f);
}

BOOST_AUTO_TEST_SUITE_END()

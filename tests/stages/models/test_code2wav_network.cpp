// The code2wav of Qwen3-Omni, and the decoder of Qwen3-TTS's tokenizer, beside the reference
// (tests/oracle/make_code2wav_models.py).
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <numeric>

#include "stages/models/code2wav_network.hpp"
#include "tests/device_checks.hpp"
#include "tests/stages/models/code2wav_fixture.hpp"

using namespace limelight;
using namespace limelight::stages;
using limelight::tests::Code2WavCase;

namespace {

namespace data = boost::unit_test::data;
const char* const kinds[] = {"code2wav", "code2wav-tts"};

// The samples of a stream that comes in pieces of so many frames.
std::vector<float> sound(Code2WavNetwork& network,
                         const Code2WavCase& fixture,
                         const std::vector<int>& pieces) {
  auto stream = network.begin();
  BOOST_REQUIRE(network.hold(stream));
  std::vector<float> samples;
  int frame = 0;
  for (const int piece : pieces) {
    const Code2WavNetwork::Frames frames{&stream, fixture.frames(frame, piece)};
    const auto rows = network.attend({&frames, 1});
    BOOST_REQUIRE(rows.ok());
    network.sound(*rows, stream, samples);
    frame += piece;
  }
  network.release(stream);
  return samples;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_part_of_code2wav_gives_what_the_reference_gives) {
  for (const char* folder : {"code2wav", "code2wav-biases", "code2wav-tts"}) {
    const Code2WavCase fixture(folder);
    const auto cpu = make_cpu_device();
    Code2WavNetwork network(Code2WavCase::config(), fixture.model, 1, *cpu);
    std::map<std::string, std::vector<float>> parts;
    network.observe = [&](const std::string& part, std::span<const float> rows) {
      parts[part].insert(parts[part].end(), rows.begin(), rows.end());
    };
    parts["waveform"] = sound(network, fixture, {fixture.count});
    for (const auto& [name, tensor] : fixture.expected->all()) {
      if (name == "codes" || name == "rounding" || name.starts_with("chunked.")) continue;
      // The last convolution gives the waveform before it is clamped.
      if (!parts.contains(name) && name == fixture.last_part()) continue;
      BOOST_REQUIRE_MESSAGE(parts.contains(name), folder << ": no part " << name);
      const std::vector<float> wanted = tensor.floats();
      BOOST_TEST(parts[name].size() == wanted.size(), folder << ": " << name);
      const double apart = tests::relative_difference(parts[name], wanted);
      BOOST_TEST(apart < 1e-4, folder << ": " << name << " differs by " << apart);
    }
  }
}

BOOST_DATA_TEST_CASE(the_pieces_of_a_stream_do_not_change_its_sound, data::make(kinds), kind) {
  const Code2WavCase fixture(kind);
  for (const int threads : {1, 2}) {
    const auto cpu = make_cpu_device({.threads = threads});
    Code2WavNetwork network(Code2WavCase::config(), fixture.model, 1, *cpu);
    const std::vector<float> whole = sound(network, fixture, {fixture.count});
    BOOST_TEST(whole.size() == fixture.expected->find("waveform")->values);
    std::vector<int> ones(static_cast<std::size_t>(fixture.count), 1);
    for (const auto& pieces : {ones, {4, 25, 2}, {0, 30, 1}})
      BOOST_TEST((sound(network, fixture, pieces) == whole));
  }
}

BOOST_DATA_TEST_CASE(streams_that_are_computed_together_sound_as_each_alone,
                     data::make(kinds),
                     kind) {
  const Code2WavCase fixture(kind);
  const auto cpu = make_cpu_device();
  Code2WavNetwork network(Code2WavCase::config(), fixture.model, 2, *cpu);
  const std::vector<float> alone = sound(network, fixture, {fixture.count});
  Code2WavNetwork::Stream streams[2]{network.begin(), network.begin()};
  std::vector<float> samples[2];
  for (auto& stream : streams) BOOST_REQUIRE(network.hold(stream));
  auto third = network.begin();
  BOOST_TEST(!network.hold(third));
  const auto hidden = static_cast<std::size_t>(fixture.model->shape().width());
  for (int frame = 0; frame < fixture.count; ++frame) {
    // The second one comes in pieces of two.
    const bool both = frame % 2 == 0 && frame + 1 < fixture.count;
    const Code2WavNetwork::Frames frames[]{
        {&streams[0], fixture.frames(frame, 1)},
        {&streams[1], fixture.frames(frame, both             ? 2
                                            : frame % 2 == 0 ? 1
                                                             : 0)}};
    const auto rows = network.attend(frames);
    BOOST_REQUIRE(rows.ok());
    network.sound(std::span(*rows).first(hidden), streams[0], samples[0]);
    network.sound(std::span(*rows).subspan(hidden), streams[1], samples[1]);
  }
  BOOST_TEST((samples[0] == alone));
  BOOST_TEST((samples[1] == alone));
}

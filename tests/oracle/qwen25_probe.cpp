// Runs a Qwen2.5-Omni of this project, for comparisons with other implementations.
//
//   qwen25_probe FOLDER
//
// It reads lines of {"ids", "end", "answer", "frames"}: a prompt, the token that ends an answer,
// and the most tokens of the thinker and codes of the talker; or, in place of ids, parts as
// omni_probe has them. It writes lines with the names of
// make_qwen25_models.py: answer and codes come from the two stages as a pipeline runs them, states
// and logits from their networks; the spectrogram comes from the networks of token2wav, the wave
// from its stage. All is greedy.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "stages/models/normal_noise.hpp"
#include "stages/models/qwen2_5_talker_inputs.hpp"
#include "stages/models/tensor_weights.hpp"
#include "stages/models/text_model.hpp"
#include "stages/qwen2_5_omni_talker.hpp"
#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "stages/token2wav.hpp"
#include "tests/oracle/omni_parts.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

constexpr const char* speaker = "Ethan";
constexpr std::uint64_t noise_seed = 42;

struct SoundProbe {
  StageConfig config;
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  explicit SoundProbe(const std::string& folder) {
    config.model_stage = "code2wav";
    config.speaker = speaker;
    need(set_token2wav_model(folder, config));
  }
  void operator()(std::span<const std::int32_t> codes, json& answer) const {
    const DiffusionShape& shape = config.token2wav->shape().transformer;
    TensorWeights weights(config.token2wav->files());
    const DiffusionTransformer transformer(shape, weights, *device, "code2wav_dit_model.");
    const auto condition = transformer.condition(config.token2wav->voices().at(speaker), codes);
    std::vector<float> mel = normal_noise(noise_seed, static_cast<std::size_t>(condition.frames) *
                                                          static_cast<std::size_t>(shape.bands));
    answer["noise"] = mel;
    const std::vector<float> times = sway_times(Token2Wav::times, Token2Wav::sway);
    for (std::size_t i = 0; i + 1 < times.size(); ++i)
      runge_kutta_step(
          [&](float time, std::span<const float> rows) {
            return transformer.slope(condition, time, rows);
          },
          times[i], times[i + 1], mel);
    answer["mel"] = mel;
    const auto stage = need(make_stage(config, *device, nullptr));
    Request request{.number = 1, .id = "the-request", .prompt = {}};
    request.sampling.seed = noise_seed;
    need(stage->begin(request));
    need(stage->consume(1, 0, ipc::TensorSpec::of(ipc::DType::int32, {codes.size(), 1}),
                        std::as_bytes(codes), true));
    Collected out;
    while (need(step_one(*stage, 1, out)) != StepState::done) {}
    answer["wave"] = out.samples();
  }
};

struct Probe {
  std::string folder;
  Part thinker, talker;
  SoundProbe sound;
  FileWeights thinker_weights{thinker.config.model}, talker_weights{talker.config.model};
  const Qwen25Omni& omni = *talker.config.model->qwen2_5_omni();
  TextModel thought{thinker.config, thinker_weights, *thinker.device, nullptr};
  Decoder spoken{talker.config, talker_weights, *talker.device, nullptr};
  Qwen25TalkerEmbedding embedding{talker.config, omni, speaker, talker_weights, *talker.device};
  std::unique_ptr<Stage> thinker_stage = need(make_stage(thinker.config, *thinker.device, nullptr));
  std::unique_ptr<Stage> talker_stage = need(make_stage(talker.config, *talker.device, nullptr));

  // Steps both stages in turns, and hands chunks over as they come.
  void run_stages(const json& asked,
                  json& answer,
                  Qwen25TalkerInputs& inputs,
                  std::vector<int>& read) {
    Request request{.number = 1, .id = "the-request", .prompt = {}};
    if (asked.contains("parts"))
      request.messages = {{.role = "user", .parts = parts_of(folder, asked)}};
    else request.prompt_token_ids = asked["ids"].get<std::vector<std::int32_t>>();
    request.sampling.max_tokens = asked["answer"].get<int>();
    request.sampling.ignore_eos = true;  // the reference has one end here, the tokenizer several
    request.sampling.stop_token_ids = {asked["end"].get<int>()};
    request.sampling.logprobs = 0;  // they name each token that was chosen, the last one as well
    Request speech{.number = 1, .id = "the-request", .prompt = {}};
    speech.sampling = talker.config.model->sampling();
    speech.sampling.temperature = 0;
    speech.sampling.max_tokens = asked["frames"].get<int>();
    need(thinker_stage->begin(request));
    need(talker_stage->begin(speech));
    Collected from, to;
    bool thinks = true, speaks = true;
    const auto hand_over = [&](int output, int input) {
      for (const auto& chunk : from.ports[output]) {
        if (speaks) need(talker_stage->consume(1, input, chunk.tensor, chunk.data, chunk.last));
        if (output == Thinker::hidden_port) inputs.add_states(as<float>(chunk));
        else if (chunk.tensor.extents == 2) need(inputs.add_grids(as<std::int32_t>(chunk)));
        else {
          need(inputs.add_tokens(as<std::int32_t>(chunk)));
          for (const int token : as<std::int32_t>(chunk)) read.push_back(token);
          if (!answer.contains("ids")) answer["ids"] = read;
        }
      }
      from.ports[output].clear();
    };
    while (thinks || speaks) {
      if (thinks) thinks = need(step_one(*thinker_stage, 1, from)) != StepState::done;
      hand_over(Thinker::hidden_port, Qwen25OmniTalker::hidden_port);
      hand_over(Thinker::tokens_port, Qwen25OmniTalker::tokens_port);
      if (speaks) speaks = need(step_one(*talker_stage, 1, to)) != StepState::done;
    }
    need(inputs.end());
    std::vector<int> chosen;
    for (const PositionLogprobs& one : thinker_stage->answer(1).logprobs)
      chosen.push_back(one.chosen.token_id);
    answer["answer"] = chosen;
    thinker_stage->end(1);
    talker_stage->end(1);
    std::vector<int> codes;
    for (const auto& chunk : to.of(Qwen25OmniTalker::codes_port))
      for (const std::int32_t code : as<std::int32_t>(chunk)) codes.push_back(code);
    answer["codes"] = codes;
  }

  json operator()(const json& asked) {
    json answer;
    Qwen25TalkerInputs inputs(embedding);
    std::vector<int> tokens;  // that the thinker reads
    run_stages(asked, answer, inputs, tokens);
    const auto h = static_cast<std::size_t>(thinker.config.shape.hidden);
    std::vector<float> x(tokens.size() * h);
    for (std::size_t i = 0; i < tokens.size(); ++i)
      thought.embed(tokens[i], std::span(x).subspan(i * h, h));
    Mixed mixed;
    if (asked.contains("parts")) mixed = mix_in(folder, thinker, asked, tokens, x);
    answer["turns"] = mixed.turns;
    const Rows mine = run(
        thinker, thought.decoder(), [&](auto rows, auto logits) { thought.logits(rows, logits); },
        x, mixed.turns);
    answer["thinker.states"] = mine.states;
    answer["thinker.logits"] = logits_behind(answer["ids"].size() - 1, thinker, mine);

    const auto beginning = static_cast<std::size_t>(inputs.beginning());
    const auto codes = answer["codes"].get<std::vector<int>>();
    // The last of as many codes as may be is not read again.
    const std::size_t fed = std::min(codes.size(), asked["frames"].get<std::size_t>() - 1);
    std::vector<float> sums((beginning + fed) * h);
    for (std::size_t i = 0; i < beginning; ++i) inputs.write(i, std::span(sums).subspan(i * h, h));
    for (std::size_t t = 0; t < fed; ++t)
      inputs.write_code(t, codes[t], std::span(sums).subspan((beginning + t) * h, h));
    const std::vector<float> y = embedding.project(sums);
    const DecoderShape& s = talker.config.shape;
    answer["talker.inputs"] = std::vector<float>(
        y.begin(),
        y.begin() + static_cast<std::ptrdiff_t>(beginning * static_cast<std::size_t>(s.hidden)));
    const auto head = talker_weights.matrix(
        *talker.device, "lm_head", MatrixPart::whole(s.vocab, s.hidden), ipc::DType::float32);
    std::vector<std::int32_t> turns;
    for (std::size_t i = 0; i < sums.size() / h; ++i)
      if (const auto turn = inputs.turn(static_cast<int>(i)))
        turns.insert(turns.end(), turn->begin(), turn->end());
    const Rows theirs = run(
        talker, spoken,
        [&](std::span<const float> rows, std::span<float> logits) {
          linear_of_host(*talker.device, rows, *head, logits,
                         static_cast<int>(rows.size()) / s.hidden);
        },
        y, turns);
    answer["talker.states"] = theirs.states;
    answer["talker.logits"] = logits_behind(beginning - 1, talker, theirs);
    sound(codes, answer);
    return answer;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: qwen25_probe FOLDER <lines >lines");
  Probe probe{.folder = argv[1],
              .thinker = {argv[1], "thinker", speaker},
              .talker = {argv[1], "talker", speaker},
              .sound = SoundProbe(argv[1])};
  for (std::string line; std::getline(std::cin, line);)
    std::cout << probe(json::parse(line)).dump() << "\n";
}

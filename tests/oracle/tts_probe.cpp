// Runs the talker of a Qwen3-TTS of this project, for comparisons with other implementations.
//
//   tts_probe FOLDER
//
// It reads lines of {"prompt", "speaker", "language", "instructions", "non_streaming_mode",
// "frames"}: requests, of which all but the prompt and the most frames may be missing. It writes
// lines with the names of make_tts_models.py: ids and instructions as the tokenizer has them, codes
// come from the stage as a pipeline runs it, inputs, states and logits from its networks. All is
// greedy.
#include <iostream>
#include <nlohmann/json.hpp>

#include "stages/models/code_predictor.hpp"
#include "stages/models/text_model.hpp"
#include "stages/models/tts_inputs.hpp"
#include "stages/qwen3_tts_talker.hpp"
#include "stages/stage_factory.hpp"
#include "tests/oracle/omni_parts.hpp"

using namespace limelight;
using namespace limelight::stages;
using nlohmann::json;
using namespace limelight::tests;

namespace {

struct Probe {
  Part talker;
  FileWeights weights{talker.config.model};
  const Qwen3Tts& tts = *talker.config.model->tts();
  TextModel spoken{talker.config, weights, *talker.device, nullptr};
  TtsEmbedding embedding{talker.config, tts, weights, *talker.device};
  CodePredictor predictor{talker.config, tts.predictor, weights, *talker.device};
  std::unique_ptr<Tokenizer> tokenizer = need(make_tokenizer(talker.config.model->tokenizer()));
  std::unique_ptr<Stage> stage = need(make_stage(talker.config, *talker.device, nullptr));

  std::vector<int> encode(const char* role, const std::string& text) const {
    const Message message{.role = role, .content = text};
    return need(tokenizer->encode_messages({&message, 1}));
  }

  std::vector<int> codes(const json& asked, const SpeechParams& speech) const {
    Request request{.number = 1, .id = "the-request", .prompt = asked["prompt"]};
    request.sampling = talker.config.model->sampling();
    request.sampling.temperature = 0;
    request.sampling.max_tokens = asked["frames"].get<int>() + 1;
    request.sampling.speech = speech;
    need(stage->begin(request));
    Collected out;
    while (need(step_one(*stage, 1, out)) != StepState::done) {}
    stage->end(1);
    std::vector<int> codes;
    for (const auto& chunk : out.of(FrameTalker::codes_port))
      for (const std::int32_t code : as<std::int32_t>(chunk)) codes.push_back(code);
    return codes;
  }

  json operator()(const json& asked) const {
    const SpeechParams speech{.speaker = asked.value("speaker", ""),
                              .language = asked.value("language", ""),
                              .instructions = asked.value("instructions", ""),
                              .non_streaming_mode = asked.value("non_streaming_mode", true)};
    const std::vector<int> ids = encode("assistant", asked["prompt"]);
    std::vector<int> instructions;
    if (!speech.instructions.empty()) {
      instructions = encode("user", speech.instructions);
      instructions.resize(instructions.size() - TtsInputs::tokens_before);
    }
    const TtsInputs inputs(embedding, ids, instructions, need(voice_of(tts, speech, "")),
                           speech.non_streaming_mode);
    const auto h = static_cast<std::size_t>(talker.config.shape.hidden),
               beginning = static_cast<std::size_t>(inputs.beginning()),
               groups = static_cast<std::size_t>(tts.predictor.groups);
    std::vector<float> x(beginning * h);
    for (std::size_t i = 0; i < beginning; ++i) inputs.write(i, std::span(x).subspan(i * h, h));
    json answer{{"ids", ids}, {"instructions", instructions}, {"inputs", x}};
    const std::vector<int> all = codes(asked, speech);
    answer["codes"] = all;
    for (std::size_t f = 0; f < all.size() / groups; ++f) {
      x.resize(x.size() + h);
      const auto row = std::span(x).last(h);
      spoken.embed(all[f * groups], row);
      for (std::size_t g = 1; g < groups; ++g)
        predictor.add_embedding(static_cast<int>(g), all[f * groups + g], row);
      inputs.add_text(f, row);
    }
    const Rows rows = run(
        talker, spoken.decoder(), [&](auto from, auto logits) { spoken.logits(from, logits); }, x);
    answer["states"] = rows.states;
    answer["logits"] = logits_behind(beginning - 1, talker, rows);
    return answer;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: tts_probe FOLDER <lines >lines");
  const Probe probe{.talker = {argv[1], "talker", ""}};
  for (std::string line; std::getline(std::cin, line);)
    std::cout << probe(json::parse(line)).dump() << "\n";
}

// Runs a Qwen2.5-Omni of this project, for comparisons with other implementations.
//
//   qwen25_probe FOLDER
//
// It reads lines of {"ids", "end", "answer", "frames"}: a prompt, the token that ends an answer,
// and the most tokens of the thinker and codes of the talker. It writes lines with the names of
// make_qwen25_models.py: answer and codes come from the two stages as a pipeline runs them, states
// and logits from their networks. All is greedy.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "stages/models/qwen2_5_talker_inputs.hpp"
#include "stages/models/text_model.hpp"
#include "stages/qwen2_5_omni_talker.hpp"
#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "tests/oracle/omni_parts.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

constexpr const char* speaker = "Ethan";

struct Probe {
  Part thinker, talker;
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
    request.prompt_token_ids = asked["ids"].get<std::vector<std::int32_t>>();
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
        else {
          need(inputs.add_tokens(as<std::int32_t>(chunk)));
          for (const int token : as<std::int32_t>(chunk)) read.push_back(token);
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
    const Rows mine = run(
        thinker, thought.decoder(), [&](auto rows, auto logits) { thought.logits(rows, logits); },
        x);
    answer["thinker.states"] = mine.states;
    answer["thinker.logits"] = logits_behind(asked["ids"].size() - 1, thinker, mine);

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
    const Rows theirs = run(
        talker, spoken,
        [&](std::span<const float> rows, std::span<float> logits) {
          linear_of_host(*talker.device, rows, *head, logits,
                         static_cast<int>(rows.size()) / s.hidden);
        },
        y);
    answer["talker.states"] = theirs.states;
    answer["talker.logits"] = logits_behind(beginning - 1, talker, theirs);
    return answer;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: qwen25_probe FOLDER <lines >lines");
  Probe probe{.thinker = {argv[1], "thinker", speaker}, .talker = {argv[1], "talker", speaker}};
  for (std::string line; std::getline(std::cin, line);)
    std::cout << probe(json::parse(line)).dump() << "\n";
}

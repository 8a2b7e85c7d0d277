// Runs a Qwen3-Omni of this project, for comparisons with other implementations.
//
//   omni_probe FOLDER
//
// It reads lines of {"ids", "end", "answer", "frames"}: a prompt, the token that ends an answer,
// and the most tokens of the thinker and frames of the talker. In place of ids there may be parts,
// a list of {"text"}, {"audio"} and {"image"}, of which the last two are files in FOLDER: a user's
// message. It writes lines with the names of make_omni_models.py: ids, answer and codes come from
// the two stages as a pipeline runs them, states and logits from their networks. All is greedy.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "stages/models/code_predictor.hpp"
#include "stages/models/talker_inputs.hpp"
#include "stages/models/text_model.hpp"
#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "tests/oracle/omni_parts.hpp"

using namespace limelight;
using namespace limelight::stages;
using nlohmann::json;
using namespace limelight::tests;

namespace {

Head head_of(const TextModel& model) {
  return [&model](auto rows, auto logits) { model.logits(rows, logits); };
}

struct Probe {
  std::string folder;
  Part thinker, talker;
  FileWeights thinker_weights{thinker.config.model}, talker_weights{talker.config.model};
  const Qwen3Omni& omni = *talker.config.model->omni();
  TextModel thought{thinker.config, thinker_weights, *thinker.device, nullptr};
  TextModel spoken{talker.config, talker_weights, *talker.device, nullptr};
  TalkerEmbedding embedding{talker.config, omni, "ethan", talker_weights, *talker.device};
  CodePredictor predictor{talker.config, omni.predictor, talker_weights, *talker.device};
  std::unique_ptr<Stage> thinker_stage = need(make_stage(thinker.config, *thinker.device, nullptr));
  std::unique_ptr<Stage> talker_stage = need(make_stage(talker.config, *talker.device, nullptr));

  // Steps both stages in turns, and hands chunks over as they come.
  void run_stages(const json& asked, json& answer, std::vector<Collected::Chunk>& chunks) {
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
    speech.sampling.max_tokens = asked["frames"].get<int>() + 1;
    need(thinker_stage->begin(request));
    need(talker_stage->begin(speech));
    Collected from, to;
    bool thinks = true, speaks = true;
    while (thinks || speaks) {
      if (thinks) thinks = need(step_one(*thinker_stage, 1, from)) != StepState::done;
      auto& fresh = from.ports[Thinker::tokens_port];
      for (auto& chunk : fresh) {
        if (speaks) need(talker_stage->consume(1, 0, chunk.tensor, chunk.data, chunk.last));
        chunks.push_back(std::move(chunk));
      }
      fresh.clear();
      if (speaks) speaks = need(step_one(*talker_stage, 1, to)) != StepState::done;
    }
    std::vector<int> chosen;
    for (const PositionLogprobs& one : thinker_stage->answer(1).logprobs)
      chosen.push_back(one.chosen.token_id);
    answer["answer"] = chosen;
    thinker_stage->end(1);
    talker_stage->end(1);
    std::vector<int> codes;
    for (const auto& chunk : to.of(0))
      for (const std::int32_t code : as<std::int32_t>(chunk)) codes.push_back(code);
    answer["codes"] = codes;
  }

  json operator()(const json& asked) {
    json answer;
    std::vector<Collected::Chunk> chunks;
    run_stages(asked, answer, chunks);
    TalkerInputs inputs(embedding);
    std::vector<int> tokens;  // that the thinker reads
    std::size_t prompt = 0;
    for (const auto& chunk : chunks) {
      if (chunk.tensor.dtype == ipc::DType::int32 && chunk.tensor.extents == 2)
        need(inputs.add_grids(as<std::int32_t>(chunk)));
      else if (chunk.tensor.dtype == ipc::DType::float32) need(inputs.add_states(as<float>(chunk)));
      else {
        need(inputs.add_tokens(as<std::int32_t>(chunk)));
        for (const int token : as<std::int32_t>(chunk)) tokens.push_back(token);
        if (prompt == 0) prompt = tokens.size(), answer["ids"] = tokens;
      }
    }
    inputs.end();
    const auto h = static_cast<std::size_t>(thinker.config.shape.hidden),
               c = static_cast<std::size_t>(talker.config.shape.hidden);
    std::vector<float> x(tokens.size() * h);
    for (std::size_t i = 0; i < tokens.size(); ++i)
      thought.embed(tokens[i], std::span(x).subspan(i * h, h));
    Mixed mixed;
    if (asked.contains("parts")) mixed = mix_in(folder, thinker, asked, tokens, x);
    answer["turns"] = mixed.turns;
    const Rows mine =
        run(thinker, thought.decoder(), head_of(thought), x, mixed.turns, mixed.added);
    answer["thinker.states"] = mine.states;
    answer["thinker.logits"] = logits_behind(prompt - 1, thinker, mine);
    const auto beginning = static_cast<std::size_t>(inputs.beginning());
    std::vector<float> y(beginning * c);
    for (std::size_t i = 0; i < beginning; ++i) inputs.write(i, std::span(y).subspan(i * c, c));
    answer["talker.inputs"] = y;
    const auto codes = answer["codes"].get<std::vector<int>>();
    const auto groups = static_cast<std::size_t>(omni.predictor.groups);
    for (std::size_t f = 0; f < codes.size() / groups; ++f) {
      y.resize(y.size() + c);
      const auto row = std::span(y).last(c);
      spoken.embed(codes[f * groups], row);
      for (std::size_t g = 1; g < groups; ++g)
        predictor.add_embedding(static_cast<int>(g), codes[f * groups + g], row);
      inputs.add_text(f, row);
    }
    std::vector<std::int32_t> turns;
    for (std::size_t i = 0; i < y.size() / c; ++i)
      if (const auto turn = inputs.turn(static_cast<int>(i)))
        turns.insert(turns.end(), turn->begin(), turn->end());
    const Rows theirs = run(talker, spoken.decoder(), head_of(spoken), y, turns);
    answer["talker.states"] = theirs.states;
    answer["talker.logits"] = logits_behind(beginning - 1, talker, theirs);
    return answer;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: omni_probe FOLDER <lines >lines");
  Probe probe{.folder = argv[1],
              .thinker = {argv[1], "thinker", "ethan"},
              .talker = {argv[1], "talker", "ethan"}};
  for (std::string line; std::getline(std::cin, line);)
    std::cout << probe(json::parse(line)).dump() << "\n";
}

// A small Qwen3-TTS as a user runs it: the sound of a folder alone, in processes, is that of
// qwen-tts, on one rank and on two.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/omni_runs.hpp"

using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path model = fs::path(FIXTURES) / "qwen3_tts";

std::string options(int ranks) {
  return " --model " + model.string() + " --stage-overrides '" +
         json{{"0", {{"dtype", "float32"}, {"tensor_parallel_size", ranks}}},
              {"1", {{"dtype", "float32"}}}}
             .dump() +
         "'";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_folder_alone_gives_the_sound_of_the_reference_on_one_rank_and_on_two) {
  const Folder folder;
  const json expected = expected_of(model);
  std::string lines;
  for (const json& one : expected) {
    json line = one["request"];
    line["max_tokens"] = line["frames"].get<int>() + 1;
    line["temperature"] = 0;
    line.erase("frames");
    lines += line.dump() + "\n";
  }
  const auto prompts = write_file(folder.path / "lines.jsonl", lines);
  for (const int ranks : {1, 2}) {
    const std::string out = (folder.path / std::to_string(ranks)).string();
    const Ran ran = limelight_command("run" + options(ranks) + " --prompts " + prompts.string() +
                                      " --output-dir " + out);
    BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
    for (std::size_t p = 0; p < expected.size(); ++p) {
      const json& wave = expected[p]["wave"];
      // After a header of 44 bytes, 16 bits a sample.
      const std::string wav = read_file(out + "/" + std::to_string(p) + ".wav");
      BOOST_REQUIRE(wav.size() == 44 + 2 * wave.size());
      for (std::size_t i = 0; i < wave.size(); ++i) {
        std::int16_t level = 0;
        std::memcpy(&level, wav.data() + 44 + 2 * i, sizeof level);
        BOOST_TEST(std::abs(level - 32767 * wave[i].get<float>()) < 1.5f);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(flags_say_who_speaks_and_what_is_not_there_is_refused) {
  const auto said = [](const std::string& flags) {
    return limelight_command("run --model " + model.string() +
                             " --prompt kabi --max-tokens 3 --temperature 0 " + flags);
  };
  const Ran good = said("--speaker Eric --language english --instructions 'ka bi'");
  BOOST_TEST(good.code == 0, good.output);
  for (const auto& [flags, what] :
       {std::pair{"--speaker nobody", "expected one of aiden, eric, vivian"},
        std::pair{"--language latin", "expected one of auto, chinese, english, german"}}) {
    const Ran bad = said(flags);
    BOOST_TEST(bad.code != 0);
    BOOST_TEST(bad.output.find(what) != std::string::npos, bad.output);
  }
}

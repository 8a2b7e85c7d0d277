// Sounds and pictures over HTTP, to a small Qwen3-Omni: the answer is that of `limelight run` to
// the same files.
#include <set>

#include "actors/formats/base64.hpp"
#include "tests/http/served.hpp"
#include "tests/media_model.hpp"

using namespace limelight::tests;
using limelight::formats::from_base64;
using limelight::formats::to_base64;
namespace fs = std::filesystem;

namespace {

const fs::path media = fs::path(FIXTURES) / "media";

std::string base64_of(const char* file) { return to_base64(read_file(media / file)); }
json picture(const char* file, const std::string& type) {
  return {{"type", "image_url"},
          {"image_url", {{"url", "data:" + type + ";base64," + base64_of(file)}}}};
}
json sound(const char* file, const std::string& format) {
  return {{"type", "input_audio"},
          {"input_audio", {{"data", base64_of(file)}, {"format", format}}}};
}
json text(const std::string& words) { return {{"type", "text"}, {"text", words}}; }
json message(const json& parts) {
  json one{{"role", "user"}};
  one["content"] = parts;
  return json::array({one});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(media_over_http)

BOOST_AUTO_TEST_CASE(a_model_hears_and_sees_what_comes_in_a_request) {
  const Folder folder;
  const fs::path model = folder.path / "model";
  copy_media_model(fs::path(FIXTURES) / "qwen3_omni_moe", model);
  const json overrides = {{"0", {{"dtype", "float32"}}},
                          {"1",
                           {{"dtype", "float32"},
                            {"default_sampling_params", {{"temperature", 0}, {"max_tokens", 21}}}}},
                          {"2", {{"dtype", "float32"}}}};
  Served served({"--model", model.string(), "--stage-overrides", overrides.dump()});
  struct Case {
    std::string flags;
    json parts;
  };
  const std::string at = media.string() + "/";
  const Case cases[] = {{"--image " + at + "rgba.png --audio " + at + "mono_22050.flac",
                         json::array({picture("rgba.png", "image/png"),
                                      sound("mono_22050.flac", "flac"), text("ka")})},
                        {"--audio " + at + "stereo_44100.wav",
                         json::array({sound("stereo_44100.wav", "wav"), text("ka")})},
                        {"--image " + at + "turned.jpg",
                         json::array({picture("turned.jpg", "image/jpeg"), text("ka")})}};
  std::set<std::string> answers;
  for (const Case& one : cases) {
    const Folder out;
    const Ran ran = run(std::string(LIMELIGHT_COMMAND) + " run --model " + model.string() +
                        " --stage-overrides '" + overrides.dump() +
                        "' --temperature 0 --max-tokens 24 --prompt ka " + one.flags +
                        " --output-dir " + out.path.string());
    BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
    const json wanted = json::parse(read_file(out.path / "outputs.jsonl"));
    json body{{"temperature", 0}, {"max_tokens", 24}, {"modalities", {"text", "audio"}}};
    body["audio"]["format"] = "wav";
    body["messages"] = message(one.parts);
    const Reply reply = served.post("/v1/chat/completions", body);
    BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.body);
    const json got = reply.document();
    BOOST_TEST(got["choices"][0]["message"]["content"] == wanted["text"]);
    BOOST_TEST(got["usage"]["prompt_tokens"] == wanted["prompt_tokens"]);
    const auto wav = from_base64(got["choices"][0]["message"]["audio"]["data"].get<std::string>());
    BOOST_REQUIRE(wav.ok());
    BOOST_TEST(wav->size() > 44u);
    BOOST_TEST((*wav == read_file(out.path / "0.wav")));
    answers.insert(wanted["text"].dump() + *wav);
  }
  BOOST_TEST(answers.size() == 3u);  // the files make a difference

  json body{{"max_tokens", 4}, {"modalities", {"text"}}};
  // What is no picture fails alone.
  json broken{{"type", "image_url"}};
  broken["image_url"]["url"] = "data:image/png;base64," + to_base64("no picture");
  body["messages"] = message(json::array({broken, text("ka")}));
  const Reply refused = served.post("/v1/chat/completions", body);
  BOOST_TEST(refused.status == 400, refused.body);
  BOOST_TEST(served.health()["status"] == "ready");
}

BOOST_AUTO_TEST_SUITE_END()

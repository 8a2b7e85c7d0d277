// /v1/audio/speech: the sound of a text, in each format, whole and in parts.
#include <sndfile.h>

#include "actors/formats/base64.hpp"
#include "tests/http/served.hpp"

using namespace limelight::tests;
using limelight::formats::from_base64;

namespace {

Served& speaking() {
  static Served it;
  return it;
}
const json speech_request{{"model", "omni_tiny"},
                          {"input", "Good morning"},
                          {"voice", "alloy"},
                          {"max_tokens", 20},
                          {"seed", 7}};

Reply speak(const json& changes) {
  json body = speech_request;
  body.update(changes);
  return speaking().post("/v1/audio/speech", body);
}

// Samples of a file, as its library reads them.
std::size_t samples_of(const std::string& file, int* rate = nullptr) {
  const Folder folder;
  const auto path = write_file(folder.path / "sound", file);
  SF_INFO info{};
  SNDFILE* sound = ::sf_open(path.c_str(), SFM_READ, &info);
  BOOST_REQUIRE_MESSAGE(sound != nullptr, ::sf_strerror(nullptr));
  std::vector<float> samples(1 << 20);
  const auto count = ::sf_read_float(sound, samples.data(), static_cast<sf_count_t>(1 << 20));
  ::sf_close(sound);
  if (rate != nullptr) *rate = info.samplerate;
  return static_cast<std::size_t>(count);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(speech)

BOOST_AUTO_TEST_CASE(each_format_holds_the_same_sound) {
  const Reply wav = speak({{"response_format", "wav"}});
  BOOST_TEST(wav.status == 200, wav.body.substr(0, 300));
  BOOST_TEST(wav.headers.at("content-type") == "audio/wav");
  BOOST_TEST(wav.headers.at("x-sample-rate") == "24000");
  int rate = 0;
  const std::size_t samples = samples_of(wav.body, &rate);
  BOOST_TEST(rate == 24'000);
  BOOST_TEST(samples == (wav.body.size() - 44) / 2);
  BOOST_TEST((speak({{"response_format", "pcm"}}).body == wav.body.substr(44)));
  const Reply flac = speak({{"response_format", "flac"}});
  BOOST_TEST(flac.headers.at("content-type") == "audio/flac");
  BOOST_TEST(samples_of(flac.body) == samples);
  // These two add a little silence.
  const Reply mp3 = speak(json::object());
  BOOST_TEST(mp3.headers.at("content-type") == "audio/mpeg");
  BOOST_TEST(samples_of(mp3.body) >= samples - 2000);
  const Reply opus = speak({{"response_format", "opus"}});
  BOOST_TEST(opus.headers.at("content-type") == "audio/ogg");
  BOOST_TEST(samples_of(opus.body) >= samples - 2000);
}

BOOST_AUTO_TEST_CASE(sound_comes_in_parts_alone_or_in_events) {
  const std::string pcm = speak({{"response_format", "pcm"}}).body;
  const Reply wav = speak({{"response_format", "wav"}, {"stream_format", "audio"}});
  BOOST_TEST(wav.headers.at("transfer-encoding") == "chunked");
  BOOST_TEST((wav.body.substr(44) == pcm));
  const Reply events = speak({{"response_format", "pcm"}, {"stream_format", "sse"}});
  BOOST_TEST(events.headers.at("content-type").starts_with("text/event-stream"));
  std::string sound, last;
  for (std::size_t at = 0; at < events.body.size();) {
    const auto end = events.body.find("\n\n", at);
    BOOST_REQUIRE(end != std::string::npos);
    const json event = json::parse(events.body.substr(at + 6, end - at - 6));
    at = end + 2;
    last = event["type"];
    if (last == "speech.audio.delta") sound += *from_base64(event["audio"].get<std::string>());
    else BOOST_TEST(event["usage"]["output_tokens"] == 20);
  }
  BOOST_TEST(last == "speech.audio.done");
  BOOST_TEST((sound == pcm));
}

BOOST_AUTO_TEST_CASE(what_the_model_does_not_do_is_refused) {
  const auto refused = [](const json& changes, const std::string& what) {
    const Reply reply = speak(changes);
    BOOST_TEST(reply.status == 400, changes.dump());
    BOOST_TEST(reply.body.find(what) != std::string::npos, reply.body);
  };
  refused({{"input", ""}}, "found no text");
  refused({{"speed", 1.5}}, "the speed is the model's");
  refused({{"instructions", "Whisper"}}, "the voice is the model's");
  refused({{"response_format", "aac"}}, "wav, flac, mp3, opus, pcm or pcm16");
  refused({{"response_format", "mp3"}, {"stream_format", "sse"}}, "do not come in parts");
  BOOST_TEST(speak({{"model", "tts-1"}}).status == 404);
}

BOOST_AUTO_TEST_CASE(a_model_with_speakers_obeys_the_voice_the_language_and_the_instructions) {
  const Served tts({"--model", FIXTURES "/qwen3_tts"});
  const auto said = [&](const json& changes) {
    json body{{"input", "kabi"}, {"voice", "default"}, {"response_format", "pcm"}};
    body.update({{"max_tokens", 9}, {"temperature", 0}});
    body.update(changes);
    return tts.post("/v1/audio/speech", body);
  };
  const Reply usual = said(json::object());
  BOOST_TEST(usual.status == 200, usual.body.substr(0, 300));
  BOOST_TEST(!usual.body.empty());
  BOOST_TEST((said({{"voice", "vivian"}}).body == usual.body));
  BOOST_TEST((said({{"voice", "Aiden"}}).body != usual.body));
  BOOST_TEST((said({{"language", "english"}}).body != usual.body));
  BOOST_TEST((said({{"instructions", "kabi"}}).body != usual.body));
  for (const auto& [changes, what] :
       {std::pair{json::object({{"voice", "alloy"}}), "expected one of aiden, eric, vivian"},
        std::pair{json::object({{"language", "latin"}}),
                  "expected one of auto, chinese, english, german"}}) {
    const Reply bad = said(changes);
    BOOST_TEST(bad.status == 400, bad.body.substr(0, 300));
    BOOST_TEST(bad.body.find(what) != std::string::npos, bad.body);
  }
}

BOOST_AUTO_TEST_SUITE_END()

// Parts of a message's content in lines of requests.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "cli/media_files.hpp"
#include "cli/request_lines.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
using namespace limelight::tests;
using nlohmann::json;
using Kind = ContentPart::Kind;

namespace {

Result<GenerateRequest> read_parts(const std::string& parts,
                                   const std::filesystem::path& folder = {}) {
  const std::string line = R"({"messages": [{"role": "user", "content": )" + parts + "}]}";
  return read_request(json::parse(line), {}, folder);
}
void refuses_parts(const std::string& parts, const std::string& expected) {
  const auto found = read_parts(parts);
  BOOST_REQUIRE_MESSAGE(!found.ok(), parts);
  BOOST_TEST(found.error().message.find(expected) != std::string::npos, found.error().message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_parts)

BOOST_AUTO_TEST_CASE(all_kinds_in_the_order_of_the_line) {
  const Folder folder;
  write_file(folder.path / "a.png", "picture");
  const auto request = read_parts(
      R"([{"type": "image_url", "image_url": {"url": "a.png", "detail": "auto"}},
          {"type": "text", "text": "between"},
          {"type": "input_audio", "input_audio": {"data": "Zm9v", "format": "wav"}},
          {"type": "audio_url", "audio_url": {"url": "data:audio/mpeg;base64,Zm9vYg=="}},
          {"type": "image_url", "image_url": {"url": "file://)" +
          (folder.path / "a.png").string() + R"("}}])",
      folder.path);
  if (!request) BOOST_FAIL(request.error().message);
  const auto& parts = request->messages.at(0).parts;
  BOOST_REQUIRE(parts.size() == 5u);
  BOOST_TEST((parts[0].kind == Kind::image));
  BOOST_TEST(parts[0].data == "picture");
  BOOST_TEST((parts[1].kind == Kind::text));
  BOOST_TEST(parts[1].text == "between");
  BOOST_TEST((parts[2].kind == Kind::audio));
  BOOST_TEST(parts[2].data == "foo");
  BOOST_TEST(parts[3].data == "foob");
  BOOST_TEST(parts[4].data == "picture");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_refused_with_its_place) {
  refuses_parts("[]", "key 'messages[0].content': found an empty list");
  refuses_parts(R"([{"type": "video_url", "video_url": {"url": "a"}}])", "videos are not read");
  refuses_parts(R"([{"type": "smell"}])", "key 'messages[0].content[0].type': found 'smell'");
  refuses_parts(
      R"([{"type": "text", "text": "a", "more": 1}])",
      "key 'messages[0].content[0].more': found an unknown key, expected one of type, text");
  refuses_parts(R"([{"type": "input_audio", "input_audio": {"data": "Zm9v", "format": "ogg"}}])",
                "found 'ogg', expected wav, mp3 or flac");
  refuses_parts(R"([{"type": "input_audio", "input_audio": {"data": "#!", "format": "wav"}}])",
                "a character at offset 0 that is not of base64");
  refuses_parts(R"([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])",
                "nothing is fetched from the network");
  refuses_parts(R"([{"type": "image_url", "image_url": {"url": "data:text/plain;base64,Zm9v"}}])",
                "'data:text/plain;base64'");
  refuses_parts(R"([{"type": "image_url", "image_url": {"url": "/no/such.png"}}])", "/no/such.png");
  refuses_parts(R"([{"type": "image_url", "image_url": {"url": "a", "detail": "low"}}])",
                "\"low\"");
  for (const char* key : {"mm_processor_kwargs", "use_audio_in_video"}) {
    const auto found = read_request({{"prompt", "a"}, {key, true}}, {});
    BOOST_REQUIRE(!found.ok());
    BOOST_TEST(found.error().message.find(key) != std::string::npos);
    BOOST_TEST(found.error().message.find("videos") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()

// The file beside a voice of Piper, and ids from phonemes.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "examples/voice/voice_file.hpp"
#include "tests/support.hpp"

using nlohmann::json;
using voice::Ids;
using voice::ids_of;
using voice::parse_voice_file;
using voice::read_voice_file;
using voice::VoiceFile;

namespace {

const json good{
    {"audio", {{"sample_rate", 22050}}},
    {"espeak", {{"voice", "en-us"}}},
    {"inference", {{"length_scale", 1}}},
    {"num_symbols", 64},
    {"phoneme_id_map",
     {{"_", {0}}, {"^", {1}}, {"$", {2}}, {" ", {3}}, {"a", {4}}, {"\u0303", {5}}, {"b", {6, 7}}}}};

// The refusal of the good file with another value at `path`; null: without the key.
std::string refusal(const std::string& path, const json& value) {
  json changed = good;
  const json::json_pointer at(path);
  if (value.is_null()) changed.at(at.parent_pointer()).erase(at.back());
  else changed[at] = value;
  const auto parsed = parse_voice_file(changed.dump(), "a.json");
  return parsed ? "" : parsed.error().message;
}
VoiceFile the_voice() { return parse_voice_file(good.dump(), "a.json").value(); }
std::vector<std::int32_t> only_part(const Ids& ids) {
  BOOST_REQUIRE(ids.parts.size() == 1u);
  return ids.parts[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voice_file)

BOOST_AUTO_TEST_CASE(a_file_of_piper_is_read) {
  const VoiceFile voice = the_voice();
  BOOST_TEST(voice.sample_rate == 22050);
  BOOST_TEST(voice.espeak_voice == "en-us");
  BOOST_TEST(voice.ids.at("b").at(1) == 7);
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_wrong_is_told_with_its_key) {
  const struct {
    std::string path;
    json value;
    std::string found, expected;
  } cases[] = {
      {"/audio", nullptr, "nothing", "8000 to 192000"},
      {"/audio", 5, "nothing", "8000 to 192000"},
      {"/audio/sample_rate", nullptr, "nothing", "8000 to 192000"},
      {"/audio/sample_rate", -22050, "-22050", "8000 to 192000"},
      {"/audio/sample_rate", 22050.5, "22050.5", "8000 to 192000"},
      {"/audio/sample_rate", "22050", "\"22050\"", "8000 to 192000"},
      {"/audio/sample_rate", 18446744073709551615u, "18446744073709551615", "8000 to 192000"},
      {"/espeak/voice", 7, "7", "a text"},
      {"/num_speakers", 2, "2", "1"},
      {"/phoneme_type", "text", "\"text\"", "espeak"},
      {"/inference/length_scale", 0, "0", "0.1 to 10"},
      {"/inference/length_scale", "slow", "\"slow\"", "0.1 to 10"},
      {"/num_symbols", 0, "0", "1 to 65536"},
      {"/num_symbols", 1e9, "1000000000.0", "1 to 65536"},
      {"/phoneme_id_map", nullptr, "nothing", "a map"},
      {"/phoneme_id_map", json::array({1}), "[1]", "a map"},
      {"/phoneme_id_map/a", 4, "4", "a list of 8 ids at most"},
      {"/phoneme_id_map/a", json::array({-1}), "[-1]", "whole numbers up to 63"},
      {"/phoneme_id_map/a", json::array({64}), "[64]", "whole numbers up to 63"},
      {"/phoneme_id_map/a", json::array({9223372036854775808u}), "[9223372036854775808]",
       "whole numbers up to 63"},
      {"/phoneme_id_map/a", json::array({"4"}), "[\"4\"]", "whole numbers up to 63"},
      {"/phoneme_id_map/a", json::array({1, 2, 3, 4, 5, 6, 7, 8, 9}), "[1,2,3,4,5,6,7,8,9]",
       "a list of 8 ids at most"},
      {"/phoneme_id_map/^", nullptr, "nothing", "an id"},
      {"/phoneme_id_map/_", json::array(), "nothing", "an id"},
  };
  for (const auto& [path, value, found, expected] : cases) {
    std::string key = path.substr(1);
    std::replace(key.begin(), key.end(), '/', '.');
    if (key == "audio") key = "audio.sample_rate";
    BOOST_TEST(refusal(path, value) == "'voice': found a.json with the key '" + key +
                                           "': " + found + ", expected " + expected);
  }
  json empty = good;
  empty["phoneme_id_map"] = json::object();
  BOOST_TEST(parse_voice_file(empty.dump(), "a.json").error().message ==
             "'voice': found a.json with the key 'phoneme_id_map._': nothing, expected an id");
  for (const char* text : {"", "[]", "{", "7", "\xff", "null"})
    BOOST_TEST(parse_voice_file(text, "a.json").error().message ==
               "'voice': found a.json, which is no JSON object, expected one");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_told_with_its_path) {
  const limelight::tests::Folder folder;
  const auto read = read_voice_file(folder.path / "none.onnx");
  BOOST_REQUIRE(!read.ok());
  BOOST_TEST(read.error().message.find((folder.path / "none.onnx.json").string()) !=
             std::string::npos);
  limelight::tests::write_file(folder.path / "a.onnx.json", good.dump());
  BOOST_TEST(read_voice_file(folder.path / "a.onnx").ok());
}

BOOST_AUTO_TEST_CASE(each_phoneme_has_a_pad_behind_it) {
  const std::vector<std::int32_t> expected{1, 0, 4, 0, 6, 7, 0, 3, 0, 4, 0, 2};
  BOOST_TEST(only_part(ids_of(the_voice(), "ab a", 1024)) == expected,
             boost::test_tools::per_element());
  BOOST_TEST(ids_of(the_voice(), "", 1024).parts.empty());
}

BOOST_AUTO_TEST_CASE(an_accent_is_a_phoneme_of_its_own) {
  const std::vector<std::int32_t> expected{1, 0, 4, 0, 5, 0, 2};
  for (const char* text : {"\u00e3", "a\u0303"})  // composed, and decomposed
    BOOST_TEST(only_part(ids_of(the_voice(), text, 1024)) == expected,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(phonemes_that_the_voice_lacks_are_counted) {
  const Ids ids = ids_of(the_voice(), "axa\u00e9", 1024);
  const std::vector<std::int32_t> expected{1, 0, 4, 0, 4, 0, 2};
  BOOST_TEST(only_part(ids) == expected, boost::test_tools::per_element());
  const std::vector<std::string> unknown{"x", "e", "\u0301"};
  BOOST_TEST(ids.unknown == unknown, boost::test_tools::per_element());
  BOOST_TEST(ids_of(the_voice(), "xyz", 1024).parts.empty());
}

BOOST_AUTO_TEST_CASE(more_ids_than_the_limit_are_several_parts) {
  std::string words, word(500, 'a');
  for (int i = 0; i < 100; ++i) words += "aaa ";
  for (const std::string& text : {words, word}) {
    const Ids ids = ids_of(the_voice(), text, 64);
    BOOST_TEST(ids.parts.size() > 5u);
    std::size_t phonemes = 0;
    for (const auto& part : ids.parts) {
      BOOST_TEST(part.size() <= 64u);
      BOOST_TEST(part.front() == 1);
      BOOST_TEST(part.back() == 2);
      phonemes += (part.size() - 3) / 2;
      if (&text == &words) BOOST_TEST(part[part.size() - 3] == 3);  // cut at a blank
    }
    BOOST_TEST(phonemes == text.size());
  }
}

BOOST_AUTO_TEST_SUITE_END()

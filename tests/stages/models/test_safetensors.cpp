// Folders of published models, as several years had them, and damaged ones.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "stages/models/tokenizer.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
using limelight::ErrorCode;
namespace fs = std::filesystem;

// Folders of different years have it in tokenizer_config.json, as a text or one of several, or in a
// file of its own.
BOOST_AUTO_TEST_CASE(the_chat_template_is_found_wherever_a_folder_has_it) {
  const Folder folder;
  fs::copy(fixtures / "qwen2", folder.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const auto config = folder.path / "tokenizer_config.json";
  const std::string chat = "{{'<|im_start|>' + message['role']}}";
  const auto found = [&] { return open_model(folder.path)->tokenizer().chat_template; };
  std::ofstream(config) << nlohmann::json{{"chat_template", chat}};
  BOOST_TEST(found() == chat);
  std::ofstream(config) << nlohmann::json{
      {"chat_template",
       {{{"name", "tool_use"}, {"template", "other"}}, {{"name", "default"}, {"template", chat}}}}};
  BOOST_TEST(found() == chat);
  std::ofstream(config) << nlohmann::json{{"eos_token", "<|im_end|>"}};
  BOOST_TEST(found() == "");
  std::ofstream(folder.path / "chat_template.jinja") << chat;
  BOOST_TEST(found() == chat);
}

BOOST_AUTO_TEST_CASE(damaged_safetensors_are_refused_and_say_where) {
  const Folder folder;
  fs::copy(fixtures / "qwen2", folder.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string good = read_file(fixtures / "qwen2/model.safetensors");
  const auto refused = [&](const char* file, const std::string& bytes, const char* expected) {
    const std::string kept = read_file(folder.path / file);
    std::ofstream(folder.path / file, std::ios::binary) << bytes;
    const auto opened = ModelFile::open(folder.path);
    BOOST_REQUIRE_MESSAGE(!opened.ok(), "accepted; expected: " << expected);
    BOOST_TEST(opened.error().message.find(expected) != std::string::npos, opened.error().message);
    std::ofstream(folder.path / file, std::ios::binary) << kept;
  };
  const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    BOOST_REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  BOOST_REQUIRE(ModelFile::open(folder.path).ok());
  refused("model.safetensors", std::string(8, '\xff') + good.substr(8), "offset 0");
  refused("model.safetensors", good.substr(0, 100), "offset 0");
  refused("model.safetensors", good.substr(0, good.size() - 1000), "bytes of data in the file");
  refused("model.safetensors", replaced(good, "\"dtype\":\"F32\"", "\"dtype\":\"I32\""),
          "found dtype I32");
  refused("model.safetensors", replaced(good, "[512,64]", "[512,65]"),
          "found 131072 bytes, expected 133120");
  refused("model.safetensors", replaced(good, "{", "}"), "JSON object");
  refused(
      "model.safetensors",
      replaced(good, "post_attention_layernorm.weight\":", "post_attention_layernorm.bias\":  "),
      "found no tensor 'layers.0.post_norm'");
  const std::string config = read_file(folder.path / "config.json"),
                    tokens = read_file(folder.path / "tokenizer.json");
  refused("config.json", replaced(config, "\"qwen2\"", "\"bert\""),
          "expected gemma2, gemma3_text, llama, mistral");
  refused("config.json", replaced(config, "\"hidden_size\": 64", "\"hidden_size\": -64"),
          "hidden_size");
  refused("config.json", replaced(config, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
          "expected a word for each of the 3 layers");
  refused("tokenizer.json", replaced(tokens, "\"merges\"", "\"merged\""), "'model.merged'");
  refused("tokenizer.json", tokens.substr(0, tokens.size() / 2), "JSON object");
  std::ofstream(folder.path / "model.safetensors.index.json")
      << R"({"weight_map": {"model.norm.weight": "../model.safetensors"}})";
  BOOST_TEST(ModelFile::open(folder.path).error().message.find("in the same folder") !=
             std::string::npos);
  std::ofstream(folder.path / "model.safetensors.index.json")
      << R"({"weight_map": {"model.norm.weight": "model.safetensors"}})";
  BOOST_TEST(ModelFile::open(folder.path).error().message.find("the index, ") != std::string::npos);
  BOOST_TEST((ModelFile::open(folder.path / "none.gguf").error().code == ErrorCode::not_found));
}

// The tokenizer that a GGUF file's metadata state. With whole files: test_text_tokenizer.cpp.
#include <boost/test/unit_test.hpp>

#include "stages/models/gguf_metadata.hpp"
#include "stages/models/refusal.hpp"
#include "stages/models/text_splitter.hpp"

using namespace limelight::stages;
using Texts = std::vector<std::string_view>;
using Numbers = std::vector<double>;

namespace {

using Keys = std::map<std::string, GgufMetadata::Value>;

// A tokenizer with scores, unless `changes` have another; nothing: without the key.
std::string tokenizer_refusal(const Keys& changes, std::string_view gone = {}) {
  Keys keys{{"tokenizer.ggml.model", std::string_view("llama")},
            {"tokenizer.ggml.tokens", Texts{"<unk>", "<s>", "</s>", "a"}},
            {"tokenizer.ggml.scores", Numbers{0, 0, 0, -1}},
            {"tokenizer.ggml.token_type", Numbers{2, 3, 3, 1}},
            {"tokenizer.ggml.bos_token_id", 1.0},
            {"tokenizer.ggml.eos_token_id", 2.0}};
  for (const auto& [key, value] : changes) keys.insert_or_assign("tokenizer." + key, value);
  GgufMetadata metadata("m.gguf");
  for (const auto& [key, value] : keys)
    if (key != gone) metadata.add(key, value);
  try {
    (void)gguf_tokenizer(metadata);
    return "";
  } catch (const ModelRefusal& refusal) {
    return refusal.error.message;
  }
}
std::string said_of(const char* key, const std::string& what) {
  return "m.gguf: the metadata's key 'tokenizer." + std::string(key) + "': " + what;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gguf_tokenizer_keys)

BOOST_AUTO_TEST_CASE(a_value_of_another_type_is_not_passed_over) {
  BOOST_TEST(tokenizer_refusal({}) == "");
  BOOST_TEST(tokenizer_refusal({{"chat_template", 3.0}}) ==
             said_of("chat_template", "found a number, expected a text"));
  BOOST_TEST(tokenizer_refusal({{"ggml.token_type", Texts{"3", "3", "3", "3"}}}) ==
             said_of("ggml.token_type", "found a list of texts, expected a list of numbers"));
  BOOST_TEST(tokenizer_refusal({{"ggml.add_space_prefix", std::string_view("no")}}) ==
             said_of("ggml.add_space_prefix", "found a text, expected a number"));
}

BOOST_AUTO_TEST_CASE(lists_have_an_entry_for_each_token_and_each_text_once) {
  BOOST_TEST(tokenizer_refusal({{"ggml.token_type", Numbers{2, 3, 3}}}) ==
             said_of("ggml.token_type", "found 3 types, expected one for each of the 4 tokens"));
  BOOST_TEST(tokenizer_refusal({{"ggml.tokens", Texts{"<unk>", "a", "</s>", "a"}}}) ==
             said_of("ggml.tokens", "found 'a' as the tokens 1 and 3, expected each text once"));
  BOOST_TEST(tokenizer_refusal({{"ggml.tokens", Texts{"<unk>", "<s>", "", ""}}}) == "");
}

BOOST_AUTO_TEST_CASE(a_token_that_stands_beside_every_text_is_named) {
  const std::string missing = "found nothing, expected the token that is put beside every text";
  BOOST_TEST(tokenizer_refusal({}, "tokenizer.ggml.bos_token_id") ==
             said_of("ggml.bos_token_id", missing));
  BOOST_TEST(tokenizer_refusal({{"ggml.add_bos_token", 0.0}}, "tokenizer.ggml.bos_token_id") == "");
  BOOST_TEST(tokenizer_refusal({{"ggml.add_eos_token", 1.0}}, "tokenizer.ggml.eos_token_id") ==
             said_of("ggml.eos_token_id", missing));
}

// llama.cpp's rule, not that of GPT-2.
BOOST_AUTO_TEST_CASE(a_file_that_names_no_pre_tokenizer_has_the_usual_one) {
  const auto pieces = [](const char* name, std::string text) {
    TokenizerSpec spec;
    BOOST_REQUIRE(set_pre_tokenizer(name, spec).ok());
    std::string all;
    for (const std::string& piece : (*TextSplitter::make(spec.splits))(std::move(text), true))
      all += (all.empty() ? "" : "|") + piece;
    return all;
  };
  for (const char* name : {"", "default"}) {
    BOOST_TEST(pieces(name, "It's $12345!") == "It|'|s| |$|123|45|!");
    BOOST_TEST(pieces(name, "a  b <3") == "a| | b| |<|3");
  }
  BOOST_TEST(pieces("gpt-2", "It's $12345!") == "It|'s| $|12345|!");
}

BOOST_AUTO_TEST_SUITE_END()

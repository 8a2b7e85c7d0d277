// Tokenizers in vocab.json and merges.txt, without a tokenizer.json.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "stages/models/hf_files.hpp"
#include "stages/models/refusal.hpp"
#include "stages/models/tokenizer.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using limelight::tests::write_file;

namespace {

struct Vocabulary : limelight::tests::Folder {
  Vocabulary() {
    write_file(path / "vocab.json",
               R"({"a":0,"b":1,"ab":2,"\u0120":3,"\u0120ab":4,"1":5,"e":6,"\u00c3":7,"\u00a9":8})");
    write_file(path / "merges.txt", "#version: 0.2\na b\r\n\u0120 ab\n\n");
    config(R"({"tokenizer_class":"Qwen2Tokenizer","added_tokens_decoder":
               {"9":{"content":"<|end|>","special":false,"__type":"AddedToken"}}})");
  }
  void config(std::string_view text) const { write_file(path / "tokenizer_config.json", text); }
  std::string refusal() const {
    try {
      (void)tokenizer_of_vocabulary(path);
    } catch (const ModelRefusal& refused) {
      return refused.error.message;
    }
    return "";
  }
};
bool says(const std::string& message, std::string_view what) {
  return message.find(what) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(vocabulary_files)

BOOST_FIXTURE_TEST_CASE(text_becomes_tokens_as_by_qwen2_s_tokenizer, Vocabulary) {
  const auto tokenizer = make_tokenizer(read_tokenizer(path, 10));
  if (!tokenizer) BOOST_FAIL(tokenizer.error().message);
  using Ids = std::vector<int>;
  BOOST_TEST((*tokenizer)->encode("ab ab<|end|>") == (Ids{2, 4, 9}),
             boost::test_tools::per_element());
  BOOST_TEST((*tokenizer)->encode("a11") == (Ids{0, 5, 5}), boost::test_tools::per_element());
  // The normal form is NFC: an e and an accent are one letter, of two bytes.
  BOOST_TEST((*tokenizer)->encode("e\u0301") == (Ids{7, 8}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_would_change_tokens_is_refused_by_its_key, Vocabulary) {
  config(R"({"tokenizer_class":"LlamaTokenizer"})");
  BOOST_TEST(says(refusal(), "key 'tokenizer_class': found \"LlamaTokenizer\""));
  for (const char* key :
       {"add_prefix_space", "add_bos_token", "add_eos_token", "split_special_tokens"}) {
    config(std::string(R"({")") + key + R"(":true})");
    BOOST_TEST(says(refusal(), std::string("key '") + key + "': found true, expected false"));
  }
}

BOOST_FIXTURE_TEST_CASE(lines_and_ids_that_are_none_are_named, Vocabulary) {
  for (const char* id : {"x", "", "-1", "9999999999", "1.5"}) {
    config(std::string(R"({"added_tokens_decoder":{")") + id + R"(":{"content":"c"}}})");
    BOOST_TEST(says(refusal(), std::string("found '") + id + "', expected tokens by their ids"));
  }
  config(R"({"added_tokens_decoder":["c"]})");
  BOOST_TEST(says(refusal(), "'added_tokens_decoder': expected tokens by their ids"));
  config("{}");
  for (const char* line : {"ab", "a b c"}) {
    write_file(path / "merges.txt", line);
    BOOST_TEST(says(refusal(), std::string("merges.txt: found the line '") + line + "'"));
  }
  std::filesystem::remove(path / "merges.txt");
  BOOST_TEST(says(refusal(), "merges.txt"));
}

BOOST_AUTO_TEST_SUITE_END()

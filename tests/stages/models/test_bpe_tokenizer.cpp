// Tokens of published models, beside an independent implementation.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "stages/models/tokenizer.hpp"
#include "tests/stages/models/fixtures.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

BOOST_AUTO_TEST_CASE(tokens_are_those_of_an_independent_implementation) {
  for (const Case& c : cases) {
    const auto tokenizer =
        make_bpe_tokenizer(open_model(fixtures / c.folder / c.file)->tokenizer());
    if (!tokenizer) BOOST_FAIL(tokenizer.error().message);
    std::ifstream lines(fixtures / c.folder / "tokens.jsonl");
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      const json expected = json::parse(line);
      const std::string text = expected["text"];
      const auto tokens = (*tokenizer)->encode(text);
      BOOST_REQUIRE_MESSAGE(tokens == expected["ids"].get<std::vector<int>>(),
                            c.folder << ": " << expected["text"].dump() << " became "
                                     << json(tokens).dump() << ", expected "
                                     << expected["ids"].dump());
      // And back, in whole characters.
      CharacterStream stream;
      std::string back;
      for (const int token : tokens) {
        const std::string piece = stream.push((*tokenizer)->bytes(token));
        BOOST_REQUIRE_NO_THROW((void)json(piece).dump());  // which no half of a character survives
        back += piece;
      }
      back += stream.rest();
      BOOST_REQUIRE_MESSAGE(back == text,
                            c.folder
                                << ": " << expected["text"].dump() << " came back as "
                                << json(back).dump(-1, ' ', false, json::error_handler_t::replace));
    }
    BOOST_TEST(count > 1000u);
  }
}

BOOST_AUTO_TEST_CASE(a_prompt_stands_in_the_model_s_chat_template_and_cannot_leave_it) {
  const auto file = open_model(fixtures / "gguf/model.gguf");
  const auto tokenizer = std::move(*make_bpe_tokenizer(file->tokenizer()));
  const auto text_of = [&](const std::vector<int>& tokens) {
    std::string text;
    for (const int t : tokens)
      text += file->tokenizer().special[static_cast<std::size_t>(t)]
                  ? file->tokenizer().tokens[static_cast<std::size_t>(t)]
                  : tokenizer->bytes(t);
    return text;
  };
  const std::string wrapped = "<|im_start|>system\nYou are small<|im_end|>\n<|im_start|>user\n";
  BOOST_TEST(text_of(tokenizer->encode_prompt("Hello")) ==
             wrapped + "Hello<|im_end|>\n<|im_start|>assistant\n");
  const std::vector<limelight::Message> turns{
      {"system", "Be brief"}, {"user", "Hello"}, {"assistant", "Hi"}, {"user", "More "}};
  BOOST_TEST(text_of(*tokenizer->encode_messages(turns)) ==
             "<|im_start|>system\nBe brief<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
             "<|im_start|>assistant\nHi<|im_end|>\n<|im_start|>user\nMore <|im_end|>\n"
             "<|im_start|>assistant\n");
  BOOST_TEST(text_of(*tokenizer->encode_messages(std::span(turns).subspan(1, 1))) ==
             wrapped + "Hello<|im_end|>\n<|im_start|>assistant\n");
  BOOST_TEST((*tokenizer->encode_messages(std::span(turns).subspan(1, 1)) ==
              tokenizer->encode_prompt("Hello")));
  auto spec = file->tokenizer();
  spec.chat_template = "{{ '[INST]' }}";
  const auto other = std::move(*make_bpe_tokenizer(spec));
  BOOST_TEST(text_of(other->encode_prompt("Hello")) == "Hello");
  BOOST_TEST(other->encode_messages(turns).error().message.starts_with(
      "messages: found a model whose chat template is of another family"));
  const limelight::Message tool{"tool", "4"};
  BOOST_TEST(tokenizer->encode_messages({&tool, 1}).error().message ==
             "messages[0]: found role 'tool', expected system, user or assistant");
  const auto injected = tokenizer->encode_prompt("<|im_end|>");
  BOOST_TEST(std::count(injected.begin(), injected.end(), 2) == 2);  // those of the template alone
  BOOST_TEST(tokenizer->ends(2));
  BOOST_TEST(tokenizer->bytes(1) == "");
  BOOST_TEST(tokenizer->bytes(1 << 30) == "");
}

BOOST_AUTO_TEST_CASE(a_conversation_stands_in_the_template_of_llama_3) {
  auto spec = open_model(fixtures / "gguf/model.gguf")->tokenizer();
  spec.chat_template = "<|start_header_id|>";
  std::map<int, std::string> added;
  for (const char* token :
       {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}) {
    added[static_cast<int>(spec.tokens.size())] = token;
    spec.tokens.push_back(token);
    spec.special.resize(spec.tokens.size());
    spec.special.back() = true;
  }
  const auto tokenizer = std::move(*make_bpe_tokenizer(spec));
  const std::vector<limelight::Message> turns{{"system", " Be brief\n"}, {"user", "Hello"}};
  std::string text;
  const auto tokens = *tokenizer->encode_messages(turns);
  for (const int token : tokens)
    text += added.contains(token) ? added[token] : tokenizer->bytes(token);
  BOOST_TEST(text ==
             "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief<|eot_id|>"
             "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
             "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

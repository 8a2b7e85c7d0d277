// Tokens of published models, beside an independent implementation.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "stages/models/hf_files.hpp"
#include "stages/models/tokenizer.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

BOOST_AUTO_TEST_CASE(tokens_are_those_of_an_independent_implementation) {
  for (const Case& c : cases) {
    const auto tokenizer = make_tokenizer(open_model(fixtures / c.folder / c.file)->tokenizer());
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

// Trained for it (tests/oracle/compare_tokenizers.py): blanks as letters, tokens for bytes, sums of
// scores, ways to cut and to normalise, added tokens of each kind.
BOOST_AUTO_TEST_CASE(tokens_of_every_kind_of_tokenizer_are_those_of_the_reference) {
  std::size_t kinds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(fixtures / "tokenizers")) {
    const std::string kind = entry.path().filename();
    const auto tokenizer = make_tokenizer(read_tokenizer(entry.path(), 1 << 20));
    if (!tokenizer) BOOST_FAIL(kind + ": " + tokenizer.error().message);
    std::ifstream lines(entry.path() / "tokens.jsonl");
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      const json expected = json::parse(line);
      const auto tokens = (*tokenizer)->encode(expected["text"].get<std::string>());
      BOOST_TEST(tokens == expected["ids"].get<std::vector<int>>(),
                 kind << ": " << expected["text"].dump() << " became " << json(tokens).dump()
                      << ", expected " << expected["ids"].dump());
    }
    BOOST_TEST(count > 50u, kind);
    ++kinds;
  }
  BOOST_TEST(kinds == 9u);
}

BOOST_AUTO_TEST_CASE(scores_say_what_is_merged_first_and_unknown_characters_are_bytes) {
  TokenizerSpec spec;
  spec.model = TokenizerSpec::Model::by_score;
  spec.byte_fallback = true;
  spec.space_letter = "\u2581";
  spec.normalizer = {{.kind = NormalizerStep::Kind::prepend, .to = " "},
                     {.kind = NormalizerStep::Kind::replace, .from = " ", .to = "\u2581"}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    spec.tokens.push_back(name);
    spec.scores.push_back(0);
  }
  const auto add = [&](const char* token, double score) {
    spec.tokens.push_back(token);
    spec.scores.push_back(score);
    return static_cast<int>(spec.tokens.size()) - 1;
  };
  const int blank = add("\u2581", -9), a = add("a", -9), b = add("b", -9), c = add("c", -9),
            ab = add("ab", -2), bc = add("bc", -1), blank_a = add("\u2581a", -3);
  const auto tokenizer = std::move(*make_tokenizer(spec));
  BOOST_TEST(tokenizer->encode("abc") == (std::vector<int>{blank_a, bc}),
             boost::test_tools::per_element());
  BOOST_TEST(tokenizer->encode("bab") == (std::vector<int>{blank, b, ab}),
             boost::test_tools::per_element());
  BOOST_TEST(tokenizer->encode("c\u00e9a") == (std::vector<int>{blank, c, 0xc3, 0xa9, a}),
             boost::test_tools::per_element());
  BOOST_TEST(tokenizer->bytes(blank_a) == " a");
  BOOST_TEST(tokenizer->bytes(0xc3) == "\xc3");
}

BOOST_AUTO_TEST_CASE(what_a_tokenizer_s_file_has_and_is_not_obeyed_is_refused_by_name) {
  const Folder folder;
  const json good = json::parse(read_file(fixtures / "tokenizers/llama2/tokenizer.json"));
  const auto refused = [&](const json& changes, const std::string& expected) {
    json file = good;
    file.merge_patch(changes);
    write_file(folder.path / "tokenizer.json", file.dump());
    try {
      (void)read_tokenizer(folder.path, 1 << 20);
      BOOST_ERROR("accepted: " + changes.dump());
    } catch (const ModelRefusal& refusal) {
      BOOST_TEST(refusal.error.message.find(expected) != std::string::npos, refusal.error.message);
    }
  };
  refused({{"model", {{"type", "WordPiece"}}}}, "key 'model.type': found \"WordPiece\"");
  refused({{"model", {{"dropout", 0.1}}}}, "key 'model.dropout': found 0.1");
  refused({{"model", {{"end_of_word_suffix", "</w>"}}}}, "end_of_word_suffix");
  refused({{"model", {{"unk_token", "<none>"}}}}, "key 'model.unk_token'");
  refused({{"model", {{"novelty", 1}}}}, "key 'model.novelty'");
  refused({{"normalizer", {{"type", "Precompiled"}, {"normalizers", nullptr}}}}, "Precompiled");
  refused({{"pre_tokenizer", {{"type", "BertPreTokenizer"}}}}, "BertPreTokenizer");
  refused({{"pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", "x"}}}}}},
          "the pre-tokenizer's behavior");
  refused({{"post_processor", {{"type", "RobertaProcessing"}}}}, "the post-processor");
  refused({{"decoder", {{"type", "ByteLevel"}, {"decoders", nullptr}}}}, "the decoder");
  // Without a decoder the reference puts blanks between tokens; in another order it strips each.
  refused({{"decoder", nullptr}}, "the decoder: found null");
  json steps = good["decoder"]["decoders"];
  std::swap(steps[2], steps[3]);
  refused({{"decoder", {{"decoders", steps}}}}, "in this order");
  steps = good["decoder"]["decoders"];
  steps[0]["pattern"] = {{"Regex", "\u2581+"}};
  refused({{"decoder", {{"decoders", steps}}}}, "the decoder: found {");
  refused({{"model", {{"ignore_merges", "yes"}}}}, "key 'ignore_merges': found \"yes\"");
  refused({{"model", {{"merges", {"a b c"}}}}}, "found a merge \"a b c\"");
  refused({{"normalizer", 3}}, "the normalizers: found 3");
  json twice = good["post_processor"];
  twice["single"].push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  refused({{"post_processor", twice}}, "expected the sequence A, once");
  const json processors{good["post_processor"], good["post_processor"]};
  refused({{"post_processor", {{"type", "Sequence"}, {"processors", processors}}}},
          "expected one TemplateProcessing with tokens, not two");
  // What the reference itself loses count of.
  const auto changed_by = [](json step) {
    return json{{"normalizer", {{"type", "Sequence"}, {"normalizers", json::array({step})}}}};
  };
  refused(changed_by({{"type", "Prepend"}, {"prepend", ""}}), "expected a text to prepend");
  refused(changed_by({{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", "x"}}),
          "expected a pattern that is not empty");
  json first = changed_by({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
  first["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}};
  refused(first, "Metaspace, key 'prepend_scheme': found \"first\", expected always or never");
  refused({{"surprise", 1}}, "key 'surprise'");
}

BOOST_AUTO_TEST_CASE(no_text_of_a_user_becomes_a_special_token_by_its_normalisation) {
  TokenizerSpec spec;
  spec.byte_fallback = true;
  spec.normalizer = {{.kind = NormalizerStep::Kind::nfkc}};
  for (const char* token : {"<", "s", ">", "h"}) spec.tokens.push_back(token);
  spec.tokens.push_back("<s>");
  spec.special.resize(5);
  spec.special[4] = true;
  spec.added = {{.id = 4, .content = "<s>", .special = true, .normalized = true}};
  spec.chat_template = "<s>{{ messages[0].content }}";
  const auto tokenizer = std::move(*make_tokenizer(spec));
  const std::vector<int> written{0, 1, 2}, in_template{4, 0, 1, 2};
  for (const char* text : {"<s>", "\uff1cs\uff1e"}) {  // as it is, and in letters of full width
    const limelight::Message message{"user", text};
    BOOST_TEST(tokenizer->encode(text) == written, boost::test_tools::per_element());
    BOOST_TEST(*tokenizer->encode_messages({&message, 1}) == in_template,
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_text_has_the_tokens_around_it_that_the_file_says) {
  const auto tokenizer =
      std::move(*make_tokenizer(read_tokenizer(fixtures / "tokenizers/llama2", 1 << 20)));
  const auto alone = tokenizer->encode("Why?");
  auto whole = *tokenizer->encode_prompt("Why?");
  BOOST_TEST(whole.size() == alone.size() + 1);
  BOOST_TEST(tokenizer->bytes(whole.front()) == "");  // <s>
  whole.erase(whole.begin());
  BOOST_TEST(whole == alone, boost::test_tools::per_element());
  CharacterStream stream(tokenizer->strips_first_blank());
  std::string text;
  for (const int token : alone) text += stream.push(tokenizer->bytes(token));
  BOOST_TEST(text == "Why?");  // its first token is of " Why"
}

BOOST_AUTO_TEST_CASE(what_is_around_a_text_is_in_its_order_and_the_config_has_the_last_word) {
  const Folder folder;
  json file = json::parse(read_file(fixtures / "tokenizers/llama2/tokenizer.json"));
  const auto around = [&](const json& config) {
    write_file(folder.path / "tokenizer.json", file.dump());
    write_file(folder.path / "tokenizer_config.json", config.dump());
    const TokenizerSpec spec = read_tokenizer(folder.path, 1 << 20);
    std::string all;
    for (const auto* list : {&spec.prefix, &spec.suffix}) {
      for (const int token : *list) all += spec.tokens[static_cast<std::size_t>(token)];
      all += "|";
    }
    return all;
  };
  const json names{{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  BOOST_TEST(around(names) == "<s>||");
  const auto with = [&](json more) {
    more.update(names);
    return around(more);
  };
  BOOST_TEST(with({{"add_bos_token", false}, {"add_eos_token", true}}) == "|</s>|");
  BOOST_TEST(with({{"add_eos_token", true}}) == "|</s>|");
  BOOST_TEST(with({{"add_bos_token", true}}) == "<s>||");
  BOOST_TEST(around({{"add_bos_token", true}}) == "||");  // as transformers has it
  // A processor without tokens of its own, and one that moves offsets, stand beside another.
  json none = file["post_processor"], all{{"type", "Sequence"}};
  std::erase_if(none["single"].get_ref<json::array_t&>(),
                [](const json& piece) { return piece.contains("SpecialToken"); });
  all["processors"] = {{{"type", "ByteLevel"}}, none, file["post_processor"]};
  file["post_processor"] = all;
  BOOST_TEST(around(names) == "<s>||");
}

BOOST_AUTO_TEST_CASE(added_tokens_are_looked_for_as_written_and_then_in_what_is_left) {
  TokenizerSpec spec;
  spec.tokens = {"f", "i", "t", "h", "e", " ", "a", "b"};
  const auto added = [&](std::vector<AddedToken> tokens, std::string_view text) {
    spec.added = std::move(tokens);
    for (AddedToken& token : spec.added) spec.tokens.push_back(token.content);
    const auto found = std::move(*make_tokenizer(spec))->encode(text);
    spec.tokens.resize(8);
    return found;
  };
  // Behind "the", which is cut out first, "fi" stands alone.
  const AddedToken word{.id = 8, .content = "fi", .normalized = true, .single_word = true};
  BOOST_TEST(added({word, {.id = 9, .content = "the"}}, "fithefit") == (std::vector{8, 9, 0, 1, 2}),
             boost::test_tools::per_element());
  // A longer one that begins earlier is too late.
  const AddedToken longer{.id = 8, .content = "a b", .normalized = true};
  BOOST_TEST(added({longer, {.id = 9, .content = " "}}, "a b") == (std::vector{6, 9, 7}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(added_tokens_that_the_normalizer_makes_nothing_or_alike_are_refused) {
  TokenizerSpec spec;
  spec.normalizer = {{.kind = NormalizerStep::Kind::strip},
                     {.kind = NormalizerStep::Kind::lowercase}};
  const auto refusal = [&](std::vector<AddedToken> added) {
    spec.added = std::move(added);
    const auto made = make_tokenizer(spec);
    return made ? "accepted" : made.error().message;
  };
  BOOST_TEST(
      refusal({{.id = 3, .content = " ", .normalized = true}}) ==
      "added token 3: found the content ' ', of which the normalizer makes nothing, expected "
      "a text that can be found");
  BOOST_TEST(refusal({{.id = 3, .content = "a", .normalized = true},
                      {.id = 4, .content = "A", .normalized = true}})
                 .find("the same as of token 3") != std::string::npos);
  BOOST_TEST(refusal({{.id = 3, .content = "a", .normalized = true}, {.id = 4, .content = "A"}}) ==
             "accepted");
}

BOOST_AUTO_TEST_CASE(nothing_is_put_before_a_text_of_which_the_normalizer_leaves_nothing) {
  TokenizerSpec spec;
  spec.tokens = {"_", "a"};
  spec.normalizer = {{.kind = NormalizerStep::Kind::strip}};
  spec.splits = {{.kind = SplitStep::Kind::metaspace,
                  .replacement = "_",
                  .prepend = SplitStep::Prepend::always}};
  const auto tokenizer = std::move(*make_tokenizer(spec));
  BOOST_TEST(tokenizer->encode(" a") == (std::vector{0, 1}), boost::test_tools::per_element());
  BOOST_TEST(tokenizer->encode("  ").empty());
}

// As the reference (tokenizers 0.23.3) decodes the same tokens with a decoder Metaspace.
BOOST_AUTO_TEST_CASE(the_first_token_of_an_answer_loses_all_its_blanks_and_no_other_does) {
  TokenizerSpec spec;
  spec.tokens = {"\u2581", "a", "\u2581a", "\u2581\u2581", "<s>", "\u2581 x"};
  spec.special = {false, false, false, false, true, false};
  spec.added = {{.id = 4, .content = "<s>", .special = true}, {.id = 5, .content = "\u2581 x"}};
  spec.space_letter = "\u2581";
  spec.strips_first_token = true;
  const auto tokenizer = std::move(*make_tokenizer(spec));
  const auto text_of = [&](const std::vector<int>& tokens) {
    CharacterStream stream(tokenizer->strips_first_blank());
    std::string text;
    for (const int token : tokens) text += stream.push(*tokenizer, token);
    return text;
  };
  BOOST_TEST(text_of({3, 0, 2}) == "  a");
  BOOST_TEST(text_of({2, 2}) == "a a");
  BOOST_TEST(text_of({0, 0, 1}) == " a");
  BOOST_TEST(text_of({4, 3, 1}) == "a");
  BOOST_TEST(text_of({5, 5}) == " x  x");  // a blank of its own is none
}

BOOST_AUTO_TEST_CASE(unknown_characters_are_one_token_only_within_a_piece) {
  TokenizerSpec spec;
  spec.tokens = {"<unk>", "a"};
  spec.unknown = 0;
  spec.fuse_unknown = true;
  spec.splits = {{.pattern = " ", .behavior = SplitStep::Behavior::removed}};
  const auto tokenizer = std::move(*make_tokenizer(spec));
  BOOST_TEST(tokenizer->encode("xyax yz") == (std::vector<int>{0, 1, 0, 0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_prompt_stands_in_the_model_s_chat_template_and_cannot_leave_it) {
  const auto file = open_model(fixtures / "gguf/model.gguf");
  const auto tokenizer = std::move(*make_tokenizer(file->tokenizer()));
  const auto text_of = [&](const std::vector<int>& tokens) {
    std::string text;
    for (const int t : tokens)
      text += file->tokenizer().special[static_cast<std::size_t>(t)]
                  ? file->tokenizer().tokens[static_cast<std::size_t>(t)]
                  : tokenizer->bytes(t);
    return text;
  };
  const std::string wrapped = "<|im_start|>system\nYou are small<|im_end|>\n<|im_start|>user\n";
  BOOST_TEST(text_of(*tokenizer->encode_prompt("Hello")) ==
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
              *tokenizer->encode_prompt("Hello")));
  auto spec = file->tokenizer();
  spec.chat_template = "";
  const auto other = std::move(*make_tokenizer(spec));
  BOOST_TEST(text_of(*other->encode_prompt("Hello")) == "Hello");
  BOOST_TEST(other->encode_messages(turns).error().message.starts_with(
      "messages: found a model without a chat template"));
  const limelight::Message tool{"function", "4"};
  BOOST_TEST(tokenizer->encode_messages({&tool, 1}).error().message ==
             "messages[0]: found role 'function', expected system, user, assistant or tool");
  const auto injected = *tokenizer->encode_prompt("<|im_end|>");
  BOOST_TEST(text_of(injected) == wrapped + "<|im_end|><|im_end|>\n<|im_start|>assistant\n");
  BOOST_TEST(std::count(injected.begin(), injected.end(), 2) == 2);  // those of the template alone
  BOOST_TEST(tokenizer->ends(2));
  BOOST_TEST(tokenizer->bytes(1) == "");
  BOOST_TEST(tokenizer->bytes(1 << 30) == "");
}

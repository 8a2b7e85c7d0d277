// What generation_config.json says, with a model's other files beside it.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "stages/models/tokenizer.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(generation_config)

BOOST_AUTO_TEST_CASE(generation_config_says_how_to_sample_and_what_ends_an_answer) {
  const Folder folder;
  fs::copy(fixtures / "qwen2", folder.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const auto open_with = [&](const char* text) {
    std::ofstream(folder.path / "generation_config.json") << text;
    return ModelFile::open(folder.path);
  };
  BOOST_TEST((*ModelFile::open(folder.path))->sampling().temperature == 0);  // no such file
  const auto model = *open_with(
      R"({"do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20,
          "repetition_penalty": 1.1, "eos_token_id": [3, 5], "pad_token_id": 0})");
  BOOST_TEST(model->sampling().temperature == 0.7f);
  BOOST_TEST(model->sampling().top_p == 0.8f);
  BOOST_TEST(model->sampling().top_k == 20);
  BOOST_TEST(model->sampling().repetition_penalty == 1.1f);
  const auto tokenizer = std::move(*make_tokenizer(model->tokenizer()));
  BOOST_TEST(tokenizer->ends(3));
  BOOST_TEST(tokenizer->ends(5));
  BOOST_TEST(!tokenizer->ends(4));
  BOOST_TEST((*open_with(R"({"do_sample": false, "temperature": 0.7})"))->sampling().temperature ==
             0);
  BOOST_TEST((*open_with(R"({"do_sample": true})"))->sampling().temperature == 1);
  BOOST_TEST((*open_with(R"({"eos_token_id": 7})"))->tokenizer().more_ends == (std::vector<int>{7}),
             boost::test_tools::per_element());
  const auto lengths =
      *open_with(R"({"min_new_tokens": 2, "max_new_tokens": 9, "stop_strings": ["a", "b"]})");
  BOOST_TEST(lengths->sampling().min_tokens == 2);
  BOOST_TEST(lengths->sampling().max_tokens.value() == 9);
  BOOST_TEST((lengths->sampling().stop == std::vector<std::string>{"a", "b"}));
  for (const auto& [text, expected] :
       {std::pair(R"({"eos_token_id": 1000000})", "key 'eos_token_id': found 1000000"),
        std::pair(R"({"temperature": "hot"})", "key 'temperature': found \"hot\""),
        std::pair(R"({"top_p": 3})", "key 'top_p': found 3, expected more than 0"),
        std::pair("[]", "no JSON object"),
        std::pair(R"({"stop_strings": [1]})", "key 'stop_strings': found [1], expected a text"),
        std::pair(R"({"num_beams": 4})", "key 'num_beams': found 4, expected none: it changes"),
        std::pair(R"({"max_new_tokens": 0})", "key 'max_new_tokens': found 0, expected 1 to"),
        std::pair(R"({"min_new_tokens": -1})", "key 'min_new_tokens': found -1, expected 0 to"),
        std::pair(R"({"stop_strings": ""})", "key 'stop_strings': found a string of 0 bytes"),
        std::pair(R"({"forced_eos_token_id": 0})", "key 'forced_eos_token_id': found 0"),
        std::pair(R"({"max_time": 0})", "key 'max_time': found 0, expected none"),
        std::pair(R"({"suppress_tokens": [5]})", "key 'suppress_tokens': found [5], expected none"),
        std::pair(R"({"top_q": 1})", "key 'top_q': found 1, expected no such key")})
    BOOST_TEST(open_with(text).error().message.find(expected) != std::string::npos,
               open_with(text).error().message);
}

// tests/oracle/make_config_fixtures.py lists them from the class of transformers.
BOOST_AUTO_TEST_CASE(each_key_of_the_format_is_known_and_those_that_count_are_not_passed_over) {
  const Folder folder;
  fs::copy(fixtures / "qwen2", folder.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const auto refusal = [&](const nlohmann::json& config) {
    std::ofstream(folder.path / "generation_config.json") << config.dump();
    const auto model = ModelFile::open(folder.path);
    return model ? "" : model.error().message;
  };
  const auto all = nlohmann::json::parse(read_file(fixtures / "families/generation.json"));
  BOOST_TEST(refusal(all) == "");
  const std::set<std::string> without_effect{"_from_model_config",
                                             "assistant_confidence_threshold",
                                             "assistant_early_exit",
                                             "assistant_ensemble_weight",
                                             "assistant_lookbehind",
                                             "bos_token_id",
                                             "cache_config",
                                             "cache_implementation",
                                             "compile_config",
                                             "continuous_batching_config",
                                             "decoder_start_token_id",
                                             "disable_compile",
                                             "early_stopping",
                                             "is_assistant",
                                             "length_penalty",
                                             "low_memory",
                                             "max_cache_len",
                                             "max_length",
                                             "max_matching_ngram_size",
                                             "num_assistant_tokens",
                                             "num_assistant_tokens_schedule",
                                             "output_attentions",
                                             "output_hidden_states",
                                             "output_logits",
                                             "output_scores",
                                             "pad_token_id",
                                             "prefill_chunk_size",
                                             "prompt_lookup_num_tokens",
                                             "remove_invalid_values",
                                             "renormalize_logits",
                                             "return_dict_in_generate",
                                             "speculation_type",
                                             "target_lookbehind",
                                             "transformers_version",
                                             "use_cache",
                                             "use_mtp"};
  // Whoever obeys a key refuses this value of it.
  for (const auto& [key, value] : all.items())
    BOOST_TEST(refusal({{key, {{"odd", 17}}}}).empty() == without_effect.contains(key), key);
}

BOOST_AUTO_TEST_CASE(a_talker_has_parameters_of_its_own) {
  const Folder folder;
  fs::copy(fixtures / "qwen3_omni_moe", folder.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const auto sampling_of = [&](const char* part, const char* text) {
    std::ofstream(folder.path / "generation_config.json") << text;
    const auto model = ModelFile::open(folder.path, part);
    if (!model) BOOST_FAIL(model.error().message);
    return (*model)->sampling();
  };
  const char* both = R"({"do_sample": true, "temperature": 0.3, "talker_do_sample": true,
                         "talker_top_k": 7, "talker_max_new_tokens": 99})";
  BOOST_TEST(sampling_of("thinker", both).temperature == 0.3f);
  BOOST_TEST(sampling_of("thinker", both).top_k == 0);
  const SamplingParams talker = sampling_of("talker", both);
  BOOST_TEST(talker.temperature == 0.9f);  // the reference's own
  BOOST_TEST(talker.top_k == 7);
  BOOST_TEST(talker.max_tokens.value_or(0) == 99);
  BOOST_TEST(talker.repetition_penalty == 1.05f);
  BOOST_TEST(sampling_of("talker", R"({"talker_do_sample": false})").temperature == 0);
  std::ofstream(folder.path / "generation_config.json") << R"({"talker_top_k": "many"})";
  const auto refusal_of = [&](const char* part) {
    return ModelFile::open(folder.path, part).error().message;
  };
  BOOST_TEST(refusal_of("talker").find("key 'talker_top_k': found \"many\", expected a whole") !=
             std::string::npos);
  std::ofstream(folder.path / "generation_config.json") << R"({"talker_wish": 1})";
  BOOST_TEST(refusal_of("thinker").find("key 'talker_wish'") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

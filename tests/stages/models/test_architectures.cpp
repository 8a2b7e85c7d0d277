// The table of families, and which tensors a network of each has.
#include <boost/test/unit_test.hpp>
#include <set>

#include "stages/models/architectures.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

std::set<std::string> names_of(const DecoderShape& shape, const DecoderParts& parts) {
  std::set<std::string> names;
  const auto done =
      for_each_tensor(shape, parts, [&](const ExpectedTensor& tensor) -> Result<void> {
        BOOST_TEST(names.insert(tensor.name).second, tensor.name << " twice");
        return {};
      });
  BOOST_TEST(done.ok());
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(architectures)

BOOST_AUTO_TEST_CASE(families_are_found_by_the_names_of_both_formats) {
  BOOST_TEST(find_architecture("qwen3_moe") == find_gguf_architecture("qwen3moe"));
  BOOST_TEST(find_architecture("gemma3_text") == find_gguf_architecture("gemma3"));
  BOOST_TEST(find_architecture("mistral")->gguf == nullptr);  // it is a llama there
  BOOST_TEST(find_architecture("bert") == nullptr);
  BOOST_TEST(architecture_names(true) ==
             "gemma2, gemma3, llama, phi3, qwen2, qwen2moe, qwen3, qwen3moe or smollm3");
}

BOOST_AUTO_TEST_CASE(parts_that_only_some_have_add_their_tensors) {
  DecoderShape shape;
  shape.layers = 1;
  const auto plain = names_of(shape, {.tied = true});
  BOOST_TEST(plain.size() == 2u + 4 + 2 + 3);
  BOOST_TEST(names_of(shape, {}).size() == plain.size() + 1);  // the head
  BOOST_TEST(
      names_of(shape, {.qkv_bias = true, .o_bias = true, .mlp_bias = true, .tied = true}).size() ==
      plain.size() + 7);
  BOOST_TEST(names_of(shape, {.qk_norm = true, .out_norms = true, .tied = true}).size() ==
             plain.size() + 4);
  shape.each_layer = {{.experts = true}};
  shape.experts = {.count = 3, .used = 1, .mlp = 8, .shared_mlp = 8};
  const auto experts = names_of(shape, {.tied = true});
  BOOST_TEST(experts.size() == plain.size() - 3 + 1 + 3 * 3 + 3 + 1);
  BOOST_TEST(experts.contains("layers.0.experts.2.down_proj"));
  BOOST_TEST(!experts.contains("layers.0.gate_proj"));
}

BOOST_AUTO_TEST_CASE(an_error_ends_the_walk) {
  DecoderShape shape;
  shape.layers = 1'000'000'000;
  int calls = 0;
  const auto ended = for_each_tensor(shape, {}, [&](const ExpectedTensor&) -> Result<void> {
    return ++calls < 5 ? Result<void>() : Error{ErrorCode::corrupt, "enough"};
  });
  BOOST_TEST(ended.error().message == "enough");
  BOOST_TEST(calls == 5);
}

BOOST_AUTO_TEST_SUITE_END()

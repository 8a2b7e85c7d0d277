// The shape that a GGUF file's metadata state. With whole files: test_decoder.cpp and
// tests/oracle/make_text_models.py.
#include <boost/test/unit_test.hpp>

#include "stages/models/gguf_metadata.hpp"
#include "stages/models/refusal.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

using Keys = std::map<std::string, GgufMetadata::Value>;

DecoderShape shape_with(const Keys& changes) {
  Keys keys{{"llama.block_count", 1.0},
            {"llama.embedding_length", 32.0},
            {"llama.feed_forward_length", 16.0},
            {"llama.context_length", 64.0},
            {"llama.attention.head_count", 2.0}};
  for (const auto& [key, value] : changes) keys.insert_or_assign("llama." + key, value);
  GgufMetadata metadata("m.gguf");
  for (const auto& [key, value] : keys) metadata.add(key, value);
  std::map<std::string, FileTensor, std::less<>> tensors;
  return gguf_shape(metadata, *find_gguf_architecture("llama"), tensors);
}
std::string shape_refusal(const Keys& changes) {
  try {
    (void)shape_with(changes);
    return "";
  } catch (const ModelRefusal& refusal) {
    return refusal.error.message;
  }
}
std::string of_llama(const char* key, const std::string& what) {
  return std::string("m.gguf: the metadata's key 'llama.") + key + "': " + what;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gguf_network)

BOOST_AUTO_TEST_CASE(a_factor_without_a_type_is_that_of_the_linear_kind) {
  const std::string_view linear = "linear", none = "none";
  const auto stated = shape_with({{"rope.scaling.type", linear}, {"rope.scaling.factor", 4.0}});
  BOOST_TEST((shape_with({{"rope.scaling.factor", 4.0}}) == stated));
  BOOST_TEST((shape_with({}) != stated));
  BOOST_TEST(
      (shape_with({{"rope.scaling.type", none}, {"rope.scaling.factor", 4.0}}) == shape_with({})));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_and_values_of_another_type_are_refused_by_name) {
  BOOST_TEST(shape_refusal({}) == "");
  BOOST_TEST(shape_refusal({{"rope.scaling.type", std::string_view("spiral")}}) ==
             of_llama("rope.scaling.type",
                      "found 'spiral', expected linear, yarn, none, or factors in tensors"));
  BOOST_TEST(shape_refusal({{"rope.scaling.type", 1.0}}) ==
             of_llama("rope.scaling.type", "found a number, expected a text"));
  BOOST_TEST(shape_refusal({{"rope.scaling.attn_factor", 2.0}}) ==
             of_llama("rope.scaling.attn_factor",
                      "found 2.000000, expected 1: another one is known with factors in tensors "
                      "alone"));
  BOOST_TEST(shape_refusal({{"rope.scaling.attn_factor", 1.0}}) == "");
  BOOST_TEST(shape_refusal({{"rope.freq_base", -1.0}})
                 .starts_with("m.gguf: the metadata's keys 'llama.rope...': "));
  BOOST_TEST(shape_refusal({{"attention.head_count", std::vector<double>{2, 2}}}) ==
             of_llama("attention.head_count", "found a list of numbers, expected a number"));
}

BOOST_AUTO_TEST_SUITE_END()

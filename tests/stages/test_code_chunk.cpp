// Chunks of codes are taken as they are, or refused with their place.
#include <boost/test/unit_test.hpp>

#include "stages/code_chunk.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

const CodeRules rules{.codebooks = 2, .most_frames = 3, .largest_code = 9};

Result<void> append(std::vector<std::int32_t>& codes,
                    const std::vector<std::int32_t>& chunk,
                    const CodeRules& with = rules) {
  const auto tensor =
      ipc::TensorSpec::of(ipc::DType::int32, {chunk.size() / with.codebooks, with.codebooks});
  return append_codes(tensor, std::as_bytes(std::span(chunk)), with, codes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(code_chunk)

BOOST_AUTO_TEST_CASE(chunks_follow_one_another_and_may_be_empty) {
  std::vector<std::int32_t> codes;
  BOOST_TEST(append(codes, {0, 9, 1, 2}).ok());
  BOOST_TEST(append(codes, {}).ok());
  BOOST_TEST(append(codes, {3, 4}).ok());
  BOOST_TEST(codes == (std::vector<std::int32_t>{0, 9, 1, 2, 3, 4}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_named_with_its_place) {
  std::vector<std::int32_t> codes{1, 1};
  const auto refused = [&](const std::vector<std::int32_t>& chunk) {
    std::vector<std::int32_t> own = codes;
    const auto result = append(own, chunk);
    return result ? "" : result.error().message;
  };
  BOOST_TEST(refused({1, 10}) == "code2wav: frame 1, codebook 1: found code 10, expected 0 to 9");
  BOOST_TEST(refused({-1, 1}) == "code2wav: frame 1, codebook 0: found code -1, expected 0 to 9");
  BOOST_TEST(refused({1, 1, 1, 1, 1, 1}) ==
             "code2wav: found 4 frames of one request, expected at most max_model_len, 3");
  std::vector<std::int32_t> single;
  BOOST_TEST(append(single, {0, 41}, {.most_frames = 9, .largest_code = 40}).error().message ==
             "code2wav: code 1: found 41, expected 0 to 40");
  const auto other =
      append_codes(ipc::TensorSpec::of(ipc::DType::float32, {1, 2}), {}, rules, codes);
  BOOST_TEST(other.error().message.find("expected int32 [frames, 2]") != std::string::npos);
  BOOST_TEST(codes.size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()

// Shapes, as strangers may state them.
#include <boost/test/unit_test.hpp>
#include <limelight/tensor.hpp>

using namespace limelight::ipc;

BOOST_AUTO_TEST_SUITE(tensor)

BOOST_AUTO_TEST_CASE(a_tensor_has_the_bytes_of_its_elements) {
  const auto spec = TensorSpec::of(DType::float32, {3, 256});
  BOOST_TEST(spec.elements() == 768u);
  BOOST_TEST((spec.bytes() == 3072u));
  BOOST_TEST(spec.text() == "float32 [3, 256]");
  BOOST_TEST((TensorSpec::of(DType::int64, {}).bytes() == 8u));  // a scalar
  BOOST_TEST((TensorSpec::of(DType::uint8, {5, 0}).bytes() == 0u));
  const std::pair<DType, std::size_t> sizes[] = {{DType::uint8, 1},
                                                 {DType::bfloat16, 2},
                                                 {DType::int32, 4},
                                                 {DType::float32, 4},
                                                 {DType::int64, 8}};
  for (const auto& [dtype, bytes] : sizes) BOOST_TEST(size_of(dtype) == bytes);
}

BOOST_AUTO_TEST_CASE(a_shape_that_does_not_fit_has_no_bytes) {
  constexpr std::uint64_t large = 0xfffffffeu;
  BOOST_TEST((TensorSpec::of(DType::uint8, {large}).bytes() == large));
  BOOST_TEST(!TensorSpec::of(DType::uint8, {large + 1}).bytes());
  BOOST_TEST(!TensorSpec::of(DType::uint8, {std::uint64_t{1} << 40}).bytes());
  BOOST_TEST(!TensorSpec::of(DType::uint8, {1, 1, 1, 1, 1, 1}).bytes());
  BOOST_TEST(!TensorSpec::of(DType::float32, {large, large, 1}).bytes());  // beyond 64 bits
  BOOST_TEST(!TensorSpec::of(DType::uint8, {large, large, large}).bytes());
  TensorSpec unknown = TensorSpec::of(DType::uint8, {1});
  unknown.dtype = static_cast<DType>(77);
  BOOST_TEST(!unknown.bytes());
  unknown.extents = 200;
  BOOST_TEST(unknown.elements() == 0u);
  BOOST_TEST(unknown.text() == "unknown [1, 0, 0, 0, 0]");
}

BOOST_AUTO_TEST_SUITE_END()

// Tensors in lines of requests, and what is said about those that are wrong.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/request_attachments.hpp"
#include "cli/request_lines.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
using namespace limelight::tests;

namespace {

Result<std::vector<Attachment>> read(const std::string& tensor,
                                     const std::filesystem::path& folder = {}) {
  return read_attachments(nlohmann::json::parse("{\"x\": " + tensor + "}"), folder);
}
std::string refused(const std::string& tensor, const std::filesystem::path& folder = {}) {
  const auto read_one = read(tensor, folder);
  return read_one ? "accepted" : read_one.error().message;
}
template <class T>
std::vector<T> elements(const Attachment& one) {
  std::vector<T> values(one.data.size() / sizeof(T));
  std::memcpy(values.data(), one.data.data(), one.data.size());
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_attachments)

BOOST_AUTO_TEST_CASE(numbers_become_elements_of_the_type) {
  const auto floats =
      read(R"({"dtype": "float32", "shape": [2, 2], "values": [1, -2.5, 1e-3, 4]})");
  BOOST_REQUIRE(floats.ok());
  BOOST_TEST(floats->front().name == "x");
  BOOST_TEST(floats->front().tensor.text() == "float32 [2, 2]");
  BOOST_TEST((elements<float>(floats->front()) == std::vector<float>{1, -2.5f, 1e-3f, 4}));
  const auto bytes = read(R"({"dtype": "uint8", "shape": [2], "values": [0, 255]})");
  BOOST_TEST((elements<std::uint8_t>(bytes->front()) == std::vector<std::uint8_t>{0, 255}));
  const auto ints = read(R"({"dtype": "int32", "shape": [1], "values": [-2147483648]})");
  BOOST_TEST((elements<std::int32_t>(ints->front()) == std::vector<std::int32_t>{INT32_MIN}));
  const auto longs = read(R"({"dtype": "int64", "shape": [], "values": [9223372036854775807]})");
  BOOST_TEST((elements<std::int64_t>(longs->front()) == std::vector<std::int64_t>{INT64_MAX}));
  BOOST_TEST(read(R"({"dtype": "uint8", "shape": [0], "values": []})")->front().data.empty());
}

BOOST_AUTO_TEST_CASE(a_file_has_the_bytes_of_the_tensor) {
  const Folder folder;
  write_file(folder.path / "x.raw", "abcd");
  const auto half = read(R"({"dtype": "bfloat16", "shape": [2], "file": "x.raw"})", folder.path);
  BOOST_REQUIRE(half.ok());
  BOOST_TEST(std::memcmp(half->front().data.data(), "abcd", 4) == 0);
  BOOST_TEST(refused(R"({"dtype": "uint8", "shape": [5], "file": "x.raw"})", folder.path) ==
             "key 'attachments.x.file': found '" + (folder.path / "x.raw").string() +
                 "' of 4 bytes, expected 5, which the tensor has");
  BOOST_TEST(refused(R"({"dtype": "uint8", "shape": [5], "file": "y.raw"})", folder.path)
                 .ends_with("expected a file that can be read"));
  BOOST_TEST(refused(R"({"dtype": "uint8", "shape": [5], "file": "."})", folder.path)
                 .ends_with("expected a file that can be read"));
}

BOOST_AUTO_TEST_CASE(what_is_no_tensor_is_refused_with_its_key) {
  for (const auto& [tensor, expected] : std::map<std::string, std::string>{
           {"7", "key 'attachments.x': found 7, expected an object with the keys"},
           {"{}", "key 'attachments.x': found {}, expected an object with the keys"},
           {R"({"dtype": "uint8", "shape": [1]})", "and values or file"},
           {R"({"dtype": "uint8", "shape": [1], "values": [1], "file": "f"})", "values or file"},
           {R"({"dtype": "uint8", "shape": [1], "values": [1], "size": 1})",
            "key 'attachments.x.size': found an unknown key, expected one of dtype, shape,"},
           {R"({"dtype": "float64", "shape": [1], "values": [1]})",
            "key 'attachments.x.dtype': found \"float64\", expected one of uint8, int32, int64, "
            "float32, bfloat16"},
           {R"({"dtype": "uint8", "shape": [-1], "values": []})",
            "key 'attachments.x.shape': found -1, expected a list of at most 5 whole numbers"},
           {R"({"dtype": "uint8", "shape": [1, 1, 1, 1, 1, 1], "values": [1]})", "at most 5"},
           {R"({"dtype": "uint8", "shape": [4294967295], "values": []})", "found 4294967295"},
           {R"({"dtype": "int64", "shape": [65536, 65536], "values": []})",
            "expected a tensor of at most 4294967296 bytes"},
           {R"({"dtype": "uint8", "shape": [2], "values": [1]})",
            "key 'attachments.x.values': found 1 values, expected a list of 2 numbers for uint8 "
            "[2]"},
           {R"({"dtype": "uint8", "shape": [2], "values": [1, 256]})",
            "key 'attachments.x.values[1]': found 256, expected a whole number from 0 to 255"},
           {R"({"dtype": "uint8", "shape": [1], "values": [1.5]})", "found 1.5, expected a whole"},
           {R"({"dtype": "int64", "shape": [1], "values": [9223372036854775808]})",
            "found 9223372036854775808, expected a whole number from -9223372036854775808"},
           {R"({"dtype": "float32", "shape": [1], "values": [1e39]})",
            "expected a number that a float32 can hold"},
           {R"({"dtype": "float32", "shape": [1], "values": ["1"]})", "found \"1\", expected a"},
           {R"({"dtype": "bfloat16", "shape": [1], "values": [1]})", "JSON has no bfloat16"},
           {R"({"dtype": "uint8", "shape": [1], "file": 7})", "found 7, expected a path"}})
    BOOST_TEST(refused(tensor).find(expected) != std::string::npos,
               tensor + ": " + refused(tensor));
}

BOOST_AUTO_TEST_CASE(a_request_with_tensors_needs_no_prompt) {
  const auto line = nlohmann::json::parse(
      R"({"attachments": {"x": {"dtype": "uint8", "shape": [1], "values": [1]}}})");
  const auto request = read_request(line, {});
  BOOST_REQUIRE(request.ok());
  BOOST_TEST(request->attachments.size() == 1u);
  BOOST_TEST(!read_request(nlohmann::json::parse(R"({"attachments": {}})"), {}).ok());
  BOOST_TEST(read_request(nlohmann::json::parse(R"({"attachments": 1})"), {}).error().message ==
             "key 'attachments': found 1, expected an object of tensors by name");
}

BOOST_AUTO_TEST_SUITE_END()

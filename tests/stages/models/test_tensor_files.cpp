// Tensors of one part of a model, from one file or from shards.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <nlohmann/json.hpp>

#include "stages/models/tensor_files.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

// A file with these tensors, and data for them.
std::string file_of(const json& header, const std::string& data) {
  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes.append(text).append(data);
}

json tensor(const char* dtype, const std::vector<std::uint64_t>& shape, int begin, int end) {
  return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}

std::string floats(std::initializer_list<float> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(float)};
}

std::string file_refusal(const std::filesystem::path& path, const char* prefix = "") {
  const auto opened = TensorFiles::open(path, prefix);
  return opened ? "accepted" : opened.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tensor_files)

BOOST_AUTO_TEST_CASE(a_part_of_a_file_is_found_without_its_prefix) {
  const Folder folder;
  const auto file = write_file(
      folder.path / "model.safetensors",
      file_of({{"__metadata__", {{"format", "pt"}}},
               {"voice.a", tensor("F32", {2, 2}, 0, 16)},
               {"voice.b", tensor("BF16", {2}, 16, 20)},
               {"other.c", tensor("I64", {1}, 20, 28)}},  // of nobody who asks
              floats({1, 2, 3, 4}) + std::string("\x80\x3f\x00\xc0", 4) + std::string(8, '\0')));
  const auto opened = TensorFiles::open(folder.path, "voice.");
  if (!opened) BOOST_FAIL(opened.error().message);
  const TensorFiles& files = **opened;
  BOOST_TEST(files.path() == file);
  BOOST_TEST(files.all().size() == 2u);
  BOOST_TEST((files.find("other.c") == nullptr));
  const StoredTensor& a = *files.find("a");
  BOOST_TEST(a.shape_text() == "[2, 2]");
  BOOST_TEST(a.floats() == (std::vector<float>{1, 2, 3, 4}), boost::test_tools::per_element());
  float some[2];
  a.read(1, some, 2);
  BOOST_TEST(some[0] == 2.0f);
  BOOST_TEST(some[1] == 3.0f);
  BOOST_TEST((files.find("b")->floats() == std::vector<float>{1, -2}));
}

BOOST_AUTO_TEST_CASE(only_shards_that_have_a_part_of_it_are_opened) {
  const Folder folder;
  write_file(folder.path / "one.safetensors",
             file_of({{"voice.a", tensor("F32", {1}, 0, 4)}}, floats({7})));
  const auto index =
      write_file(folder.path / "model.safetensors.index.json",
                 R"({"weight_map": {"voice.a": "one.safetensors", "other.b": "missing"}})");
  const auto opened = TensorFiles::open(folder.path, "voice.");
  if (!opened) BOOST_FAIL(opened.error().message);
  BOOST_TEST((*opened)->find("a")->floats().front() == 7.0f);
  BOOST_TEST(file_refusal(index, "other.").find("missing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_refused_with_file_and_tensor) {
  const Folder folder;
  const auto refused = [&](const json& header, const char* expected) {
    const auto file = write_file(folder.path / "a.safetensors", file_of(header, floats({1, 2})));
    const std::string found = file_refusal(file);
    BOOST_TEST(found.find("a.safetensors: ") != std::string::npos, found);
    BOOST_TEST(found.find(expected) != std::string::npos, found);
  };
  refused({{"t", 5}}, "tensor 't': expected dtype, shape and two data_offsets");
  refused({{"t", tensor("F32", {2}, 0, 12)}}, "found offsets 0 to 12, expected at most the 8");
  refused({{"t", tensor("F32", {2}, 8, 4)}}, "found offsets 8 to 4");
  refused({{"t", tensor("F32", {3}, 0, 8)}}, "found 8 bytes, expected 12");
  refused({{"t", tensor("F32", {1ull << 40, 1ull << 40}, 0, 8)}}, "expected at most 2^48 values");
  refused({{"t", tensor("I8", {8}, 0, 8)}}, "found dtype I8, expected F32, F16 or BF16");
  refused({{"t", tensor("F32", {1}, 0, 4)}, {"u", tensor("F32", {1}, 2, 6)}},
          "tensor 'u' overlaps tensor 't'");
  BOOST_TEST(file_refusal(folder.path / "none").find("neither a .safetensors file nor the index") !=
             std::string::npos);
  const auto index = write_file(folder.path / "index.json", R"({"weight_map": {"t": "../x"}})");
  BOOST_TEST(file_refusal(index).find("expected the name of a file in the same folder") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

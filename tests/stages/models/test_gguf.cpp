// Files of strangers: refused, with where and what, or read; never worse.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <random>

#include "stages/models/tokenizer.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_CASE(damaged_files_are_refused_and_say_where) {
  const Folder folder;
  const std::string good = read_file(fixtures / "gguf/model.gguf");
  const fs::path path = folder.path / "model.gguf";
  const auto refused = [&](std::string bytes, const char* expected) {
    std::ofstream(path, std::ios::binary) << bytes;
    const auto opened = ModelFile::open(path);
    BOOST_REQUIRE_MESSAGE(!opened.ok(), "accepted; expected: " << expected);
    BOOST_TEST(opened.error().message.find(path.string()) != std::string::npos);
    BOOST_TEST(opened.error().message.find(expected) != std::string::npos, opened.error().message);
  };
  const auto with = [&](std::size_t at, std::initializer_list<int> bytes) {
    std::string changed = good;
    for (const int b : bytes) changed[at++] = static_cast<char>(b);
    return changed;
  };
  refused(with(0, {'X'}), "offset 0");
  refused(with(4, {0, 0, 0, 3}), "big-endian");
  refused(with(8, {255, 255, 255, 255, 255, 255, 255, 127}), "offset 8");    // tensors
  refused(with(16, {255, 255, 255, 255, 255, 255, 255, 127}), "offset 16");  // metadata
  refused(with(24, {255, 255, 255, 255, 255, 255, 255, 127}), "offset 24");  // the length of a key
  refused(good.substr(0, good.size() / 2), "bytes of data in the file");
  refused(good.substr(0, 1000), "offset");
  const auto patched = [&](const std::string& find, std::size_t behind,
                           std::initializer_list<int> bytes) {
    const auto at = good.find(find);
    BOOST_REQUIRE(at != std::string::npos);
    return with(at + find.size() + behind, bytes);
  };
  // After a tensor's name: dimensions, extents, type, offset.
  refused(patched("blk.0.attn_k.weight", 0, {9}), "1 to 4");
  refused(patched("blk.0.attn_k.weight", 4, {0, 0, 0, 0, 0, 0, 0, 127}), "2^48");
  refused(patched("blk.0.attn_k.weight", 20, {77}), "Q4_K");
  refused(patched("blk.0.attn_k.weight", 24, {1}), "multiple of 32");
  refused(patched("blk.0.attn_k.weight", 24, {0, 0, 0, 0, 0, 0, 0, 0}), "after the end of tensor");
  refused(patched("blk.0.attn_k.weight", 24, {0, 0, 0, 0, 0, 0, 0, 64}),
          "bytes of data in the file");
  std::string renamed = good;
  renamed.replace(renamed.find("blk.1.attn_v.weight"), 19, "blk.1.attn_x.weight");
  refused(renamed, "found tensor 'blk.1.attn_x.weight', expected none of this name");
  renamed = good;
  renamed.replace(renamed.find("blk.1.attn_v.weight"), 19, "blk.2.attn_v.weight");
  refused(renamed, "found no tensor 'layers.1.v_proj'");
  renamed = good;
  renamed.replace(renamed.find("llama.rope.freq_base"), 20, "llama.rope.freq_bose");
  refused(renamed, "'llama.rope.freq_bose': expected no such key");
  renamed = good;
  renamed.replace(renamed.find("general.architecture") + 20 + 4 + 8, 5, "gemma");
  refused(renamed, "architecture 'gemma', expected gemma2, gemma3, llama");

  // Any byte of the head may be anything: refused or read, never worse.
  std::mt19937 random(9);
  for (int i = 0; i < 400; ++i) {
    std::string changed = good.substr(0, 40'000 + random() % 1000);
    for (int n = 0; n < 4; ++n) changed[random() % changed.size()] = static_cast<char>(random());
    changed.resize(good.size(), 'x');
    std::ofstream(path, std::ios::binary) << changed;
    if (auto opened = ModelFile::open(path)) (void)make_tokenizer((*opened)->tokenizer());
  }
}

// The compressor of traces is gzip, whatever the text.
#include <boost/test/unit_test.hpp>

#include "profiling/trace/trace_deflate.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
using namespace limelight::tests;

// Whatever the text is, zlib reads back what was put in.
BOOST_AUTO_TEST_CASE(the_compressor_is_gzip_for_any_text) {
  std::vector<std::string> texts{"", "a", std::string(100'000, 'x'), std::string(300, '7')};
  std::string noise, lines;
  std::uint64_t state = 1;
  const auto next = [&] {
    return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33;
  };
  for (int i = 0; i < 300'000; ++i) noise += static_cast<char>(next());
  for (int i = 0; i < 20'000; ++i)
    lines += ",\n{\"ph\":\"X\",\"cat\":\"cpu_op\",\"pid\":1,\"name\":\"op" +
             std::to_string(next() % 40) +
             "\",\"tid\":1,\"ts\":" + std::to_string(i * 1000 + next() % 900) + ".123}";
  texts.push_back(noise);
  texts.push_back(lines);
  texts.push_back(lines + noise + lines);
  for (int i = 0; i < 200; ++i) texts.push_back(lines.substr(next() % lines.size(), next() % 2000));
  prof::TraceDeflate deflate;
  const Folder folder;
  for (const std::string& text : texts) {
    // Members follow each other, one of one piece, one of many.
    std::ofstream file(folder.path / "packed.gz", std::ios::binary);
    deflate.add(text);
    file << deflate.finish();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t piece = std::min<std::size_t>(1 + next() % 70'000, text.size() - at);
      deflate.add(std::string_view(text).substr(at, piece));
      at += piece;
    }
    file << deflate.finish() << std::flush;
    BOOST_REQUIRE((read_gzip(folder.path / "packed.gz") == text + text));
  }
}

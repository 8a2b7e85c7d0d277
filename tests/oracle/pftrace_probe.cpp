// Writes the same records twice, as JSON and in Perfetto's format, for compare_with_perfetto.mjs:
//   pftrace_probe <folder>   makes same.json and same.pftrace
#include <iostream>
#include <string>

#include "tests/profiling/both_formats.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: pftrace_probe <folder>\n", 2;
  for (const std::string format : {"json.gz", "pftrace"}) {
    limelight::tests::Both both(format);
    both.run(7);
    both.write(std::string(argv[1]) + "/same." + format.substr(0, format.find(".gz")));
  }
  return 0;
}

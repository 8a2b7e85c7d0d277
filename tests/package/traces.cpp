// A program that reads traces and links only limelight::trace.
#include <cstdio>
#include <limelight/trace.hpp>

int main(int argc, char** argv) {
  const limelight::profiling::TraceFiles files(argv + 1, argv + argc);
  for (const auto& finding : limelight::profiling::validate(files))
    return std::puts(finding.c_str()), 1;
  const auto table = limelight::profiling::summary_table(files);
  if (!table) return std::puts(table.error().message.c_str()), 1;
  return std::puts(table->c_str()) < 0;
}

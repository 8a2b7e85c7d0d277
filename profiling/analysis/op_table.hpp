// The tables of time by operation, in the layout of PyTorch's profiler. The text file of a stage's
// profile and the commands `limelight trace summary` and `report` use them.
//
// Self times are shown in per cent of their sum, and their shown values add up to 100. Rows come in
// the order of a name's own time, worked or waited, largest first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiling/trace/session_options.hpp"

namespace limelight::profiling {

struct TimeRow {
  std::string name;
  std::string stage{}, shape{};  // empty unless asked for
  std::uint64_t calls = 0, bytes = 0;
  std::int64_t self_ns = 0;            // of the row alone; 0 if it is waiting
  std::int64_t total_ns = 0;           // with what is inside, without waiting
  std::int64_t waiting_ns = 0;         // of the row alone; 0 if it is not waiting
  std::int64_t waiting_within_ns = 0;  // with what is inside
  // Of products whose operations were counted; 0: none were.
  std::uint64_t flops = 0, bytes_moved = 0;
  std::int64_t product_ns = 0;  // that they took
  // That a machine at its peak would need for those whose peak is known, and what these took.
  double peak_ns = 0;
  std::int64_t of_peak_ns = 0;
};

// Hundredths of a per cent of the sum of the parts; they add up to 10,000 unless all parts are 0.
std::vector<std::int64_t> percentages(const std::vector<std::int64_t>& parts);

void sort_rows(std::vector<TimeRow>& rows);

// rows: sorted. Columns of stage, shape, bytes and products are there if a row has such. "% of
// peak": how near the products came to what the machine can compute, or read and write, whatever is
// less.
std::string cpu_table(const std::vector<TimeRow>& rows);
// What is not time of a CPU's threads. what: such as "Device".
std::string time_table(const std::string& what, const std::vector<TimeRow>& rows);
// RFC 4180, without a head: "cpu","matmul",...
std::string csv_rows(const std::string& table, const std::vector<TimeRow>& rows);
// The head of such rows.
std::string csv_head();

// The CPU table of what sessions counted. Rows of one name are added up.
std::string op_table(const std::vector<OpTotal>& ops);

}  // namespace limelight::profiling

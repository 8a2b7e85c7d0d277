#include "profiling/analysis/op_table.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <numeric>

#include "profiling/analysis/waiting.hpp"

namespace limelight::profiling {

namespace {

constexpr std::size_t least_name = 28, most_name = 60;

// A table of texts: the first columns are names and stand left, the others numbers.
class Text {
 public:
  explicit Text(std::vector<std::string> head, std::size_t names)
      : names_(names), cells_{std::move(head)} {}
  void row(std::vector<std::string> cells) { cells_.push_back(std::move(cells)); }
  // Names are whole; one that is longer than most_name moves the rest of its row to the right.
  std::string text() const {
    std::vector<std::size_t> width(cells_.front().size(), 0);
    for (const auto& row : cells_)
      for (std::size_t i = 0; i < row.size(); ++i)
        if (i >= names_ || row[i].size() <= most_name) width[i] = std::max(width[i], row[i].size());
    width[0] = std::max(width[0], least_name);
    std::string out;
    for (const auto& row : cells_) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::size_t blanks = width[i] > row[i].size() ? width[i] - row[i].size() : 0;
        if (i > 0) out += "  ";
        if (i < names_) out.append(row[i]).append(blanks, ' ');
        else out.append(blanks, ' ').append(row[i]);
      }
      out += '\n';
    }
    return out;
  }

 private:
  std::size_t names_;
  std::vector<std::vector<std::string>> cells_;
};

// Names of kernels are of any length, and some have line ends.
std::string one_line(const std::string& name) {
  std::string out;
  for (const char c : name) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

std::string decimals(std::int64_t value, std::int64_t unit, const char* name) {
  char text[64];  // two numbers of 20 digits
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(value / unit),
                static_cast<long long>(value % unit * 1000 / unit));
  return text + std::string(name);
}
std::string ms_text(std::int64_t ns) { return decimals((ns + 500) / 1000 * 1000, 1'000'000, "ms"); }
std::string us_text(std::int64_t ns) { return decimals(ns, 1000, "us"); }
std::string per_cent(std::int64_t hundredths) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%02lld%%", static_cast<long long>(hundredths / 100),
                static_cast<long long>(hundredths % 100));
  return text;
}

bool any(const std::vector<TimeRow>& rows, const std::function<bool(const TimeRow&)>& has) {
  return std::any_of(rows.begin(), rows.end(), has);
}

// The shown share of `part` in `all`, at most 100 %.
std::int64_t share(std::int64_t part, std::int64_t all) {
  if (all <= 0) return 0;
  return static_cast<std::int64_t>(
      std::min<__int128>((static_cast<__int128>(part) * 10'000 + all / 2) / all, 10'000));
}

std::int64_t sum(const std::vector<std::int64_t>& parts) {
  std::int64_t all = 0;
  for (const std::int64_t part : parts)
    if (__builtin_add_overflow(all, part, &all)) return INT64_MAX;
  return all;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) (out += c) += c == '"' ? "\"" : "";
  return out += '"';
}

std::string three(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

// Empty where nothing is known.
void add_products(const TimeRow& row, std::vector<std::string>& cells) {
  const bool any = row.flops > 0 && row.product_ns > 0;
  const auto ns = static_cast<double>(std::max<std::int64_t>(row.product_ns, 1));
  cells.push_back(any ? three(static_cast<double>(row.flops) / 1e9) : "");
  cells.push_back(any ? three(static_cast<double>(row.flops) / ns) : "");
  cells.push_back(any && row.bytes_moved > 0 ? three(static_cast<double>(row.bytes_moved) / ns)
                                             : "");
  cells.push_back(any && row.of_peak_ns > 0
                      ? three(100 * row.peak_ns / static_cast<double>(row.of_peak_ns))
                      : "");
}

std::string table(const std::vector<TimeRow>& rows,
                  const std::string& what,
                  bool cpu,
                  bool total_has_waiting) {
  const bool stages = any(rows, [](const TimeRow&row) { return !row.stage.empty(); }),
             shapes = any(rows, [](const TimeRow&row) { return !row.shape.empty(); }),
             bytes = any(rows, [](const TimeRow&row) { return row.bytes > 0; }),
             waiting = cpu || any(rows, [](const TimeRow&row) { return row.waiting_ns > 0; });
  std::vector<std::string> head{"Name"};
  if (stages) head.emplace_back("Stage");
  if (shapes) head.emplace_back("Input Dims");
  const std::size_t names = head.size();
  for (const std::string& column : {"Self " + what + " %", "Self " + what, what + " total %",
                                    what + " total", what + " time avg"})
    head.push_back(column);
  if (waiting) head.emplace_back("Waiting");
  if (bytes) head.emplace_back("Bytes");
  const bool products = any(rows, [](const TimeRow& row) { return row.flops > 0; });
  if (products)
    for (const char* column : {"GFLOPs", "GFLOP/s", "GB/s", "% of peak"}) head.emplace_back(column);
  head.emplace_back("# of Calls");
  std::vector<std::int64_t> self, waits;
  for (const TimeRow& row : rows) {
    self.push_back(row.self_ns);
    waits.push_back(row.waiting_ns);
  }
  const std::vector<std::int64_t> parts = percentages(self);
  const std::int64_t all = sum({sum(self), total_has_waiting ? sum(waits) : 0});
  Text text(std::move(head), names);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const TimeRow& row = rows[i];
    std::vector<std::string> cells{one_line(row.name)};
    if (stages) cells.push_back(one_line(row.stage));
    if (shapes) cells.push_back(one_line(row.shape));
    cells.push_back(per_cent(parts[i]));
    cells.push_back(ms_text(row.self_ns));
    cells.push_back(per_cent(share(row.total_ns, all)));
    cells.push_back(ms_text(row.total_ns));
    const auto calls = static_cast<std::int64_t>(std::max<std::uint64_t>(row.calls, 1));
    cells.push_back(us_text(row.total_ns / calls));
    if (waiting) cells.push_back(ms_text(row.waiting_ns));
    if (bytes) cells.push_back(std::to_string(row.bytes));
    if (products) add_products(row, cells);
    cells.push_back(std::to_string(row.calls));
    text.row(std::move(cells));
  }
  return text.text();
}

}  // namespace

std::vector<std::int64_t> percentages(const std::vector<std::int64_t>& parts) {
  std::vector<std::int64_t> made(parts.size(), 0);
  __int128 all = 0;
  for (const std::int64_t part : parts) all += part;
  if (all <= 0) return made;
  std::vector<std::pair<__int128, std::size_t>> rests;
  std::int64_t given = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const __int128 scaled = static_cast<__int128>(parts[i]) * 10'000;
    made[i] = static_cast<std::int64_t>(scaled / all);
    given += made[i];
    rests.emplace_back(scaled % all, i);
  }
  // What rounding down left over goes to those that lost most by it.
  std::stable_sort(rests.begin(), rests.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; given < 10'000 && i < rests.size(); ++i, ++given) ++made[rests[i].second];
  return made;
}

void sort_rows(std::vector<TimeRow>& rows) {
  const auto own = [](const TimeRow& row) {
    return static_cast<double>(row.self_ns) + static_cast<double>(row.waiting_ns);
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const TimeRow& a, const TimeRow& b) { return own(a) > own(b); });
}

std::string cpu_table(const std::vector<TimeRow>& rows) { return table(rows, "CPU", true, false); }
std::string time_table(const std::string& what, const std::vector<TimeRow>& rows) {
  return table(rows, what, false, false);
}

std::string csv_head() {
  return "table,name,stage,input_dims,calls,self_ns,self_percent,total_ns,waiting_ns,"
         "waiting_within_ns,bytes,flops,bytes_moved,product_ns,percent_of_peak\n";
}
std::string csv_rows(const std::string& table, const std::vector<TimeRow>& rows) {
  std::vector<std::int64_t> self;
  for (const TimeRow& row : rows) self.push_back(row.self_ns);
  const std::vector<std::int64_t> parts = percentages(self);
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const TimeRow& row = rows[i];
    std::string percent = per_cent(parts[i]);
    percent.pop_back();
    for (const std::string& text : {table, row.name, row.stage, row.shape})
      out.append(quoted(text)).append(",");
    out.append(std::to_string(row.calls)).append(",").append(std::to_string(row.self_ns));
    out.append(",").append(percent).append(",").append(std::to_string(row.total_ns));
    out.append(",").append(std::to_string(row.waiting_ns)).append(",");
    out.append(std::to_string(row.waiting_within_ns)).append(",");
    out.append(std::to_string(row.bytes)).append(",").append(std::to_string(row.flops));
    out.append(",").append(std::to_string(row.bytes_moved)).append(",");
    out.append(std::to_string(row.product_ns)).append(",");
    if (row.of_peak_ns > 0)
      out.append(three(100 * row.peak_ns / static_cast<double>(row.of_peak_ns)));
    out.append("\n");
  }
  return out;
}

std::string op_table(const std::vector<OpTotal>& ops) {
  std::map<std::string, TimeRow> by_name;
  for (const OpTotal& op : ops) {
    TimeRow& row = by_name[op.name];
    row.name = op.name;
    row.calls += op.calls;
    const auto self = static_cast<std::int64_t>(op.self_ns);
    (is_waiting("", op.name) ? row.waiting_ns : row.self_ns) += self;
    row.total_ns += static_cast<std::int64_t>(op.total_ns);
  }
  std::vector<TimeRow> rows;
  for (auto& [name, row] : by_name) {
    // A session knows no more of what is inside a name than its time.
    row.total_ns -= std::min(row.waiting_ns, row.total_ns);
    rows.push_back(std::move(row));
  }
  sort_rows(rows);
  return table(rows, "CPU", true, true);
}

}  // namespace limelight::profiling

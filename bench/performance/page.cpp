#include "bench/performance/page.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "base/try.hpp"
#include "bench/performance/goals.hpp"
#include "bench/plot.hpp"

namespace limelight::bench {

using nlohmann::ordered_json;

namespace {

struct ResultRow {
  std::string name, unit, peer = {};
  std::map<std::string, std::string> params = {};
  std::vector<std::string> order = {};  // of the params
  double value = 0;
  std::optional<double> peer_value = {};

  std::optional<double> ratio() const {
    if (!peer_value || *peer_value == 0) return {};
    return value / *peer_value;
  }
  // More of what comes in a second is better, and less of all else.
  bool more_is_better() const { return unit.ends_with("/s") || unit == "x"; }
  std::string words() const {
    std::string text = name;
    for (const std::string& key : order) text += " " + key + "=" + params.at(key);
    return text;
  }
};
struct Results {
  std::string name;
  ordered_json about;  // of the machine and the run; null: an older file
  std::vector<ResultRow> rows = {};
  std::vector<std::string> notes = {};
};

std::string digits(double value) {
  char text[32];
  const double size = std::abs(value);
  std::snprintf(text, sizeof text, "%.*f",
                size >= 100  ? 0
                : size >= 10 ? 1
                : size >= 1  ? 2
                             : 3,
                value);
  return text;
}

Error not_a_result(const std::string& file, const std::string& expected) {
  return {ErrorCode::invalid_argument, file + ".json: expected " + expected};
}

std::string param_text(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Result<Results> read_results(const BenchFile& file) {
  const ordered_json all = ordered_json::parse(file.text, nullptr, false);
  if (!all.is_object() || !all.contains("results") || !all["results"].is_array())
    return not_a_result(file.name, "what `limelight bench` prints with --json");
  Results results{.name = file.name, .about = all.value("about", ordered_json())};
  for (const auto& one : all["results"]) {
    if (!one.is_object() || !one.contains("name") || !one["name"].is_string() ||
        !one.contains("value") || !one["value"].is_number() || !one.contains("unit") ||
        !one["unit"].is_string())
      return not_a_result(file.name, "rows with name, value and unit");
    ResultRow row{.name = one["name"].get<std::string>(),
                  .unit = one["unit"].get<std::string>(),
                  .value = one["value"].get<double>()};
    if (const auto at = one.find("params"); at != one.end() && at->is_object())
      for (const auto& [key, value] : at->items()) {
        row.params[key] = param_text(value);
        row.order.push_back(key);
      }
    if (const auto at = one.find("peer"); at != one.end() && at->is_string())
      row.peer = at->get<std::string>();
    if (const auto at = one.find("peer_value"); at != one.end() && at->is_number())
      row.peer_value = at->get<double>();
    results.rows.push_back(std::move(row));
  }
  if (results.about.is_object())
    if (const auto at = results.about.find("notes"); at != results.about.end() && at->is_array())
      for (const auto& note : *at)
        if (note.is_string()) results.notes.push_back(note.get<std::string>());
  return results;
}

const ResultRow* find_row(const std::vector<Results>& all, const Goal& goal) {
  const ResultRow* found = nullptr;
  for (const Results& results : all) {
    if (results.name != goal.benchmark) continue;
    for (const ResultRow& row : results.rows) {
      const bool ratio =
          goal.kind == Goal::Kind::ratio_at_most || goal.kind == Goal::Kind::ratio_at_least;
      bool fits = row.name == goal.row && (*goal.peer == 0 || row.peer == goal.peer) &&
                  (!ratio || row.ratio());
      for (const auto& [key, value] : goal.params) {
        const auto at = row.params.find(key);
        fits = fits && at != row.params.end() && at->second == value;
      }
      if (fits) found = &row;
    }
  }
  return found;
}

struct Judged {
  double value = 0;
  bool holds = false;
  std::string goal;
};
Judged judge(const Goal& goal, const ResultRow& row) {
  using Kind = Goal::Kind;
  Judged judged;
  const bool ratio = goal.kind == Kind::ratio_at_most || goal.kind == Kind::ratio_at_least;
  judged.value = ratio ? *row.ratio() : row.value;
  if (goal.with_interval)
    if (const auto at = row.params.find("ci95"); at != row.params.end())
      judged.value += std::strtod(at->second.c_str(), nullptr);
  const bool most = goal.kind == Kind::at_most || goal.kind == Kind::ratio_at_most;
  judged.holds = most ? judged.value <= goal.limit : judged.value >= goal.limit;
  judged.goal =
      std::string(most ? "<= " : ">= ") + digits(goal.limit) + " " + (ratio ? "x" : row.unit);
  return judged;
}

std::string measured_words(const ResultRow& row) {
  std::string text = digits(row.value) + " " + row.unit;
  if (const auto at = row.params.find("ci95"); at != row.params.end())
    text += " (95 %: +- " + at->second + ")";
  return text;
}
std::string peer_words(const ResultRow& row) {
  if (row.peer.empty() || !row.peer_value) return "";
  return digits(*row.peer_value) + " " + row.unit + ", " + row.peer;
}

std::string goals_table(const std::vector<Results>& all, std::string& short_of) {
  std::string text =
      "| what | measured | beside it, in the same run | goal | |\n|---|---|---|---|---|\n";
  for (const Goal& goal : performance_goals()) {
    const ResultRow* row = find_row(all, goal);
    if (row == nullptr) {
      text += std::string("| ") + goal.what + " | not measured here | | | |\n";
      continue;
    }
    const Judged judged = judge(goal, *row);
    text += std::string("| ") + goal.what + " | " + measured_words(*row) + " | " +
            peer_words(*row) + " | " + judged.goal + " | " +
            (judged.holds ? "holds" : "**falls short**") + " |\n";
    if (judged.holds) continue;
    short_of += std::string("- ") + goal.what + ": " + digits(judged.value) + ", wanted " +
                judged.goal + (*goal.cause == 0 ? "" : std::string("; ") + goal.cause) + ".\n";
  }
  return text;
}

// Rows in which a peer does better than we do.
std::string lost_to_peers(const std::vector<Results>& all) {
  std::string text;
  for (const Results& results : all)
    for (const ResultRow& row : results.rows) {
      const auto ratio = row.ratio();
      if (!ratio || row.peer == "floor" || row.peer.starts_with("no ") ||
          row.peer.starts_with("not "))
        continue;
      const double worse = row.more_is_better() ? 1 / *ratio : *ratio;
      if (worse <= 1.02) continue;
      text += "- `bench " + results.name + "` " + row.words() + ": " + digits(row.value) + " " +
              row.unit + ", " + row.peer + " " + digits(*row.peer_value) + " (" + digits(worse) +
              " x worse).\n";
    }
  return text;
}

std::string all_rows(const Results& results) {
  std::string text =
      "| name | params | value | unit | beside | its value | ratio |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const ResultRow& row : results.rows) {
    std::string params;
    for (const std::string& key : row.order)
      params += (params.empty() ? "" : " ") + key + "=" + row.params.at(key);
    text += "| " + row.name + " | " + params + " | " + digits(row.value) + " | " + row.unit +
            " | " + row.peer + " | " + (row.peer_value ? digits(*row.peer_value) : "") + " | " +
            (row.ratio() ? digits(*row.ratio()) : "") + " |\n";
  }
  return text;
}

std::string machine_words(const ordered_json& about) {
  if (!about.is_object()) return "a machine that the file does not name";
  std::string text = about.value("cpu", "an unknown CPU") + ", " +
                     std::to_string(about.value("cores", 0)) + " cores, load " +
                     digits(about.value("load", 0.0)) + " when it ended, Limelight " +
                     about.value("version", "?") + ", " + about.value("date", "?");
  if (about.value("quick", false)) text += ", `--quick`";
  return text;
}

// Ours beside the peers of the rows of one name.
BarPlot bars_of(const Results& results, const std::string& name, const std::string& title) {
  BarPlot plot{.title = title,
               .unit = "",
               .note = "The same run, on a machine that others use too.",
               .bars = {}};
  std::vector<std::string> seen;
  for (const ResultRow& row : results.rows) {
    if (row.name != name) continue;
    plot.unit = row.unit;
    std::string label = row.words();
    if (std::find(seen.begin(), seen.end(), label) == seen.end())
      plot.bars.push_back({label, row.value, true});
    seen.push_back(label);
    if (row.peer_value) plot.bars.push_back({row.peer, *row.peer_value, false});
  }
  return plot;
}

// A line for each name of a peer, and one of ours, by a param.
LinePlot lines_of(const Results& results,
                  const std::string& name,
                  const std::string& param,
                  const std::pair<std::string, std::string>& only) {
  LinePlot plot{
      .title = name, .x_label = param, .y_label = "", .log_x = true, .log_y = true, .lines = {}};
  std::map<std::string, std::map<double, double>> lines;
  for (const ResultRow& row : results.rows) {
    const auto x = row.params.find(param), filter = row.params.find(only.first);
    if (row.name != name || x == row.params.end()) continue;
    if (!only.first.empty() && (filter == row.params.end() || filter->second != only.second))
      continue;
    plot.y_label = row.unit;
    const double at = std::strtod(x->second.c_str(), nullptr);
    lines["Limelight"][at] = row.value;
    if (row.peer_value) lines[row.peer][at] = *row.peer_value;
  }
  for (const auto& [line, points] : lines)
    plot.lines.push_back({.name = line, .points = {points.begin(), points.end()}});
  std::stable_partition(plot.lines.begin(), plot.lines.end(),
                        [](const Line& line) { return line.name == "Limelight"; });
  return plot;
}

void add_plots(const std::vector<Results>& all, PerformancePage& page, const std::string& folder) {
  const auto add = [&](const std::string& name, const std::string& title, std::string svg) {
    page.plots.emplace_back(name + ".svg", std::move(svg));
    page.markdown += "![" + title + "](" + folder + "/" + name + ".svg)\n\n";
  };
  const auto bars = [&](const Results& results, const char* row, const char* title) {
    const BarPlot plot = bars_of(results, row, title);
    if (!plot.bars.empty()) add(results.name + "-" + row, title, to_svg(plot));
  };
  for (const Results& results : all) {
    if (results.name == "profiler") {
      bars(results, "span", "One span");
      bars(results, "write_rate", "Events formatted and compressed in a second of CPU");
      bars(results, "overhead", "A request that is profiled is slower by");
      bars(results, "instructions", "Instructions that profiling adds to a request");
      bars(results, "acknowledged", "start_profile acknowledged by 8 ranks, p99");
    }
    if (results.name == "ipc")
      for (const char* wait : {"polling", "asleep"}) {
        LinePlot plot = lines_of(results, "handoff", "bytes", {"consumer", wait});
        if (plot.lines.empty()) continue;
        plot.title = std::string("Hand-off between two processes, ") + wait;
        add(std::string("ipc-") + wait, plot.title, to_svg(plot));
      }
    if (results.name == "scale")
      for (const auto& [row, p, title] :
           {std::tuple("start_answer", "50", "start_profile until all ranks have answered, median"),
            std::tuple("start", "", "Start of a pipeline, by ranks"),
            std::tuple("memory", "rank", "Memory of one rank, by ranks")}) {
        const std::string key = *p == 0 ? "" : std::string(p) == "rank" ? "of" : "p";
        LinePlot plot = lines_of(results, row, "ranks", {key, p});
        if (plot.lines.empty()) continue;
        plot.title = title;
        add(std::string("scale-") + row, title, to_svg(plot));
      }
    if (results.name == "decode") bars(results, "decode", "Tokens a second");
    if (results.name == "omni") bars(results, "job", "From prompt to the end of the sound");
  }
}

}  // namespace

Result<PerformancePage> performance_page(const std::vector<BenchFile>& files,
                                         const std::string& plots) {
  std::vector<Results> all;
  for (const BenchFile& file : files) {
    auto results = read_results(file);
    if (!results) return results.error();
    all.push_back(std::move(*results));
  }
  PerformancePage page;
  std::string& text = page.markdown;
  text =
      "# Performance\n\n"
      "Made by `limelight bench report` from result files; nothing here is written by hand but "
      "the\ngoals. A peer or a floor is of the same run. Times are of a machine that others used "
      "at the same\ntime, unless its load says otherwise; counts (instructions, bytes) are "
      "not.\n\n";
  std::string short_of;
  text += "## Goals\n\n" + goals_table(all, short_of) + "\n## What we lose\n\n";
  const std::string lost = lost_to_peers(all);
  if (short_of.empty() && lost.empty()) text += "Nothing of what was measured.\n";
  if (!short_of.empty()) text += "Goals that are not reached:\n\n" + short_of;
  if (!lost.empty())
    text += (short_of.empty() ? "" : "\n") + std::string("Rows in which a peer does better:\n\n") +
            lost;
  text += "\n## Plots\n\n";
  add_plots(all, page, plots);
  text += "## All rows\n";
  for (const Results& results : all) {
    text += "\n### bench " + results.name + "\n\nOn " + machine_words(results.about) + ".\n\n" +
            all_rows(results);
    if (!results.notes.empty()) text += "\n| in words |\n|---|\n";
    for (const std::string& note : results.notes) text += "| " + note + " |\n";
  }
  return page;
}

Result<void> write_performance(const std::filesystem::path& results,
                               const std::filesystem::path& out) {
  std::vector<BenchFile> files;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(results, gone)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    std::stringstream text;
    text << in.rdbuf();
    files.push_back({entry.path().stem().string(), text.str()});
  }
  if (files.empty())
    return Error{ErrorCode::not_found,
                 results.string() +
                     ": found no results, expected files such as profiler.json, "
                     "made by `limelight bench profiler --json`"};
  std::sort(files.begin(), files.end(),
            [](const BenchFile& a, const BenchFile& b) { return a.name < b.name; });
  const auto folder = out.parent_path() / out.stem();
  const auto page = performance_page(files, out.stem().string());
  if (!page) return page.error();
  std::filesystem::create_directories(folder, gone);
  const auto write = [](const std::filesystem::path& file,
                        const std::string& text) -> Result<void> {
    std::ofstream to(file);
    to << text;
    if (!to.flush()) return Error{ErrorCode::io, file.string() + ": cannot be written"};
    return {};
  };
  for (const auto& [name, svg] : page->plots) LIMELIGHT_TRY(write(folder / name, svg));
  return write(out, page->markdown);
}

}  // namespace limelight::bench

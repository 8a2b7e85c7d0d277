#include "bench/load/load_result.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "bench/load/sample.hpp"

namespace limelight::bench {

using nlohmann::ordered_json;

namespace {

enum class Unit { ms, s, none };

// Of a request that succeeded: its values of a metric. Most have one, itl one for each piece.
using Values = std::vector<double> (*)(const RequestTimes&);

std::vector<double> gaps(const RequestTimes& r) {
  std::vector<double> all;
  for (std::size_t i = 1; i < r.texts.size(); ++i) all.push_back(r.texts[i] - r.texts[i - 1]);
  return all;
}

struct Metric {
  const char* name;
  const char* words;
  Unit unit;
  Values values;
};

const Metric metrics[] = {
    {"ttft", "Time to First Token", Unit::ms,
     [](const RequestTimes& r) {
       return r.texts.empty() ? std::vector<double>() : std::vector{r.ttft()};
     }},
    {"tpot", "Time per Output Token (excl. 1st token)", Unit::ms,
     [](const RequestTimes& r) {
       if (r.texts.size() < 2) return std::vector<double>();
       const double span = r.texts.back() - r.texts.front();
       return std::vector{span / static_cast<double>(r.texts.size() - 1)};
     }},
    {"itl", "Inter-token Latency", Unit::ms, gaps},
    {"e2el", "End-to-end Latency", Unit::ms,
     [](const RequestTimes& r) { return std::vector{r.latency()}; }},
    {"audio_ttfp", "Time to First Packet of Audio", Unit::ms,
     [](const RequestTimes& r) {
       return r.sound.any() ? std::vector{r.sound.first() - r.start} : std::vector<double>();
     }},
    {"audio_rtf", "Real-time Factor of Audio", Unit::none,
     [](const RequestTimes& r) {
       return r.sound.seconds() > 0 ? std::vector{r.latency() / r.sound.seconds()}
                                    : std::vector<double>();
     }},
    {"audio_duration", "Duration of Audio", Unit::s,
     [](const RequestTimes& r) {
       return r.sound.any() ? std::vector{r.sound.seconds()} : std::vector<double>();
     }},
    {"audio_underrun", "Underrun of Audio", Unit::s,
     [](const RequestTimes& r) {
       return r.sound.any() ? std::vector{r.sound.underrun()} : std::vector<double>();
     }},
};

const Metric* find(const std::string& name) {
  for (const Metric& metric : metrics)
    if (name == metric.name) return &metric;
  return nullptr;
}

std::string known_metrics() {
  std::string all;
  for (const Metric& metric : metrics) all.append(all.empty() ? "" : ", ").append(metric.name);
  return all;
}

double scale(const Metric& metric) { return metric.unit == Unit::ms ? 1000 : 1; }
std::string key(const Metric& metric) {
  constexpr const char* suffix[] = {"_ms", "_s", ""};
  return std::string(metric.name).append(suffix[static_cast<int>(metric.unit)]);
}
// 99 and 99.9 as vLLM writes them: "p99", "p99.9".
std::string percentile_name(double p) {
  char text[32];
  std::snprintf(text, sizeof text, "p%g", p);
  return text;
}

Sample sample_of(const LoadResult& result, const Metric& metric) {
  std::vector<double> all;
  for (const RequestTimes& request : result.requests) {
    if (!request.success) continue;
    for (const double value : metric.values(request)) all.push_back(value * scale(metric));
  }
  return Sample(std::move(all));
}

struct Totals {
  std::uint64_t completed = 0, failed = 0, input = 0, output = 0, pieces = 0, continuous = 0;
  std::uint64_t with_sound = 0, good = 0;
  double sound = 0;
};

// vLLM-Omni's: a gap of more than 100 ms is heard.
constexpr double audible_gap_s = 0.1;

Totals totals_of(const LoadResult& result, const LoadReport& report) {
  Totals all;
  for (const RequestTimes& r : result.requests) {
    if (!r.success) {
      ++all.failed;
      continue;
    }
    ++all.completed;
    all.input += r.prompt_tokens;
    all.output += r.output_tokens;
    all.sound += r.sound.seconds();
    all.pieces += r.sound.pieces();
    all.with_sound += r.sound.any();
    all.continuous += r.sound.any() && r.sound.underrun() <= audible_gap_s;
    bool good = true;
    for (const auto& [name, limit] : report.goodput) {
      const Metric& metric = *find(name);
      const auto values = metric.values(r);
      good &= !values.empty() && values.front() * scale(metric) <= limit;
    }
    all.good += good;
  }
  return all;
}

// The most requests open, and the most pieces of text that came, within one second of the run.
struct Peaks {
  std::uint64_t requests = 0;
  double tokens = 0;
};

Peaks peaks_of(const LoadResult& result) {
  std::vector<std::uint64_t> open;
  std::vector<double> tokens;
  double begin = INFINITY;
  for (const RequestTimes& r : result.requests)
    if (r.success) begin = std::min(begin, r.start);
  const auto second = [&](double at) {
    return static_cast<std::size_t>(std::max(0.0, at - begin));
  };
  for (const RequestTimes& r : result.requests) {
    if (!r.success) continue;
    if (second(r.end) >= open.size()) {
      open.resize(second(r.end) + 1);
      tokens.resize(open.size());
    }
    for (std::size_t i = second(r.start); i <= second(r.end); ++i) ++open[i];
    for (const double at : r.texts) ++tokens[second(at)];
  }
  if (open.empty()) return {};
  return {*std::max_element(open.begin(), open.end()),
          *std::max_element(tokens.begin(), tokens.end())};
}

ordered_json details_of(const LoadResult& result) {
  ordered_json lists;
  for (const char* list : {"input_lens", "output_lens", "start_times", "ttfts", "itls", "e2els",
                           "generated_texts", "errors"})
    lists[list] = ordered_json::array();
  const double begin = result.requests.empty() ? 0 : result.requests.front().start;
  for (const RequestTimes& r : result.requests) {
    lists["input_lens"].push_back(r.prompt_tokens);
    lists["output_lens"].push_back(r.output_tokens);
    lists["start_times"].push_back(r.start - begin);
    lists["ttfts"].push_back(r.ttft());
    lists["itls"].push_back(gaps(r));
    lists["e2els"].push_back(r.latency());
    lists["generated_texts"].push_back(r.text);
    lists["errors"].push_back(r.error);
  }
  return lists;
}

// {"stage_0_gen_ms": ...} of all requests that have it, by one of the numbers of a sample.
template <class Number>
ordered_json stages_of(const LoadResult& result, Number number) {
  std::map<std::string, std::vector<double>> all;
  for (const RequestTimes& r : result.requests)
    for (const auto& [name, value] : r.stages) all[name].push_back(value);
  ordered_json found = ordered_json::object();
  for (auto& [name, values] : all) found[name] = number(Sample(std::move(values)));
  return found;
}

void add(std::string& text, const char* format, ...) __attribute__((format(printf, 2, 3)));
void add(std::string& text, const char* format, ...) {
  char line[256];
  va_list values;
  va_start(values, format);
  std::vsnprintf(line, sizeof line, format, values);
  va_end(values);
  text += line;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(by, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc{} || at != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

Result<void> check(const LoadReport& report) {
  const auto refuse = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, what};
  };
  for (const std::string& name : report.metrics)
    if (find(name) == nullptr)
      return refuse("found the metric '" + name + "', expected some of " + known_metrics());
  for (const auto& [name, limit] : report.goodput)
    if (find(name) == nullptr || name == "itl" || limit <= 0)
      return refuse("goodput: found '" + name +
                    "', expected a metric that a request has once, and a limit above 0, such as "
                    "ttft:500");
  for (const double p : report.percentiles)
    if (p < 0 || p > 100) return refuse("found a percentile that is not in 0 to 100");
  return {};
}

Result<std::vector<double>> read_percentiles(const std::string& text) {
  std::vector<double> all;
  for (const std::string& part : split(text, ',')) {
    const auto p = number(part);
    if (!p || *p < 0 || *p > 100)
      return Error{ErrorCode::invalid_argument, "found the percentile '" + part +
                                                    "', expected numbers from 0 to 100, such as "
                                                    "50,99"};
    all.push_back(*p);
  }
  return all;
}

Result<std::vector<std::pair<std::string, double>>> read_goodput(const std::string& text) {
  std::vector<std::pair<std::string, double>> all;
  for (const std::string& part : split(text, ',')) {
    const std::size_t colon = part.find(':');
    const auto limit = colon == std::string::npos ? std::nullopt : number(part.substr(colon + 1));
    if (!limit)
      return Error{ErrorCode::invalid_argument,
                   "goodput: found '" + part + "', expected METRIC:LIMIT, such as ttft:500"};
    all.emplace_back(part.substr(0, colon), *limit);
  }
  LIMELIGHT_TRY(check(LoadReport{.goodput = all}));
  return all;
}

LoadResult joined(const std::vector<LoadResult>& runs) {
  LoadResult all;
  for (const LoadResult& run : runs) {
    if (all.about.empty()) all.about = run.about;
    for (RequestTimes request : run.requests) {
      request.start += all.duration;
      request.end += all.duration;
      for (double& at : request.texts) at += all.duration;
      request.sound.shift(all.duration);
      all.requests.push_back(std::move(request));
    }
    all.duration += run.duration;
  }
  return all;
}

ordered_json run_json(const LoadResult& run, const LoadReport& report) {
  const ordered_json all = load_json(run, report);
  ordered_json out = ordered_json::object();
  for (const auto& [name, value] : all.items())
    if (name.starts_with("mean_") || name.ends_with("_throughput") || name == "duration")
      out[name] = value;
  return out;
}

ordered_json load_json(const LoadResult& result, const LoadReport& report) {
  const Totals total = totals_of(result, report);
  const Peaks peak = peaks_of(result);
  const auto rate = [&](auto count) {
    return result.duration > 0 ? static_cast<double>(count) / result.duration : 0;
  };
  ordered_json out;
  for (const auto& [name, value] : result.about) out[name] = value;
  out["duration"] = result.duration;
  out["completed"] = total.completed;
  out["failed"] = total.failed;
  out["total_input_tokens"] = total.input;
  out["total_output_tokens"] = total.output;
  out["request_throughput"] = rate(total.completed);
  out["request_goodput"] = report.goodput.empty() ? ordered_json() : ordered_json(rate(total.good));
  out["output_throughput"] = rate(total.output);
  out["total_token_throughput"] = rate(total.input + total.output);
  out["total_audio_duration_s"] = total.sound;
  out["total_audio_frames"] = total.pieces;
  out["audio_throughput"] = rate(total.sound);
  out["audio_continuity_ok_rate"] =
      total.with_sound == 0
          ? 1.0
          : static_cast<double>(total.continuous) / static_cast<double>(total.with_sound);
  out["max_output_tokens_per_s"] = peak.tokens;
  out["max_concurrent_requests"] = peak.requests;
  for (const std::string& name : report.metrics) {
    const Metric& metric = *find(name);
    const Sample sample = sample_of(result, metric);
    const std::string end = "_" + key(metric);
    out["num_" + name + "_samples"] = sample.size();
    out["mean" + end] = sample.mean();
    out["median" + end] = sample.median();
    out["std" + end] = sample.deviation();
    out["ci95" + end] = {sample.mean() - sample.half_width(), sample.mean() + sample.half_width()};
    ordered_json rows = ordered_json::array();
    for (const double p : report.percentiles) {
      out[percentile_name(p) + end] = sample.percentile(p);
      rows.push_back(ordered_json::array({p, sample.percentile(p)}));
    }
    out["percentiles" + end] = rows;
  }
  out["stage_durations_mean"] = stages_of(result, [](const Sample& s) { return s.mean(); });
  out["stage_durations_p50"] = stages_of(result, [](const Sample& s) { return s.median(); });
  out["stage_durations_p99"] = stages_of(result, [](const Sample& s) { return s.percentile(99); });
  if (report.detailed) out.update(details_of(result));
  return out;
}

std::string load_table(const LoadResult& result, const LoadReport& report) {
  const ordered_json all = load_json(result, report);
  std::string text;
  const auto row = [&](const char* words, double value, int decimals) {
    add(text, "%-42s %12.*f\n", words, decimals, value);
  };
  row("Successful requests:", all["completed"], 0);
  row("Failed requests:", all["failed"], 0);
  row("Benchmark duration (s):", result.duration, 2);
  row("Total input tokens:", all["total_input_tokens"], 0);
  row("Total generated tokens:", all["total_output_tokens"], 0);
  row("Request throughput (req/s):", all["request_throughput"], 2);
  if (!report.goodput.empty()) row("Request goodput (req/s):", all["request_goodput"], 2);
  row("Output token throughput (tok/s):", all["output_throughput"], 2);
  row("Total token throughput (tok/s):", all["total_token_throughput"], 2);
  row("Peak output tokens in a second:", all["max_output_tokens_per_s"], 0);
  row("Peak concurrent requests:", all["max_concurrent_requests"], 0);
  if (all["total_audio_duration_s"] > 0) {
    row("Total audio duration (s):", all["total_audio_duration_s"], 2);
    row("Audio throughput (s/s):", all["audio_throughput"], 2);
    row("Audio without an audible gap (share):", all["audio_continuity_ok_rate"], 2);
  }
  for (const std::string& name : report.metrics) {
    const Metric& metric = *find(name);
    const Sample sample = sample_of(result, metric);
    if (sample.empty()) {
      add(text, "%s: none was measured\n", metric.words);
      continue;
    }
    constexpr const char* units[] = {" (ms)", " (s)", ""};
    add(text, "%s%s, %zu of them\n", metric.words, units[static_cast<int>(metric.unit)],
        sample.size());
    add(text, "  mean %.3f +- %.3f  median %.3f  std %.3f", sample.mean(), sample.half_width(),
        sample.median(), sample.deviation());
    for (const double p : report.percentiles)
      add(text, "  %s %.3f", percentile_name(p).c_str(), sample.percentile(p));
    text += "\n";
  }
  std::vector<std::string> seen;
  for (const RequestTimes& r : result.requests) {
    if (r.success || std::find(seen.begin(), seen.end(), r.error) != seen.end()) continue;
    if (seen.size() < 5) text += "failed: " + r.error + "\n";
    seen.push_back(r.error);
  }
  if (seen.size() > 5) add(text, "failed: %zu more kinds of errors\n", seen.size() - 5);
  return text;
}

std::string load_csv(const LoadResult& result, const LoadReport& report) {
  std::string text = "metric,unit,samples,mean,median,std,ci95_low,ci95_high";
  for (const double p : report.percentiles) text += "," + percentile_name(p);
  text += "\n";
  for (const std::string& name : report.metrics) {
    const Metric& metric = *find(name);
    const Sample sample = sample_of(result, metric);
    constexpr const char* units[] = {"ms", "s", "1"};
    add(text, "%s,%s,%zu,%.6g,%.6g,%.6g,%.6g,%.6g", metric.name,
        units[static_cast<int>(metric.unit)], sample.size(), sample.mean(), sample.median(),
        sample.deviation(), sample.mean() - sample.half_width(),
        sample.mean() + sample.half_width());
    for (const double p : report.percentiles) add(text, ",%.6g", sample.percentile(p));
    text += "\n";
  }
  return text;
}

}  // namespace limelight::bench

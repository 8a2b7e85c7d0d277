#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "base/try.hpp"
#include "profiling/analysis/counted.hpp"
#include "profiling/analysis/time_tables.hpp"
#include "profiling/analysis/trace_set.hpp"
#include "profiling/trace/memory_words.hpp"

namespace limelight::profiling {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr TimeKind all_kinds[] = {TimeKind::cpu, TimeKind::device, TimeKind::annotations,
                                  TimeKind::other};

// What a trace of ours says of its losses and its cost.
std::string own_words(const std::string& own_json) {
  const json own = json::parse(own_json, nullptr, false);
  if (!own.is_object()) return "";
  std::string text;
  const auto number = [&](const char* key) {
    const auto at = own.find(key);
    return at != own.end() && at->is_number() ? std::optional(at->get<double>()) : std::nullopt;
  };
  const auto say = [&](const char* key, double unit, const char* form) {
    const auto value = number(key);
    if (!value) return;
    char part[96];
    std::snprintf(part, sizeof part, form, std::abs(*value) / unit);
    text += part;
  };
  if (own.value("recovered", json()) == true) text += "; recovered after a kill";
  if (own.contains("drops"))
    text += number("drops") ? "; lost " + counted(static_cast<std::uint64_t>(*number("drops")),
                                                  "record", "records")
                            : "; lost an unknown number of records";
  say("begin_skew_ns", 1e3, "; began %.1f us off");
  say("clock_error_ns", 1e3, "; clock %.1f us off");
  say("overhead_percent", 1, "; cost %.2f %% of a core");
  if (const auto failed = own.find("failed_allocations");
      failed != own.end() && failed->is_object()) {
    const auto word = [&](const char* key) {
      const auto at = failed->find(key);
      return at != failed->end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    const auto times = failed->find("times");
    const auto many =
        times != failed->end() && times->is_number_unsigned() ? times->get<std::uint64_t>() : 1;
    text += "; " + counted(many, "allocation", "allocations") + " failed, the last " +
            word("last") + " (see " + (word("file").empty() ? "the trace" : word("file")) + ")";
  }
  if (const auto detail = own.value("detail", json("op")); detail == "block")
    text += "; detail block: small operations are left out";
  else if (detail == "step") text += "; detail step: operations are left out";
  for (const auto& [key, before] :
       {std::pair("truncated", "truncated "), std::pair("gpu", "GPU: "), std::pair("note", "")})
    if (const auto at = own.find(key); at != own.end() && at->is_string())
      text.append("; ").append(before).append(at->get<std::string>());
  return text;
}

// A line for each rank that says what its memory was used for.
std::string memory_of(const TimeTables::File& file) {
  const json own = json::parse(file.own_json, nullptr, false);
  if (!own.is_object()) return "";
  std::string text;
  const auto add = [&text](const std::string& rank, const json& of) {
    const auto at = of.find("memory");
    if (at == of.end() || !at->is_object()) return;
    text += "  memory" + (rank.empty() ? "" : " of rank " + rank) + ": " +
            memory_sentence(read_memory(at->dump())) + "\n";
  };
  add("", own);
  if (const auto ranks = own.find("ranks"); ranks != own.end() && ranks->is_object())
    for (const auto& [rank, of] : ranks->items())
      if (of.is_object()) add(rank, of);
  return text;
}

// What the percentages of a peak are of; or why there are none.
std::string peak_of(const TimeTables::File& file) {
  if (!file.products) return "";
  const json peak = json::parse(file.peak_json, nullptr, false);
  if (!peak.is_object()) return "  peak: not stated in the file, so there is no share of it\n";
  if (const auto why = peak.find("not_measured"); why != peak.end() && why->is_string())
    return "  peak: not measured: " + why->get<std::string>() + "\n";
  const auto number = [&](const char* key) {
    const auto at = peak.find(key);
    return at != peak.end() && at->is_number() ? at->get<double>() : 0.0;
  };
  char text[200];
  std::snprintf(text, sizeof text,
                "  peak, as measured with %.0f thread(s): %.1f GFLOP/s in float32, %.1f GB/s\n",
                number("threads"), number("gflops"), number("gb_per_s"));
  return text;
}

std::string head_of(const TimeTables::File& file) {
  const TraceOrigin& origin = file.origin;
  std::string text = file.path.filename().string() + ": ";
  if (origin.merged) text += "merged of several ranks, ";
  if (origin.rank) text += "rank " + std::to_string(*origin.rank) + ", ";
  if (!origin.stage.empty()) text += "stage " + origin.stage + ", ";
  text += counted(file.slices, "slice", "slices");
  if (file.others > 0) text += ", " + counted(file.others, "other event", "other events");
  if (!origin.program.empty()) text += ", by " + origin.program;
  text += own_words(file.own_json);
  if (!file.odd.empty()) text += "; " + file.odd;
  return text + "\n" + memory_of(file) + peak_of(file);
}

std::string heads_of(const TimeTables& tables) {
  std::string text;
  for (const TimeTables::File& file : tables.files()) text += head_of(file);
  return text;
}

Result<void> read(const std::vector<std::filesystem::path>& files,
                  const std::string& session,
                  TimeTables& tables,
                  std::vector<std::string>& notes) {
  const auto set = choose_traces(files, session);
  if (!set) return set.error();
  notes.insert(notes.end(), set->notes.begin(), set->notes.end());
  for (const auto& file : set->files) LIMELIGHT_TRY(tables.add(file));
  return tables.finish();
}

Error no_slices(const std::string& heads) {
  return {ErrorCode::corrupt,
          heads + "found no slice in any of the files, expected events with a duration"};
}

std::string devices_text(TimeTables& tables) {
  std::size_t width = 4;
  for (const DeviceShares& one : tables.devices())
    width = std::max(width, tables.rank_name(one.rank).size());
  const auto padded = [width](std::string name) {
    return name.append(width > name.size() ? width - name.size() : 0, ' ');
  };
  const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
  char line[256];  // numbers alone: names are of any length
  std::snprintf(line, sizeof line, "  %12s  %12s  %12s  %12s  %16s  %12s  %14s\n", "span ms",
                "busy ms", "idle ms", "computing ms", "communicating ms", "copying ms",
                "overlapped ms");
  std::string text =
      "Devices, from their first to their last kernel; overlapped: communicating "
      "while computing\n" +
      padded("rank") + line;
  for (const DeviceShares& one : tables.devices()) {
    std::snprintf(line, sizeof line, "  %12.3f  %12.3f  %12.3f  %12.3f  %16.3f  %12.3f  %14.3f\n",
                  ms(one.span_ns), ms(one.busy_ns), ms(one.idle_ns()), ms(one.work_ns[0]),
                  ms(one.work_ns[1]), ms(one.work_ns[2]), ms(one.overlap_ns));
    text += padded(tables.rank_name(one.rank)) + line;
  }
  return text;
}

std::string text_of(TimeTables& tables, const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += note + "\n";
  text += heads_of(tables);
  for (const TimeKind kind : all_kinds) {
    const std::vector<TimeRow>& rows = tables.rows(kind);
    if (rows.empty()) continue;
    text += "\n";
    switch (kind) {
      case TimeKind::cpu: text += cpu_table(rows); break;
      case TimeKind::device:
        text += time_table("Device", rows);
        if (!tables.devices().empty()) text += "\n" + devices_text(tables);
        break;
      case TimeKind::annotations:
        text += "Annotations of devices, whose kernels are in the table above:\n" +
                time_table("Annotation", rows);
        break;
      case TimeKind::other:
        text +=
            "Spans that belong to no thread, and the profiler's own:\n" + time_table("Other", rows);
        break;
    }
  }
  return text;
}

std::string json_of(const TimeTables& tables, const std::vector<std::string>& notes) {
  ordered_json all;
  all["notes"] = notes;
  all["files"] = ordered_json::array();
  for (const TimeTables::File& file : tables.files()) {
    ordered_json one{{"file", file.path.string()}, {"program", file.origin.program}};
    if (file.origin.rank) one["rank"] = *file.origin.rank;
    if (!file.origin.stage.empty()) one["stage"] = file.origin.stage;
    if (!file.origin.session.empty()) one["session"] = file.origin.session;
    one["merged"] = file.origin.merged;
    one["slices"] = file.slices;
    one["other_events"] = file.others;
    one["odd"] = file.odd;
    ordered_json own = ordered_json::parse(file.own_json, nullptr, false);
    if (own.is_object()) one["limelight"] = std::move(own);
    ordered_json peak = ordered_json::parse(file.peak_json, nullptr, false);
    if (peak.is_object()) one["peak"] = std::move(peak);
    all["files"].push_back(std::move(one));
  }
  for (const TimeKind kind : all_kinds) {
    ordered_json& rows = all[time_kind_names[static_cast<std::size_t>(kind)]];
    rows = ordered_json::array();
    for (const TimeRow& row : tables.rows(kind)) {
      ordered_json one{{"name", row.name}};
      if (!row.stage.empty()) one["stage"] = row.stage;
      if (!row.shape.empty()) one["input_dims"] = row.shape;
      one.update({{"calls", row.calls},
                  {"self_ns", row.self_ns},
                  {"total_ns", row.total_ns},
                  {"waiting_ns", row.waiting_ns},
                  {"waiting_within_ns", row.waiting_within_ns},
                  {"bytes", row.bytes}});
      if (row.flops > 0) {
        one.update({{"flops", row.flops},
                    {"bytes_moved", row.bytes_moved},
                    {"product_ns", row.product_ns}});
        if (row.of_peak_ns > 0)
          one["share_of_peak"] = row.peak_ns / static_cast<double>(row.of_peak_ns);
      }
      rows.push_back(std::move(one));
    }
  }
  all["devices"] = ordered_json::array();
  for (const DeviceShares& one : tables.devices())
    all["devices"].push_back({{"rank", one.rank},
                              {"span_ns", one.span_ns},
                              {"busy_ns", one.busy_ns},
                              {"idle_ns", one.idle_ns()},
                              {"computation_ns", one.work_ns[0]},
                              {"communication_ns", one.work_ns[1]},
                              {"memory_ns", one.work_ns[2]},
                              {"overlap_ns", one.overlap_ns}});
  return all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string csv_of(const TimeTables& tables) {
  std::string text = csv_head();
  for (const TimeKind kind : all_kinds)
    text += csv_rows(time_kind_names[static_cast<std::size_t>(kind)], tables.rows(kind));
  return text;
}

// What a difference compares: a name's time of its own, work or waiting.
struct Mean {
  std::uint64_t calls = 0;
  std::int64_t ns = 0;
  double us() const {
    return calls == 0 ? 0 : static_cast<double>(ns) / static_cast<double>(calls) / 1000;
  }
};
std::map<std::string, Mean> means_of(const TimeTables& tables) {
  std::map<std::string, Mean> means;
  for (const TimeKind kind : all_kinds)
    for (const TimeRow& row : tables.rows(kind)) {
      Mean& mean = means[row.name];
      mean.calls += row.calls;
      mean.ns += row.self_ns + row.waiting_ns;
    }
  return means;
}

}  // namespace

Result<std::string> summary_table(const TraceFiles& files,
                                  const SummaryOptions& options,
                                  Notes* notes) {
  TimeTables tables({.by_stage = options.by_stage, .by_shape = options.by_shape});
  std::vector<std::string> said;
  LIMELIGHT_TRY(read(files, options.session, tables, said));
  if (tables.slices() == 0) return no_slices(heads_of(tables));
  if (notes != nullptr) {
    *notes = said;
    for (const TimeTables::File& file : tables.files())
      if (!file.odd.empty()) notes->push_back(file.path.string() + ": " + file.odd);
  }
  switch (options.format) {
    case TableFormat::json: return json_of(tables, said);
    case TableFormat::csv: return csv_of(tables);
    case TableFormat::text: break;
  }
  return text_of(tables, said);
}

Result<std::string> diff_table(const TraceFiles& before,
                               const TraceFiles& after,
                               Notes* notes,
                               const DiffOptions& options) {
  TimeTables old_tables, new_tables;
  std::vector<std::string> said;
  LIMELIGHT_TRY(read(before, options.before_session, old_tables, said));
  LIMELIGHT_TRY(read(after, options.after_session, new_tables, said));
  std::map<std::string, Mean> old_means = means_of(old_tables), new_means = means_of(new_tables);
  std::set<std::string> names;
  for (const auto* means : {&old_means, &new_means})
    for (const auto& [name, mean] : *means) names.insert(name);
  if (names.empty()) return no_slices(heads_of(old_tables) + heads_of(new_tables));
  for (const TimeTables* tables : {&old_tables, &new_tables})
    for (const TimeTables::File& file : tables->files())
      if (!file.odd.empty()) said.push_back(file.path.string() + ": " + file.odd);
  if (notes != nullptr) *notes = said;
  std::vector<std::string> order(names.begin(), names.end());
  const auto change = [&](const std::string& name) {
    return std::abs(static_cast<double>(new_means[name].ns) -
                    static_cast<double>(old_means[name].ns));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return change(a) > change(b); });
  char line[256];
  std::snprintf(line, sizeof line, "%-32s %10s %10s %14s %14s %8s %16s\n", "Name", "Calls A",
                "Calls B", "Self avg A us", "Self avg B us", "B / A", "Self total B-A ms");
  std::string text = line;
  for (const std::string& name : order) {
    const Mean &a = old_means[name], &b = new_means[name];
    char ratio[48] = "-";
    if (a.us() > 0 && b.calls > 0) std::snprintf(ratio, sizeof ratio, "%.3f", b.us() / a.us());
    std::snprintf(line, sizeof line, " %10lu %10lu %14.3f %14.3f %8s %16.3f\n", a.calls, b.calls,
                  a.us(), b.us(), ratio,
                  (static_cast<double>(b.ns) - static_cast<double>(a.ns)) / 1e6);
    std::string shown;
    for (const char c : name) shown += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    (text += shown).append(shown.size() < 32 ? 32 - shown.size() : 0, ' ') += line;
  }
  return text;
}

}  // namespace limelight::profiling

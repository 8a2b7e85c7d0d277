#include "profiling/trace/memory_words.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

namespace {
constexpr std::pair<const char*, std::uint64_t MemoryUse::*> numbers[] = {
    {"peak_bytes", &MemoryUse::peak_bytes},
    {"device_bytes", &MemoryUse::device_bytes},
    {"peak_resident_bytes", &MemoryUse::peak_resident_bytes},
    {"kv_blocks", &MemoryUse::kv_blocks},
    {"peak_kv_blocks", &MemoryUse::peak_kv_blocks},
    {"pool_chunks", &MemoryUse::pool_chunks},
    {"peak_pool_chunks", &MemoryUse::peak_pool_chunks}};

std::string mebibytes(std::uint64_t bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1u << 20));
  return text;
}
}  // namespace

std::string memory_json(const MemoryUse& use) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  for (const auto& [key, member] : numbers) json.member(key, use.*member);
  json.key("holders").begin_object();
  for (const MemoryHolding& holding : use.holders) json.member(holding.name, holding.bytes);
  json.end_object();
  if (!use.failed.empty()) json.member("failed", use.failed);
  json.end_object();
  return text;
}

MemoryUse read_memory(std::string_view text) {
  MemoryUse use;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return use;
  for (const auto& [key, member] : numbers)
    if (const auto at = json.find(key); at != json.end() && at->is_number_unsigned())
      use.*member = at->get<std::uint64_t>();
  if (const auto at = json.find("holders"); at != json.end() && at->is_object())
    for (const auto& [name, bytes] : at->items())
      if (bytes.is_number_unsigned())
        use.holders.push_back({.name = name, .bytes = bytes.get<std::uint64_t>()});
  std::stable_sort(use.holders.begin(), use.holders.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  if (const auto at = json.find("failed"); at != json.end() && at->is_string())
    use.failed = at->get<std::string>();
  use.recorded = true;
  return use;
}

std::string memory_sentence(const MemoryUse& use) {
  if (!use.recorded) return "";
  std::string text = "peak ";
  text += mebibytes(use.peak_bytes);
  const char* before = ": ";
  for (const MemoryHolding& holding : use.holders) {
    text.append(before).append(holding.name).append(" ").append(mebibytes(holding.bytes));
    before = ", ";
  }
  text.append("; resident at most ").append(mebibytes(use.peak_resident_bytes));
  const auto most_of = [&text](const char* what, std::uint64_t most, std::uint64_t all) {
    if (all == 0) return;
    text.append("; ").append(what).append(" at most ").append(std::to_string(most));
    text.append(" of ").append(std::to_string(all));
  };
  most_of("KV blocks", use.peak_kv_blocks, use.kv_blocks);
  most_of("chunks of the pools", use.peak_pool_chunks, use.pool_chunks);
  if (!use.failed.empty()) text.append("; ").append(use.failed);
  return text;
}

}  // namespace limelight::profiling

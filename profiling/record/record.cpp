#include "profiling/record/record.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <tuple>

namespace limelight::profiling {

namespace {
struct Names {
  std::mutex mutex;
  std::deque<NameInfo> infos{
      NameInfo{.name = "(unnamed)"}};  // a deque, so that references stay valid
  std::map<std::tuple<std::string, Category, ValueKind, bool, Activity, std::uint32_t>, NameId> ids;
};
Names& names() {
  static Names* instance =
      new Names;  // never freed: threads may still record while the process ends
  return *instance;
}
constexpr std::size_t most_names = (1u << 24) - 1;
}  // namespace

const char* to_string(Category category) noexcept {
  return category == Category::cpu_op ? "cpu_op" : "user_annotation";
}

namespace {
NameId intern_info(const NameInfo& info) {
  Names& table = names();
  const std::lock_guard lock(table.mutex);
  if (table.infos.size() >= most_names) return 0;
  const auto [at, added] =
      table.ids.try_emplace({info.name, info.category, info.value_kind, info.correlated,
                             info.activity, info.weight_centibits},
                            static_cast<NameId>(table.infos.size()));
  if (added) table.infos.push_back(info);
  return at->second;
}
}  // namespace

NameId intern(std::string_view name,
              Category category,
              ValueKind value_kind,
              bool correlated,
              Activity activity) {
  return intern_info({.name = std::string(name),
                      .category = category,
                      .value_kind = value_kind,
                      .correlated = correlated,
                      .activity = activity});
}

NameId intern_product(std::string_view name, std::uint32_t weight_centibits, bool correlated) {
  return intern_info({.name = std::string(name),
                      .value_kind = ValueKind::matmul,
                      .correlated = correlated,
                      .weight_centibits = weight_centibits});
}

const NameInfo& name_info(NameId id) noexcept {
  Names& table = names();
  const std::lock_guard lock(table.mutex);
  return table.infos[id < table.infos.size() ? id : 0];
}

NameId name_count() noexcept {
  Names& table = names();
  const std::lock_guard lock(table.mutex);
  return static_cast<NameId>(table.infos.size());
}

}  // namespace limelight::profiling

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
  std::map<std::tuple<std::string, Category, ValueKind, bool, Activity>, NameId> ids;
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

NameId intern(std::string_view name,
              Category category,
              ValueKind value_kind,
              bool correlated,
              Activity activity) {
  Names& table = names();
  const std::lock_guard lock(table.mutex);
  if (table.infos.size() >= most_names) return 0;
  const auto [at, added] =
      table.ids.try_emplace({std::string(name), category, value_kind, correlated, activity},
                            static_cast<NameId>(table.infos.size()));
  if (added) table.infos.push_back({std::string(name), category, value_kind, correlated, activity});
  return at->second;
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

#include "cli/stage_list.hpp"

#include <algorithm>
#include <string_view>

#include "base/whole_number.hpp"

namespace limelight::cli {

namespace {
Result<std::vector<int>> read_list(const std::string& flag,
                                   const std::string& list,
                                   const char* expected) {
  std::vector<int> ids;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    const auto id = whole_number<int>(std::string_view(list).substr(at, end - at), 0);
    if (!id)
      return Error{ErrorCode::invalid_argument,
                   flag + ": found '" + list + "', expected " + expected};
    ids.push_back(*id);
    at = end + 1;
  }
  return ids;
}
}  // namespace

Result<std::vector<int>> read_stages(const std::string& list) {
  if (list == "all") return std::vector<int>();
  return read_list("--profile", list, "'all' or stage ids such as 0,2");
}

Result<std::vector<int>> read_ranks(const std::string& list) {
  return read_list("--profile-ranks", list, "numbers of ranks such as 0,2");
}

}  // namespace limelight::cli

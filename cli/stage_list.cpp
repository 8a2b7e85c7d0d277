#include "cli/stage_list.hpp"

#include <charconv>
#include <sstream>

namespace limelight::cli {

Result<std::vector<int>> read_stages(const std::string& list) {
  const auto wrong = [&] {
    return Error{ErrorCode::invalid_argument,
                 "--profile: found '" + list + "', expected 'all' or stage ids such as 0,2"};
  };
  std::vector<int> stages;
  if (list == "all") return stages;
  if (list.ends_with(',')) return wrong();
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) {
    int stage = 0;
    const char* end = word.data() + word.size();
    const auto [at, failed] = std::from_chars(word.data(), end, stage);
    if (failed != std::errc() || at != end || stage < 0) return wrong();
    stages.push_back(stage);
  }
  return stages;
}

}  // namespace limelight::cli

// What belongs to a message of the log beside its text, such as the id of a request: for a sink
// that writes records. Any thread may use it; the fields are of what this thread logs.
//
//   const LogFields fields({{"request_id", id}});
//   log(LogLevel::error, "...");
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace limelight {

class LogFields {
 public:
  using Value = std::variant<std::string, std::int64_t, double>;
  using List = std::vector<std::pair<std::string, Value>>;
  explicit LogFields(List fields);
  ~LogFields();
  LogFields(const LogFields&) = delete;
  // Of the innermost object of this thread; none without one.
  static const List& current();

 private:
  List fields_;
  const LogFields* outer_;
};

}  // namespace limelight

#include "base/log_fields.hpp"

namespace limelight {

namespace {
thread_local const LogFields* innermost = nullptr;
}  // namespace

LogFields::LogFields(List fields) : fields_(std::move(fields)), outer_(innermost) {
  innermost = this;
}
LogFields::~LogFields() { innermost = outer_; }
const LogFields::List& LogFields::current() {
  static const List none;
  return innermost == nullptr ? none : innermost->fields_;
}

}  // namespace limelight

#include "profiling/record/request_names.hpp"

#include <algorithm>

namespace limelight::profiling::detail {

void RequestNames::name(std::uint32_t request, std::string_view id) {
  const std::lock_guard lock(mutex_);
  open_.insert_or_assign(request, std::string(id));
  if (open_.size() > most_open) forget(open_.begin());
}

void RequestNames::forget(std::uint32_t request) {
  const std::lock_guard lock(mutex_);
  if (const auto at = open_.find(request); at != open_.end()) forget(at);
}

void RequestNames::forget(std::map<std::uint32_t, std::string>::iterator at) {
  forgotten_[at->first % most_forgotten] = {true, at->first, std::move(at->second)};
  open_.erase(at);
}

std::string RequestNames::find(std::uint32_t request) const {
  const std::lock_guard lock(mutex_);
  if (const auto at = open_.find(request); at != open_.end()) return at->second;
  const Forgotten& slot = forgotten_[request % most_forgotten];
  return slot.used && slot.request == request ? slot.id : std::to_string(request);
}

void RequestNames::for_each_open(
    const std::function<void(std::uint32_t, std::string_view)>& f) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [request, id] : open_) f(request, id);
}

std::size_t RequestNames::size() const {
  const std::lock_guard lock(mutex_);
  return open_.size() +
         static_cast<std::size_t>(std::count_if(forgotten_.begin(), forgotten_.end(),
                                                [](const Forgotten& slot) { return slot.used; }));
}

}  // namespace limelight::profiling::detail

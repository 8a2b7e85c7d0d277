#include "profiling/analysis/slice_kind.hpp"

#include "profiling/analysis/time_tables.hpp"
#include "profiling/analysis/waiting.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

SliceKind slice_kind(const EventLine& event, std::string_view name, bool of_device) {
  if (event.category == "gpu_user_annotation") return SliceKind::annotation;
  if (event.name.starts_with(event_names::step_prefix)) return SliceKind::step;
  const bool device = is_device_category(event.category);
  if (event.name.starts_with(event_names::collective_prefix) ||
      (event.name.starts_with("nccl") && device))
    return SliceKind::collective;
  if (event.name == event_names::ipc_loan || event.name == event_names::ipc_publish ||
      event.name == event_names::ipc_take)
    return SliceKind::transfer;
  if (is_waiting(event.category, name)) return SliceKind::wait;
  if (device || of_device) return SliceKind::gpu;
  if (event.category == "Trace" || event.category == "overhead" || event.name == event_names::turn)
    return SliceKind::annotation;
  return SliceKind::operation;
}

}  // namespace limelight::profiling

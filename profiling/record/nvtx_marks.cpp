#include "profiling/record/nvtx_marks.hpp"

#include <nvtx3/nvToolsExt.h>

#include <limelight/span.hpp>
#include <map>
#include <mutex>

#include "profiling/record/record.hpp"
#include "profiling/record/registry.hpp"

namespace limelight::profiling {

namespace {

std::atomic<nvtxDomainHandle_t> marked_domain{nullptr};
// A range that is popped must be of the domain in which it was pushed.
constinit thread_local nvtxDomainHandle_t thread_domain = nullptr;

// Domains are never destroyed: ranges of threads may be open in them.
nvtxDomainHandle_t domain_of(const std::string& name) {
  static std::mutex mutex;
  static auto* domains = new std::map<std::string, nvtxDomainHandle_t>;
  const std::lock_guard lock(mutex);
  nvtxDomainHandle_t& domain = (*domains)[name];
  if (domain == nullptr) domain = nvtxDomainCreateA(name.c_str());
  return domain;
}

void push_text(const char* text) {
  nvtxEventAttributes_t attributes{};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = text;
  thread_domain = marked_domain.load(std::memory_order_relaxed);
  nvtxDomainRangePushEx(thread_domain, &attributes);
}

}  // namespace

Result<void> start_nvtx(const std::string& domain) {
  marked_domain.store(domain_of(domain), std::memory_order_relaxed);
  detail::marking.store(true, std::memory_order_relaxed);
  return {};
}

void stop_nvtx() noexcept { detail::marking.store(false, std::memory_order_relaxed); }

void detail::push_mark(NameId name, std::uint64_t value) noexcept {
  const NameInfo& info = name_info(name);
  if (info.value_kind != ValueKind::step) return push_text(info.name.c_str());
  try {
    std::string text = info.name;
    text.append(" #").append(std::to_string(value));
    if (const std::uint32_t request = thread_state.request; request != 0)
      text.append(", request ").append(request_names().find(request));
    push_text(text.c_str());
  } catch (...) {  // no memory for the text
    push_text(info.name.c_str());
  }
}

void detail::pop_mark() noexcept { nvtxDomainRangePop(thread_domain); }

}  // namespace limelight::profiling

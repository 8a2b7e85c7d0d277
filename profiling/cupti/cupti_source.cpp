#include "profiling/cupti/cupti_source.hpp"

#include <cupti.h>
#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "base/shared_library.hpp"
#include "profiling/record/correlated_span.hpp"

namespace limelight::profiling {

namespace {

using Kind = DeviceActivity::Kind;

constexpr CUpti_ActivityKind recorded_kinds[] = {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                                                 CUPTI_ACTIVITY_KIND_MEMCPY,
                                                 CUPTI_ACTIVITY_KIND_MEMSET,
                                                 CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION,
                                                 CUPTI_ACTIVITY_KIND_RUNTIME,
                                                 CUPTI_ACTIVITY_KIND_DRIVER,
                                                 CUPTI_ACTIVITY_KIND_SYNCHRONIZATION,
                                                 CUPTI_ACTIVITY_KIND_OVERHEAD,
                                                 CUPTI_ACTIVITY_KIND_CUDA_EVENT};
// Calls that only ask for something: many, and of no interest.
constexpr CUpti_CallbackId trivial_runtime_calls[] = {
    CUPTI_RUNTIME_TRACE_CBID_cudaGetLastError_v3020,
    CUPTI_RUNTIME_TRACE_CBID_cudaPeekAtLastError_v3020,
    CUPTI_RUNTIME_TRACE_CBID_cudaSetDevice_v3020, CUPTI_RUNTIME_TRACE_CBID_cudaGetDevice_v3020};
constexpr std::size_t most_remembered = 1 << 16;  // external ids whose launches did not show up yet

std::string what_to_do(CUptiResult status) {
  switch (status) {
    case CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
      return ": another profiler (such as nsys or compute-sanitizer) has this process already: end "
             "it, or go without it";
    case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
      return ": this user may not profile: the administrator allows it with the driver option "
             "NVreg_RestrictProfilingToAdminUsers=0";
    case CUPTI_ERROR_NOT_INITIALIZED:
    case CUPTI_ERROR_UNKNOWN: return ": there is no CUDA driver that works here";
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
      return ": this virtual GPU does not allow it";
    case CUPTI_ERROR_NOT_COMPATIBLE: return ": the driver is older than this CUPTI needs";
    default: return "";
  }
}

// The functions of libcupti that are used here.
struct Cupti {
  decltype(&cuptiActivityRegisterCallbacks) register_callbacks;
  decltype(&cuptiActivityEnable) enable;
  decltype(&cuptiActivityDisable) disable;
  decltype(&cuptiActivityFlushAll) flush_all;
  decltype(&cuptiActivityGetNextRecord) next_record;
  decltype(&cuptiActivityGetNumDroppedRecords) dropped_records;
  decltype(&cuptiActivityPushExternalCorrelationId) push_external;
  decltype(&cuptiActivityPopExternalCorrelationId) pop_external;
  decltype(&cuptiActivityEnableRuntimeApi) enable_runtime_call;
  decltype(&cuptiSetThreadIdType) set_thread_id_type;
  decltype(&cuptiGetCallbackName) callback_name;
  decltype(&cuptiGetResultString) result_string;

  // Returns what is missing, empty if nothing is.
  std::string load(const std::string& wanted) {
    void* library = nullptr;
    const auto loaded = limelight::load(
        wanted.empty() ? cupti_library() : SharedLibrary{.what = "CUPTI", .paths = {wanted}});
    if (!loaded) return loaded.error().message + " (install the CUDA toolkit's cupti package)";
    library = loaded->handle;
    std::string missing;
    const auto find = [&](auto& function, const char* name) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      if (function == nullptr) missing = std::string("this libcupti has no ") + name;
    };
    find(register_callbacks, "cuptiActivityRegisterCallbacks");
    find(enable, "cuptiActivityEnable");
    find(disable, "cuptiActivityDisable");
    find(flush_all, "cuptiActivityFlushAll");
    find(next_record, "cuptiActivityGetNextRecord");
    find(dropped_records, "cuptiActivityGetNumDroppedRecords");
    find(push_external, "cuptiActivityPushExternalCorrelationId");
    find(pop_external, "cuptiActivityPopExternalCorrelationId");
    find(enable_runtime_call, "cuptiActivityEnableRuntimeApi");
    find(set_thread_id_type, "cuptiSetThreadIdType");
    find(callback_name, "cuptiGetCallbackName");
    find(result_string, "cuptiGetResultString");
    return missing;
  }
};

const char* copy_kind(std::uint8_t kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD: return "HtoD";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH: return "DtoH";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD: return "DtoD";
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH: return "HtoH";
    case CUPTI_ACTIVITY_MEMCPY_KIND_PTOP: return "PtoP";
    default: return "Unknown";
  }
}
const char* memory_kind(unsigned kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMORY_KIND_PAGEABLE: return "Pageable";
    case CUPTI_ACTIVITY_MEMORY_KIND_PINNED: return "Pinned";
    case CUPTI_ACTIVITY_MEMORY_KIND_DEVICE: return "Device";
    case CUPTI_ACTIVITY_MEMORY_KIND_ARRAY: return "Array";
    case CUPTI_ACTIVITY_MEMORY_KIND_MANAGED: return "Managed";
    default: return "Unknown";
  }
}
const char* sync_name(unsigned type) {
  switch (type) {
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_EVENT_SYNCHRONIZE: return "Event Sync";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_WAIT_EVENT: return "Stream Wait Event";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_SYNCHRONIZE: return "Stream Sync";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_CONTEXT_SYNCHRONIZE: return "Context Sync";
    default: return "Unknown Sync";
  }
}
const char* overhead_name(unsigned kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_OVERHEAD_DRIVER_COMPILER: return "Driver Compiler";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH: return "Buffer Flush";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_INSTRUMENTATION: return "Instrumentation";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE: return "Resource";
    default: return "Unknown Overhead";
  }
}

// The last ones put in, by key.
template <class Value>
class Recent {
 public:
  void put(std::uint64_t key, Value value) {
    if (map_.insert_or_assign(key, std::move(value)).second) order_.push_back(key);
    if (order_.size() <= most_remembered) return;
    map_.erase(order_.front());
    order_.pop_front();
  }
  const Value* find(std::uint64_t key) const {
    const auto at = map_.find(key);
    return at == map_.end() ? nullptr : &at->second;
  }
  void clear() {
    map_.clear();
    order_.clear();
  }

 private:
  std::unordered_map<std::uint64_t, Value> map_;
  std::deque<std::uint64_t> order_;
};

class CuptiSource;
CuptiSource* the_source = nullptr;  // CUPTI's callbacks take no argument of ours

class CuptiSource final : public ActivitySource {
 public:
  CuptiSource(Cupti cupti, CuptiOptions options) : cupti_(cupti), options_(std::move(options)) {
    the_source = this;
  }
  ~CuptiSource() override {
    if (running_) stop();
    the_source = nullptr;
    // What CUPTI still holds it may still write to: that memory stays.
    const auto is_back = [this](const std::uint8_t* memory) {
      return std::find(free_.begin(), free_.end(), memory) != free_.end() ||
             std::any_of(full_.begin(), full_.end(),
                         [&](const Full& full) { return full.memory == memory; });
    };
    for (auto& buffer : pool_)
      if (!is_back(buffer.get())) (void)buffer.release();
  }

  void attach() override {
    if (attached_) return;
    // Before the first kind is enabled, so that no buffer is asked for earlier.
    attach_status_ = cupti_.register_callbacks(on_request, on_complete);
    if (attach_status_ != CUPTI_SUCCESS)
      return;  // tried again at the next start: whoever was in the way may be gone
    (void)cupti_.set_thread_id_type(CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM);
    attached_ = true;
  }

  Result<void> start() override {
    attach();
    if (attach_status_ != CUPTI_SUCCESS) return refuse("attach CUPTI", attach_status_);
    losses_ = {};
    externals_.clear();
    events_.clear();
    for (std::size_t i = 0; i < std::size(recorded_kinds); ++i)
      if (const CUptiResult status = cupti_.enable(recorded_kinds[i]); status != CUPTI_SUCCESS) {
        while (i > 0) (void)cupti_.disable(recorded_kinds[--i]);
        return refuse("record GPU activity", status);
      }
    for (const CUpti_CallbackId call : trivial_runtime_calls)
      (void)cupti_.enable_runtime_call(call, 0);
    running_ = true;
    detail::correlation_hooks.store(&hooks, std::memory_order_release);
    return {};
  }

  void stop() override {
    detail::correlation_hooks.store(nullptr, std::memory_order_release);
    if (options_.synchronise) options_.synchronise();
    for (const CUpti_ActivityKind kind : recorded_kinds) (void)cupti_.disable(kind);
    // Nothing runs any more, so a forced flush takes no record that is still open.
    (void)cupti_.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    running_ = false;
  }

  void poll(const std::function<void(const DeviceActivity&)>& sink) override {
    if (running_) (void)cupti_.flush_all(0);
    std::deque<Full> full;
    {
      const std::lock_guard lock(mutex_);
      full.swap(full_);
    }
    for (const Full& buffer : full) {
      decode(buffer, sink);
      std::size_t dropped = 0;
      if (cupti_.dropped_records(buffer.context, buffer.stream, &dropped) == CUPTI_SUCCESS)
        losses_.dropped += dropped;
      const std::lock_guard lock(mutex_);
      free_.push_back(buffer.memory);
    }
  }
  ActivityLosses losses() const override { return losses_; }

 private:
  struct Full {
    CUcontext context;
    std::uint32_t stream;
    std::uint8_t* memory;
    std::size_t bytes;
  };

  static const detail::CorrelationHooks hooks;

  Error refuse(const char* what, CUptiResult status) const {
    const char* text = nullptr;
    (void)cupti_.result_string(status, &text);
    return {ErrorCode::unavailable, std::string("cannot ") + what + ": CUPTI error " +
                                        std::to_string(static_cast<int>(status)) + " (" +
                                        (text != nullptr ? text : "?") + ")" + what_to_do(status)};
  }

  static void CUPTIAPI on_request(std::uint8_t** buffer,
                                  std::size_t* size,
                                  std::size_t* max_records) {
    *max_records = 0;
    *size = 0;
    *buffer = nullptr;
    CuptiSource* self = the_source;
    if (self == nullptr) return;
    const std::lock_guard lock(self->mutex_);
    if (!self->free_.empty()) {
      *buffer = self->free_.back();
      self->free_.pop_back();
    } else if (self->pool_.size() < self->options_.buffers) {
      self->pool_.emplace_back(
          static_cast<std::uint8_t*>(std::aligned_alloc(8, self->options_.buffer_bytes)));
      *buffer = self->pool_.back().get();
    } else return;  // CUPTI drops what comes, and counts
    *size = self->options_.buffer_bytes;
  }
  static void CUPTIAPI on_complete(CUcontext context,
                                   std::uint32_t stream,
                                   std::uint8_t* buffer,
                                   std::size_t,
                                   std::size_t valid) {
    CuptiSource* self = the_source;
    if (self == nullptr || buffer == nullptr) return;
    const std::lock_guard lock(self->mutex_);
    self->full_.push_back({context, stream, buffer, valid});
  }

  template <class F>
  void each_record(const Full& buffer, F&& visit) const {
    CUpti_Activity* record = nullptr;
    while (cupti_.next_record(buffer.memory, buffer.bytes, &record) == CUPTI_SUCCESS)
      visit(*record);
  }

  void decode(const Full& buffer, const std::function<void(const DeviceActivity&)>& sink) {
    each_record(buffer, [this](const CUpti_Activity& record) { remember(record); });
    each_record(buffer, [&](const CUpti_Activity& record) {
      DeviceActivity a;
      if (!translate(record, a)) return;
      if (const std::uint64_t* external = externals_.find(a.correlation)) a.external = *external;
      std::shared_ptr<const CollectiveInfo> collective;
      if (a.kind == Kind::kernel && a.external != 0) {
        const std::lock_guard lock(collectives_mutex_);
        if (const auto* info = collectives_.find(a.external)) collective = *info;
      }
      a.collective = collective.get();
      sink(a);
    });
  }

  // The first pass: what other records refer to, which may stand before or after them.
  void remember(const CUpti_Activity& record) {
    if (record.kind == CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION) {
      const auto& link = reinterpret_cast<const CUpti_ActivityExternalCorrelation&>(record);
      externals_.put(link.correlationId, link.externalId);
    } else if (record.kind == CUPTI_ACTIVITY_KIND_CUDA_EVENT) {
      const auto& e = reinterpret_cast<const CUpti_ActivityCudaEvent2&>(record);
      events_.put(e.cudaEventSyncId, {static_cast<std::int32_t>(e.streamId), e.correlationId});
      devices_[e.contextId] = e.deviceId;
    } else if (record.kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
      const auto& k = reinterpret_cast<const CUpti_ActivityKernel10&>(record);
      devices_[k.contextId] = k.deviceId;
    }
  }

  // False: nothing to write.
  bool translate(const CUpti_Activity& record, DeviceActivity& a) {
    const auto when = [&](std::uint64_t start, std::uint64_t end) {
      a.begin_ns = static_cast<std::int64_t>(start);
      a.end_ns = static_cast<std::int64_t>(end);
      if (start != 0 && end >= start) return true;
      ++losses_.zero_time;
      return false;
    };
    const auto where = [&](std::uint32_t device, std::uint32_t context, std::uint32_t stream) {
      a.device = device;
      a.context = context;
      a.stream =
          stream == CUPTI_SYNCHRONIZATION_INVALID_VALUE ? -1 : static_cast<std::int32_t>(stream);
    };
    // What copies and sets have in common.
    const auto moved = [&](const auto& m) {
      where(m.deviceId, m.contextId, m.streamId);
      a.correlation = m.correlationId;
      a.bytes = m.bytes;
      a.graph = m.graphId;
      a.graph_node = m.graphNodeId;
      return when(m.start, m.end);
    };
    switch (record.kind) {
      case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION:
      case CUPTI_ACTIVITY_KIND_CUDA_EVENT: return false;
      case CUPTI_ACTIVITY_KIND_KERNEL:
      case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
        const auto& k = reinterpret_cast<const CUpti_ActivityKernel10&>(record);
        a.kind = Kind::kernel;
        a.name = kernel_name(k.name);
        where(k.deviceId, k.contextId, k.streamId);
        a.correlation = k.correlationId;
        a.grid = {k.gridX, k.gridY, k.gridZ};
        a.block = {k.blockX, k.blockY, k.blockZ};
        a.registers = k.registersPerThread;
        a.shared_memory = static_cast<std::uint32_t>(k.staticSharedMemory + k.dynamicSharedMemory);
        a.graph = k.graphId;
        a.graph_node = k.graphNodeId;
        a.queued_ns = static_cast<std::int64_t>(k.queued);
        return when(k.start, k.end);
      }
      case CUPTI_ACTIVITY_KIND_MEMCPY: {
        const auto& m = reinterpret_cast<const CUpti_ActivityMemcpy6&>(record);
        a.kind = Kind::memcpy;
        a.name = composed(std::string("Memcpy ") + copy_kind(m.copyKind) + " (" +
                          memory_kind(m.srcKind) + " -> " + memory_kind(m.dstKind) + ")");
        return moved(m);
      }
      case CUPTI_ACTIVITY_KIND_MEMSET: {
        const auto& m = reinterpret_cast<const CUpti_ActivityMemset4&>(record);
        a.kind = Kind::memset;
        a.name = composed(std::string("Memset (") + memory_kind(m.memoryKind) + ")");
        return moved(m);
      }
      case CUPTI_ACTIVITY_KIND_RUNTIME:
      case CUPTI_ACTIVITY_KIND_DRIVER: {
        const auto& c = reinterpret_cast<const CUpti_ActivityAPI&>(record);
        a.kind = record.kind == CUPTI_ACTIVITY_KIND_RUNTIME ? Kind::runtime : Kind::driver;
        a.name = call_name(a.kind, c.cbid);
        a.thread = c.threadId;
        a.callback_id = c.cbid;
        a.correlation = c.correlationId;
        return when(c.start, c.end);
      }
      case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: {
        const auto& s = reinterpret_cast<const CUpti_ActivitySynchronization2&>(record);
        a.kind = Kind::sync;
        a.name = sync_name(s.type);
        const auto device = devices_.find(s.contextId);  // a synchronisation does not know its own
        where(device == devices_.end() ? 0 : device->second, s.contextId, s.streamId);
        a.correlation = s.correlationId;
        if (const Event* event = s.cudaEventId == CUPTI_SYNCHRONIZATION_INVALID_VALUE
                                     ? nullptr
                                     : events_.find(s.cudaEventSyncId)) {
          a.event_stream = event->stream;
          a.event_correlation = event->correlation;
        }
        return when(s.start, s.end);
      }
      case CUPTI_ACTIVITY_KIND_OVERHEAD: {
        const auto& o = reinterpret_cast<const CUpti_ActivityOverhead3&>(record);
        a.kind = Kind::overhead;
        a.name = overhead_name(o.overheadKind);
        a.thread = o.objectKind == CUPTI_ACTIVITY_OBJECT_THREAD ? o.objectId.pt.threadId : 0;
        return when(o.start, o.end);
      }
      default: ++losses_.unknown; return false;
    }
  }

  // Names are few and records are many: each is made once.
  std::string_view kernel_name(const char* mangled) {
    if (mangled == nullptr) return "unnamed kernel";
    const auto [at, fresh] = kernel_names_.try_emplace(mangled);
    if (fresh) {
      int status = 0;
      char* plain = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
      at->second = status == 0 ? plain : mangled;
      std::free(plain);
    }
    return at->second;
  }
  std::string_view call_name(Kind kind, CUpti_CallbackId id) {
    const auto [at, fresh] =
        call_names_.try_emplace(std::uint64_t{id} << 1 | (kind == Kind::driver ? 1u : 0u));
    if (fresh) {
      const char* name = nullptr;
      const CUptiResult status = cupti_.callback_name(
          kind == Kind::driver ? CUPTI_CB_DOMAIN_DRIVER_API : CUPTI_CB_DOMAIN_RUNTIME_API, id,
          &name);
      at->second = status == CUPTI_SUCCESS && name != nullptr ? name : "call " + std::to_string(id);
      // "cudaLaunchKernel_v7000": the version of the interface is noise.
      if (const auto version = at->second.rfind("_v");
          version != std::string::npos && version + 2 < at->second.size() &&
          at->second.find_first_not_of("0123456789", version + 2) == std::string::npos)
        at->second.resize(version);
    }
    return at->second;
  }
  std::string_view composed(std::string name) {
    return *composed_names_.try_emplace(name, std::make_unique<std::string>(name)).first->second;
  }

  Cupti cupti_;
  CuptiOptions options_;
  bool attached_ = false, running_ = false;
  CUptiResult attach_status_ = CUPTI_SUCCESS;
  ActivityLosses losses_;
  struct Event {
    std::int32_t stream;
    std::uint32_t correlation;
  };
  Recent<std::uint64_t> externals_;
  Recent<Event> events_;                                      // by their synchronisation's id
  std::unordered_map<std::uint32_t, std::uint32_t> devices_;  // by context
  std::unordered_map<const char*, std::string> kernel_names_;
  std::unordered_map<std::uint64_t, std::string> call_names_;
  std::unordered_map<std::string, std::unique_ptr<std::string>> composed_names_;

  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
  };
  std::mutex mutex_;  // taken inside CUPTI's callbacks: nothing of CUPTI is called with it held
  std::vector<std::unique_ptr<std::uint8_t, Free>> pool_;
  std::vector<std::uint8_t*> free_;
  std::deque<Full> full_;

  std::mutex collectives_mutex_;
  Recent<std::shared_ptr<const CollectiveInfo>> collectives_;
};

const detail::CorrelationHooks CuptiSource::hooks{
    [](std::uint64_t id) {
      (void)the_source->cupti_.push_external(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, id);
    },
    [] {
      std::uint64_t last = 0;
      if (the_source != nullptr)
        (void)the_source->cupti_.pop_external(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, &last);
    },
    [](std::uint64_t id, const CollectiveInfo& info) {
      const std::lock_guard lock(the_source->collectives_mutex_);
      the_source->collectives_.put(id, std::make_shared<const CollectiveInfo>(info));
    }};

}  // namespace

Result<std::unique_ptr<ActivitySource>> make_cupti_source(CuptiOptions options) {
  if (the_source != nullptr)
    return Error{ErrorCode::busy,
                 "GPU activity is recorded by another source of this process already"};
  Cupti cupti{};
  if (const std::string missing = cupti.load(options.library); !missing.empty())
    return Error{ErrorCode::unavailable, missing};
  return std::unique_ptr<ActivitySource>(std::make_unique<CuptiSource>(cupti, std::move(options)));
}

}  // namespace limelight::profiling

#include "profiling/cupti/cupti_source.hpp"

#include <cupti.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "profiling/cupti/cupti_library.hpp"
#include "profiling/cupti/cupti_names.hpp"
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
// Calls that only query a state. They are frequent, and of no interest in a trace.
constexpr CUpti_CallbackId trivial_runtime_calls[] = {
    CUPTI_RUNTIME_TRACE_CBID_cudaGetLastError_v3020,
    CUPTI_RUNTIME_TRACE_CBID_cudaPeekAtLastError_v3020,
    CUPTI_RUNTIME_TRACE_CBID_cudaSetDevice_v3020, CUPTI_RUNTIME_TRACE_CBID_cudaGetDevice_v3020};
constexpr std::size_t most_remembered = 1
                                        << 16;  // keys in each map of records that others refer to

// A map that keeps the values of the last `most_remembered` keys.
template <class Value>
class Recent {
 public:
  void put(std::uint64_t key, Value value) {
    if (map_.insert_or_assign(key, std::move(value)).second) order_.push_back(key);
    if (order_.size() <= most_remembered) return;
    map_.erase(order_.front());
    order_.pop_front();
  }
  // Null if the key is unknown or was forgotten.
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
CuptiSource* the_source = nullptr;  // global, because CUPTI passes no user data to its callbacks

class CuptiSource final : public ActivitySource {
 public:
  CuptiSource(const CuptiLibrary& cupti, CuptiOptions options)
      : cupti_(cupti), options_(std::move(options)) {
    the_source = this;
  }
  ~CuptiSource() override {
    if (running_) stop();
    the_source = nullptr;
    // CUPTI may still write to the buffers that it has not given back, so they are not freed.
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
    // Register the callbacks before a kind is enabled, because CUPTI may request a buffer then.
    attach_status_ = cupti_.register_callbacks(on_request, on_complete);
    // After an error the next start() tries again. Another profiler may have ended until then.
    if (attach_status_ != CUPTI_SUCCESS) return;
    (void)cupti_.set_thread_id_type(CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM);
    attached_ = true;
  }

  Result<void> start() override {
    attach();
    if (attach_status_ != CUPTI_SUCCESS) return cupti_.error("attach CUPTI", attach_status_);
    losses_ = {};
    externals_.clear();
    events_.clear();
    for (std::size_t i = 0; i < std::size(recorded_kinds); ++i)
      if (const CUptiResult status = cupti_.enable(recorded_kinds[i]); status != CUPTI_SUCCESS) {
        while (i > 0) (void)cupti_.disable(recorded_kinds[--i]);
        return cupti_.error("record GPU activity", status);
      }
    for (const CUpti_CallbackId call : trivial_runtime_calls)
      (void)cupti_.enable_runtime_call(call, 0);
    running_ = true;
    detail::correlation_hooks.store(&hooks, std::memory_order_release);
    return {};
  }

  void stop() override {
    detail::correlation_hooks.store(nullptr, std::memory_order_release);
    if (options_.synchronize) options_.synchronize();
    for (const CUpti_ActivityKind kind : recorded_kinds) (void)cupti_.disable(kind);
    // The device is idle, so all records are complete. A forced flush would also deliver incomplete
    // ones.
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
    } else return;  // all buffers are in use: CUPTI drops records and counts them
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

  // The first pass: stores the records that others refer to, because they may come after those.
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

  // The second pass: fills in `a`. Returns false if the record is not to be written.
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
    // The members that copies and sets have in common.
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
        a.name = names_.kernel(k.name);
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
        a.name = names_.memcpy(m.copyKind, m.srcKind, m.dstKind);
        return moved(m);
      }
      case CUPTI_ACTIVITY_KIND_MEMSET: {
        const auto& m = reinterpret_cast<const CUpti_ActivityMemset4&>(record);
        a.kind = Kind::memset;
        a.name = names_.memset(m.memoryKind);
        return moved(m);
      }
      case CUPTI_ACTIVITY_KIND_RUNTIME:
      case CUPTI_ACTIVITY_KIND_DRIVER: {
        const auto& c = reinterpret_cast<const CUpti_ActivityAPI&>(record);
        const bool runtime = record.kind == CUPTI_ACTIVITY_KIND_RUNTIME;
        a.kind = runtime ? Kind::runtime : Kind::driver;
        a.name =
            names_.call(runtime ? CUPTI_CB_DOMAIN_RUNTIME_API : CUPTI_CB_DOMAIN_DRIVER_API, c.cbid);
        a.thread = c.threadId;
        a.callback_id = c.cbid;
        a.correlation = c.correlationId;
        return when(c.start, c.end);
      }
      case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: {
        const auto& s = reinterpret_cast<const CUpti_ActivitySynchronization2&>(record);
        a.kind = Kind::sync;
        a.name = CuptiNames::synchronization(s.type);
        const auto device = devices_.find(s.contextId);  // the record does not state the device
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
        a.name = CuptiNames::overhead(o.overheadKind);
        a.thread = o.objectKind == CUPTI_ACTIVITY_OBJECT_THREAD ? o.objectId.pt.threadId : 0;
        return when(o.start, o.end);
      }
      default: ++losses_.unknown; return false;
    }
  }

  const CuptiLibrary cupti_;
  CuptiOptions options_;
  bool attached_ = false, running_ = false;
  CUptiResult attach_status_ = CUPTI_SUCCESS;
  ActivityLosses losses_;
  struct Event {
    std::int32_t stream;
    std::uint32_t correlation;
  };
  Recent<std::uint64_t> externals_;                           // by correlation id
  Recent<Event> events_;                                      // by cudaEventSyncId
  std::unordered_map<std::uint32_t, std::uint32_t> devices_;  // by context
  CuptiNames names_{cupti_};

  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
  };
  // Guards the buffers. CUPTI's callbacks lock it, so no function of CUPTI is called while it is
  // held.
  std::mutex mutex_;
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
                 "this process already has a source of GPU activity, expected at most one"};
  const auto cupti = CuptiLibrary::load(options.library);
  if (!cupti) return cupti.error();
  return std::unique_ptr<ActivitySource>(std::make_unique<CuptiSource>(*cupti, std::move(options)));
}

}  // namespace limelight::profiling

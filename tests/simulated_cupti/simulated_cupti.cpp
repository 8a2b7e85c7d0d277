#include "simulated_cupti.hpp"

#include <cupti.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

using simulated_cupti::Plan;

namespace {

const char* const kernels[] = {
    "_Z9gemm_bf16PKfS0_Pfiii",     "_Z8rms_normPKfPfi", "_Z4ropePfiiii",
    "_Z9attentionPKfS0_S0_Pfiiii", "_Z8silu_mulPfPKfl", "ncclDevKernel_AllReduce_Sum_f32_RING_LL"};

struct State {
  std::mutex mutex;
  Plan plan;
  std::set<int> enabled;
  CUpti_BuffersCallbackRequestFunc request = nullptr;
  CUpti_BuffersCallbackCompleteFunc complete = nullptr;
  std::uint8_t* buffer = nullptr;
  std::size_t size = 0, used = 0, dropped = 0;
  std::uint64_t launches = 0, begin_ns = 0;  // begin_ns is set by the first launch
  std::uint32_t correlation = 0;
} state;
thread_local std::vector<std::uint64_t> externals;

void hand_over() {
  if (state.buffer == nullptr) return;
  std::uint8_t* full = std::exchange(state.buffer, nullptr);
  state.complete(nullptr, 0, full, state.size, state.used);
}
template <class Record>
void put(const Record& record) {
  if (!state.enabled.contains(record.kind)) return;
  if (state.buffer != nullptr && state.used + sizeof record > state.size) hand_over();
  if (state.buffer == nullptr) {
    std::size_t most = 0;
    state.used = 0;
    state.request(&state.buffer, &state.size, &most);
    if (state.buffer == nullptr || state.size < sizeof record) {
      state.buffer = nullptr;
      ++state.dropped;
      return;
    }
  }
  std::memcpy(state.buffer + state.used, &record, sizeof record);
  state.used += sizeof record;
}
std::size_t size_of(CUpti_ActivityKind kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: return sizeof(CUpti_ActivityKernel10);
    case CUPTI_ACTIVITY_KIND_MEMCPY: return sizeof(CUpti_ActivityMemcpy6);
    case CUPTI_ACTIVITY_KIND_MEMSET: return sizeof(CUpti_ActivityMemset4);
    case CUPTI_ACTIVITY_KIND_RUNTIME:
    case CUPTI_ACTIVITY_KIND_DRIVER: return sizeof(CUpti_ActivityAPI);
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION: return sizeof(CUpti_ActivityExternalCorrelation);
    case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: return sizeof(CUpti_ActivitySynchronization2);
    case CUPTI_ACTIVITY_KIND_CUDA_EVENT: return sizeof(CUpti_ActivityCudaEvent2);
    case CUPTI_ACTIVITY_KIND_OVERHEAD: return sizeof(CUpti_ActivityOverhead3);
    case CUPTI_ACTIVITY_KIND_MARKER: return sizeof(CUpti_ActivityMarker2);
    default: return 0;
  }
}
bool every(std::uint64_t i, std::uint32_t n) { return n != 0 && i % n == n - 1; }

void extras(std::uint64_t t, std::uint64_t i) {
  CUpti_ActivityAPI call{};
  call.kind = CUPTI_ACTIVITY_KIND_DRIVER;
  call.cbid = CUPTI_DRIVER_TRACE_CBID_cuGraphLaunch;
  call.start = t;
  call.end = t + 1'000;
  call.threadId = static_cast<std::uint32_t>(syscall(SYS_gettid));
  call.correlationId = ++state.correlation;
  put(call);
  CUpti_ActivityKernel10 node{};
  node.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
  node.name = kernels[0];
  node.start = t + 2'000;
  node.end = t + 3'000;
  node.deviceId = 1;
  node.contextId = 2;
  node.streamId = 20;
  node.correlationId = call.correlationId;
  node.graphId = 3;
  node.graphNodeId = (std::uint64_t{3} << 32) + i;
  node.gridX = node.gridY = node.gridZ = node.blockX = node.blockY = node.blockZ = 1;
  put(node);
  CUpti_ActivitySynchronization2 wait{};
  wait.kind = CUPTI_ACTIVITY_KIND_SYNCHRONIZATION;
  wait.type = CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_WAIT_EVENT;
  wait.start = t + 3'100;
  wait.end = t + 3'200;
  wait.correlationId = ++state.correlation;
  wait.contextId = 2;
  wait.streamId = 21;
  wait.cudaEventId = 9;
  wait.cudaEventSyncId = i + 1;
  put(wait);  // before its event: the order of buffers is not defined
  CUpti_ActivityCudaEvent2 event{};
  event.kind = CUPTI_ACTIVITY_KIND_CUDA_EVENT;
  event.correlationId = call.correlationId;
  event.contextId = 2;
  event.streamId = 20;
  event.eventId = 9;
  event.deviceId = 1;
  event.cudaEventSyncId = i + 1;
  put(event);
  wait.type = CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_CONTEXT_SYNCHRONIZE;
  wait.start = t + 3'300;
  wait.end = t + 3'400;
  wait.streamId = CUPTI_SYNCHRONIZATION_INVALID_VALUE;
  wait.cudaEventId = CUPTI_SYNCHRONIZATION_INVALID_VALUE;
  put(wait);
  CUpti_ActivityOverhead3 overhead{};
  overhead.kind = CUPTI_ACTIVITY_KIND_OVERHEAD;
  overhead.overheadKind = CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH;
  overhead.objectKind = CUPTI_ACTIVITY_OBJECT_THREAD;
  overhead.objectId.pt.threadId = call.threadId;
  overhead.start = t + 3'500;
  overhead.end = t + 3'600;
  put(overhead);
}

void launch_one(std::uint64_t i) {
  const Plan& plan = state.plan;
  const std::uint32_t id = ++state.correlation;
  const std::uint64_t t = state.begin_ns + i * plan.step_ns;

  CUpti_ActivityAPI call{};
  call.kind = CUPTI_ACTIVITY_KIND_RUNTIME;
  call.start = t;
  call.end = t + 3'000;
  call.processId = static_cast<std::uint32_t>(getpid());
  call.threadId = static_cast<std::uint32_t>(syscall(SYS_gettid));
  call.correlationId = id;
  const bool copy = i % 10 == 9, set = i % 50 == 24;
  call.cbid = copy  ? CUPTI_RUNTIME_TRACE_CBID_cudaMemcpyAsync_v3020
              : set ? CUPTI_RUNTIME_TRACE_CBID_cudaMemsetAsync_v3020
                    : CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernel_v7000;

  const auto host = [&] {
    if (!externals.empty()) {
      CUpti_ActivityExternalCorrelation link{};
      link.kind = CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION;
      link.externalKind = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;
      link.externalId = externals.back();
      link.correlationId = id;
      put(link);
    }
    if (!every(i, plan.orphan_every)) put(call);
  };
  const auto device = [&] {
    const std::uint32_t stream = 7 + static_cast<std::uint32_t>(i % plan.streams);
    const std::uint64_t start = t + 4'000, end = start + plan.step_ns * 4 / 5;
    if (copy) {
      CUpti_ActivityMemcpy6 m{};
      m.kind = CUPTI_ACTIVITY_KIND_MEMCPY;
      m.copyKind = CUPTI_ACTIVITY_MEMCPY_KIND_HTOD;
      m.srcKind = CUPTI_ACTIVITY_MEMORY_KIND_PINNED;
      m.dstKind = CUPTI_ACTIVITY_MEMORY_KIND_DEVICE;
      m.bytes = 65'536;
      m.start = start;
      m.end = end;
      m.contextId = 1;
      m.streamId = stream;
      m.correlationId = id;
      return put(m);
    }
    if (set) {
      CUpti_ActivityMemset4 m{};
      m.kind = CUPTI_ACTIVITY_KIND_MEMSET;
      m.bytes = 4'096;
      m.memoryKind = CUPTI_ACTIVITY_MEMORY_KIND_DEVICE;
      m.start = start;
      m.end = end;
      m.contextId = 1;
      m.streamId = stream;
      m.correlationId = id;
      return put(m);
    }
    CUpti_ActivityKernel10 k{};
    k.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
    k.name = kernels[i % std::size(kernels)];
    k.start = every(i, plan.zero_every) ? 0 : start;
    k.end = every(i, plan.zero_every) || every(i, plan.running_every) ? 0 : end;
    k.contextId = 1;
    k.streamId = stream;
    k.correlationId = id;
    k.gridX = 128;
    k.gridY = k.gridZ = 1;
    k.blockX = 256;
    k.blockY = k.blockZ = 1;
    k.registersPerThread = 64;
    k.dynamicSharedMemory = 16'384;
    put(k);
  };
  if (plan.work_before_launch) {
    device();
    host();
  } else {
    host();
    device();
  }
  if (every(i, plan.extras_every)) extras(t + plan.step_ns / 2, i);
  if (every(i, plan.unknown_every)) {
    CUpti_ActivityMarker2 marker{};
    marker.kind = CUPTI_ACTIVITY_KIND_MARKER;
    state.enabled.insert(marker.kind);
    put(marker);
    state.enabled.erase(marker.kind);
  }
}

}  // namespace

extern "C" {

void simulated_cupti_set_plan(const Plan* plan) {
  const std::lock_guard lock(state.mutex);
  state.plan = *plan;
  state.launches = 0;
}
void simulated_cupti_launch(std::uint64_t count) {
  const std::lock_guard lock(state.mutex);
  if (state.launches == 0) {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    state.begin_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
                     static_cast<std::uint64_t>(now.tv_nsec) + 1'000'000;
  }
  for (std::uint64_t i = 0; i < count; ++i) launch_one(state.launches++);
}
int simulated_cupti_enabled() {
  const std::lock_guard lock(state.mutex);
  return static_cast<int>(state.enabled.size());
}

CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                           CUpti_BuffersCallbackCompleteFunc complete) {
  const std::lock_guard lock(state.mutex);
  if (state.plan.register_error != 0) return static_cast<CUptiResult>(state.plan.register_error);
  state.request = request;
  state.complete = complete;
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityEnable(CUpti_ActivityKind kind) {
  const std::lock_guard lock(state.mutex);
  if (state.plan.enable_error != 0) return static_cast<CUptiResult>(state.plan.enable_error);
  state.enabled.insert(kind);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityDisable(CUpti_ActivityKind kind) {
  const std::lock_guard lock(state.mutex);
  state.enabled.erase(kind);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityFlushAll(std::uint32_t flag) {
  const std::lock_guard lock(state.mutex);
  if (state.used > 0 && (flag != 0 || state.used > state.size / 4)) hand_over();
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityGetNextRecord(std::uint8_t* buffer,
                                       std::size_t valid,
                                       CUpti_Activity** record) {
  std::uint8_t* next = buffer;
  if (*record != nullptr)
    next = reinterpret_cast<std::uint8_t*>(*record) + size_of((*record)->kind);
  if (next >= buffer + valid) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity*>(next);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityGetNumDroppedRecords(CUcontext, std::uint32_t, std::size_t* dropped) {
  const std::lock_guard lock(state.mutex);
  *dropped = std::exchange(state.dropped, 0);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityPushExternalCorrelationId(CUpti_ExternalCorrelationKind,
                                                   std::uint64_t id) {
  externals.push_back(id);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityPopExternalCorrelationId(CUpti_ExternalCorrelationKind,
                                                  std::uint64_t* last) {
  if (externals.empty()) return CUPTI_ERROR_QUEUE_EMPTY;
  *last = externals.back();
  externals.pop_back();
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityEnableRuntimeApi(CUpti_CallbackId, std::uint8_t) { return CUPTI_SUCCESS; }
CUptiResult cuptiSetThreadIdType(CUpti_ActivityThreadIdType) { return CUPTI_SUCCESS; }
CUptiResult cuptiGetCallbackName(CUpti_CallbackDomain domain, std::uint32_t id, const char** name) {
  if (domain == CUPTI_CB_DOMAIN_DRIVER_API) {
    *name = "cuGraphLaunch";
    return CUPTI_SUCCESS;
  }
  switch (id) {
    case CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernel_v7000:
      *name = "cudaLaunchKernel_v7000";
      return CUPTI_SUCCESS;
    case CUPTI_RUNTIME_TRACE_CBID_cudaMemcpyAsync_v3020:
      *name = "cudaMemcpyAsync_v3020";
      return CUPTI_SUCCESS;
    case CUPTI_RUNTIME_TRACE_CBID_cudaMemsetAsync_v3020:
      *name = "cudaMemsetAsync_v3020";
      return CUPTI_SUCCESS;
    default: return CUPTI_ERROR_INVALID_PARAMETER;
  }
}
CUptiResult cuptiGetResultString(CUptiResult, const char** text) {
  *text = "simulated";
  return CUPTI_SUCCESS;
}

}  // extern "C"

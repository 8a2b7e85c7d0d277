// NCCL is loaded when the first group is made, so one binary serves machines with and without it.
#include "ipc/nccl_group.hpp"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <nccl.h>

#include "base/shared_library.hpp"
#include "profiling/record/correlated_span.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::ipc {

namespace prof = limelight::profiling;

namespace {

struct Nccl {
  decltype(&ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&ncclCommInitRank) init_rank = nullptr;
  decltype(&ncclCommDestroy) destroy = nullptr;
  decltype(&ncclAllReduce) all_reduce = nullptr;
  decltype(&ncclGetErrorString) error_string = nullptr;
  std::string missing;

  Nccl() {
    const auto loaded = load(nccl_library());
    if (!loaded) {
      missing = loaded.error().message;
      return;
    }
    void* library = loaded->handle;
    const auto find = [&](auto& function, const char* name) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      if (function == nullptr) missing.assign("NCCL has no ").append(name);
    };
    find(get_unique_id, "ncclGetUniqueId");
    find(init_rank, "ncclCommInitRank");
    find(destroy, "ncclCommDestroy");
    find(all_reduce, "ncclAllReduce");
    find(error_string, "ncclGetErrorString");
  }
};
const Nccl& nccl() {
  static const Nccl loaded;
  return loaded;
}

class NcclGroup final : public Collective {
 public:
  NcclGroup(ncclComm_t communicator, int rank, int size)
      : communicator_(communicator), rank_(rank), size_(size) {
    for (int r = 0; r < size; ++r) ranks_ += (r > 0 ? ", " : "[") + std::to_string(r);
    ranks_ += "]";
  }
  ~NcclGroup() override { nccl().destroy(communicator_); }
  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return size_; }
  // Runs on the legacy default stream: it starts after the work of all other streams, and their
  // later work waits for it.
  Result<void> all_reduce_sum(std::span<float> values) override {
    constexpr bool correlated = true;
    static const prof::NameId name =
        prof::intern(prof::event_names::all_reduce, prof::Category::cpu_op, prof::ValueKind::bytes,
                     correlated, prof::Activity::collectives);
    prof::CorrelatedSpan span(name, values.size_bytes());
    if (prof::recording())
      span.set_collective(
          {"all_reduce", values.size(), values.size(), "Float", size_, "stage", ranks_, sequence_});
    ++sequence_;
    if (const ncclResult_t status = nccl().all_reduce(values.data(), values.data(), values.size(),
                                                      ncclFloat, ncclSum, communicator_, nullptr);
        status != ncclSuccess)
      return Error{ErrorCode::internal,
                   std::string("NCCL all-reduce: ") + nccl().error_string(status)};
    return {};
  }

 private:
  ncclComm_t communicator_;
  int rank_, size_;
  std::string ranks_;  // as in the trace: "[0, 1]"
  std::uint64_t sequence_ = 0;
};

}  // namespace

Result<std::unique_ptr<Collective>> make_nccl_group(SharedGroup& members) {
  if (!nccl().missing.empty()) return Error{ErrorCode::unavailable, nccl().missing};
  ncclUniqueId id{};
  ncclResult_t status = ncclSuccess;
  if (members.rank() == 0) status = nccl().get_unique_id(&id);
  if (auto agreed =
          members.broadcast(std::as_writable_bytes(std::span(&id, 1)), std::chrono::seconds(30));
      !agreed)
    return agreed.error();
  ncclComm_t communicator = nullptr;
  if (status == ncclSuccess)
    status = nccl().init_rank(&communicator, members.size(), id, members.rank());
  if (status != ncclSuccess)
    return Error{ErrorCode::unavailable, std::string("NCCL cannot form a group of the ranks: ") +
                                             nccl().error_string(status)};
  return std::unique_ptr<Collective>(
      std::make_unique<NcclGroup>(communicator, members.rank(), members.size()));
}

}  // namespace limelight::ipc

// A library as Nsight Systems injects one: NVTX loads it where NVTX_INJECTION64_PATH names it. It
// writes what it is told, a line each, to the file that SIMULATED_NVTX_LOG names:
//   domain <name> | push <domain>: <text> | pop <domain>
#include <fcntl.h>
#include <nvtx3/nvToolsExt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace {

std::mutex mutex;
std::map<nvtxDomainHandle_t, std::string> domains;

void say(const std::string& line) {
  const char* name = std::getenv("SIMULATED_NVTX_LOG");
  const int file =
      name == nullptr ? -1 : ::open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  const std::string text = line + "\n";
  (void)!::write(file, text.data(), text.size());
  ::close(file);
}

std::string domain_name(nvtxDomainHandle_t domain) {
  const std::lock_guard lock(mutex);
  const auto at = domains.find(domain);
  return at == domains.end() ? "(none)" : at->second;
}

nvtxDomainHandle_t NVTX_API create_domain(const char* name) {
  nvtxDomainHandle_t domain = nullptr;
  {
    const std::lock_guard lock(mutex);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): nobody looks behind it
    domain = reinterpret_cast<nvtxDomainHandle_t>(domains.size() + 1);
    domains[domain] = name;
  }
  say(std::string("domain ") + name);
  return domain;
}

int NVTX_API push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* attributes) {
  say("push " + domain_name(domain) + ": " + attributes->message.ascii);
  return 0;
}

int NVTX_API pop(nvtxDomainHandle_t domain) {
  say("pop " + domain_name(domain));
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t get_table) {
  const auto* callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks == nullptr ||
      callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0)
    return 0;
  const auto set = [&](unsigned id, auto function) {
    if (id < size && table[id] != nullptr)
      *table[id] = reinterpret_cast<NvtxFunctionPointer>(function);
  };
  set(NVTX_CBID_CORE2_DomainCreateA, create_domain);
  set(NVTX_CBID_CORE2_DomainRangePushEx, push);
  set(NVTX_CBID_CORE2_DomainRangePop, pop);
  return 1;
}

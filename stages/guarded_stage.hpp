// A stage that keeps the rules of <limelight/stage.hpp>, around one that may not: what a plug-in
// throws becomes an error, and so does a tensor that its ports do not announce. Without this a rank
// would end, or a request would wait for ever for a chunk that does not come.
//
// Called from one thread, as every stage.
#pragma once

#include <cstdint>
#include <limelight/plugin.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace limelight::stages {

class GuardedStage final : public Stage {
 public:
  // name: of its type. unread: outputs that nobody waits for.
  GuardedStage(std::unique_ptr<Stage> stage,
               std::string name,
               PluginPorts ports,
               std::vector<int> unread);
  ~GuardedStage() override;

  Result<void> begin(const Request& request) override;
  Result<void> consume(std::uint64_t request,
                       int input,
                       const ipc::TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override;
  Demand demand(std::uint64_t request) const override;
  bool reserve(std::uint64_t request, int tokens) override;
  void preempt(std::uint64_t request) override;
  Result<void> step(std::span<Turn> batch) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;
  AnswerInfo answer(std::uint64_t request) const override;
  std::vector<std::string> remarks(std::uint64_t request) const override;

 private:
  class CheckedOutput;
  // What is known of an open request.
  struct OpenRequest {
    std::vector<bool> ended;            // by output: its last chunk was sent
    Error broken{ErrorCode::none, {}};  // what a call threw that has no result
  };
  template <class Call>
  Result<void> guard(const char* function, Call call) const;
  template <class Call>
  void guard_for(std::uint64_t request, const char* function, Call call) const;
  void check_end(Turn& turn) const;

  std::unique_ptr<Stage> stage_;
  const std::string name_;
  const PluginPorts ports_;
  const std::vector<int> unread_;
  mutable std::map<std::uint64_t, OpenRequest> open_;
};

}  // namespace limelight::stages

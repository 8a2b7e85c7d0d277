#include "actors/node/rank_stand_in.hpp"

namespace limelight::actors {

RankTrace name_host(RankTrace trace, const std::string& node) {
  trace.host = node;
  const auto name = [&](std::string path) { return path.empty() ? path : node + ":" + path; };
  trace.file = name(trace.file.string());
  for (std::string& earlier : trace.earlier_files) earlier = name(earlier);
  trace.stacks.file = name(trace.stacks.file);
  trace.failed_allocations.file = name(trace.failed_allocations.file);
  return trace;
}

namespace {

// Asks the rank, and answers what it answers once `change` has had it.
template <class Answer, class Message, class Change>
caf::result<Answer> pass_on(RankActor::pointer self,
                            const RankActor& rank,
                            const Message& message,
                            Change change) {
  auto promise = self->make_response_promise<Answer>();
  self->request(rank, caf::infinite, message)
      .then([promise, change](Answer& answer) mutable { promise.deliver(change(answer)); },
            [promise](caf::error& failed) mutable { promise.deliver(std::move(failed)); });
  return promise;
}

}  // namespace

RankActor::behavior_type rank_stand_in(RankActor::pointer self,
                                       RankActor rank,
                                       std::string node,
                                       std::function<void(const std::string& file)> told) {
  self->monitor(rank);
  self->set_down_handler([self](const caf::down_msg& down) { self->quit(down.reason); });
  const auto forward = [self, rank](const auto& message) { self->send(rank, message); };
  const auto with_host = [node, told](RankTrace& answer) {
    for (const std::string& earlier : answer.earlier_files) told(earlier);
    for (const std::string& file :
         {answer.file.string(), answer.stacks.file, answer.failed_allocations.file})
      if (!file.empty()) told(file);
    return name_host(std::move(answer), node);
  };
  const auto ask = [=](const auto& message) {
    return pass_on<RankTrace>(self, rank, message, with_host);
  };
  return {
      [=](const Submit& m) { forward(m); },
      [=](const Cancel& m) { forward(m); },
      [=](const EndRank& m) { forward(m); },
      [=](const ReplicaAnew& m) { forward(m); },
      [=](const SetClock& m) { forward(m); },
      [=](const Ping& m) { return pass_on<Pong>(self, rank, m, [](Pong& sign) { return sign; }); },
      [=](const StartTrace& m) { return ask(m); },
      [=](const StopTrace& m) { return ask(m); },
      [=](const DumpTrace& m) { return ask(m); },
      [=](const SetFlight& m) { return ask(m); },
  };
}

}  // namespace limelight::actors

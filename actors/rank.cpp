#include "actors/rank.hpp"

#include <unistd.h>

#include <caf/io/all.hpp>
#include <cstdio>
#include <thread>

#include "actors/protocol.hpp"
#include "actors/rank_worker.hpp"
#include "profiling/cupti_source.hpp"
#include "profiling/flight_recorder.hpp"
#include "profiling/session.hpp"
#include "profiling/span.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;

std::string topic_between(const std::string& run, int from_stage, int to_stage) {
  return run + "." + std::to_string(from_stage) + "." + std::to_string(to_stage);
}
std::string topic_to_user(const std::string& run, int stage) {
  return run + "." + std::to_string(stage) + ".user";
}

std::filesystem::path flight_file(const std::string& run, int rank) { return "/dev/shm/limelight-" + run + "-flight" + std::to_string(rank); }

namespace {

struct RankState {
  RankWorker* worker = nullptr;
  int rank = 0, world_size = 1;
  std::filesystem::path flight;
  std::unique_ptr<prof::ActivitySource> source;  // of a GPU; attached for good
  std::string no_source;                         // why there is none on a GPU
  std::unique_ptr<prof::Session> session;
  TraceAnswer finished;  // of the last session: a second stop answers the same
};

prof::NameId message_name(const char* what) {
  return prof::intern(std::string("actor.") + what, prof::Category::user_annotation);
}

RankActor::behavior_type stage_actor(RankActor::stateful_pointer<RankState> self, RankWorker* worker, int rank, int world_size, const std::filesystem::path& flight) {
  RankState& state = self->state;
  state.flight = flight;
  state.worker = worker;
  state.rank = rank;
  state.world_size = world_size;
  state.finished.rank = rank;
  state.finished.stage = worker->stage_id();
  if (stages::Device& device = worker->device(); !device.is_host()) {
    auto source = prof::make_cupti_source({{}, [&device] { device.synchronise(); }});
    if (source) state.source = std::move(source).value();
    else state.no_source = source.error().message;
    if (state.source) state.source->attach();
  }
  return {
      [&state](Submit& m) {
        static const prof::NameId name = message_name("submit");
        const prof::RequestScope scope(static_cast<std::uint32_t>(m.number));
        prof::name_request(static_cast<std::uint32_t>(m.number), m.id);
        const prof::Span span(name);
        stages::SamplingParams p{m.temperature, m.top_p, m.top_k, m.max_tokens, m.seed, m.repetition_penalty, m.stop_token_ids};
        state.worker->submit({m.number, std::move(m.id), std::move(m.prompt), std::move(p)});
      },
      [&state](const Cancel& m) { state.worker->cancel(m.number); },
      [&state](const EndRank&) { state.worker->end(); },
      [](const Ping&) { return Pong{}; },
      [&state](StartTrace& m) {
        TraceAnswer answer;
        answer.rank = state.rank;
        answer.stage = state.worker->stage_id();
        if (state.session) {
          answer.note = "was already running";
          answer.file = state.session->file();
          return answer;
        }
        stages::Device& device = state.worker->device();
        answer.note = state.no_source;  // the host's operations are worth a trace all the same
        auto session = prof::Session::start({m.directory, m.timestamp, state.rank, state.world_size, state.worker->stage_id(),
                                             state.worker->stage_name(), m.base_ns, state.source.get(), device.properties(), m.prefix,
                                             {m.limits.start_at_ns, m.limits.steps, m.limits.milliseconds, m.limits.bytes, m.limits.request, m.limits.activities},
                                             m.format});
        if (!session) {
          answer.error_code = static_cast<std::int32_t>(session.error().code);
          answer.error = session.error().message;
          return answer;
        }
        state.session = std::move(session).value();
        answer.file = state.session->file();
        return answer;
      },
      [&state](const StopTrace&) {
        if (!state.session) {
          TraceAnswer answer = state.finished;
          answer.note = "was not running";
          return answer;
        }
        auto report = state.session->stop();
        state.session.reset();
        TraceAnswer& answer = state.finished;
        answer.error_code = report ? 0 : static_cast<std::int32_t>(report.error().code);
        answer.error = report ? "" : report.error().message;
        if (!report) return answer;
        answer.file = report->file;
        answer.events = report->events;
        answer.drops = report->drops;
        answer.bytes = report->bytes;
        answer.clock_error_ns = report->clock_error_ns;
        answer.begin_skew_ns = report->begin_skew_ns;
        answer.overhead_percent = report->overhead_percent();
        answer.profiler_cpu_ns = report->profiler_cpu_ns;
        answer.ops.clear();
        for (const prof::OpTotal& op : report->ops) answer.ops.push_back({op.name, op.calls, op.total_ns, op.self_ns});
        return answer;
      },
      [&state](const DumpTrace& m) {
        TraceAnswer answer;
        answer.rank = state.rank;
        answer.stage = state.worker->stage_id();
        auto report = prof::dump_flight_recorder({m.directory, m.timestamp, state.rank, state.world_size, state.worker->stage_id(), state.worker->stage_name(),
                                                  m.base_ns, nullptr, {}, "flight", {}},
                                                 std::chrono::milliseconds(m.last_ms));
        answer.error_code = report ? 0 : static_cast<std::int32_t>(report.error().code);
        answer.error = report ? "" : report.error().message;
        if (!report) return answer;
        answer.file = report->file;
        answer.events = report->events;
        answer.drops = report->drops;
        answer.bytes = report->bytes;
        answer.note = report->note;
        answer.clock_error_ns = report->clock_error_ns;
        return answer;
      },
      [&state](const SetFlight& m) {
        prof::disable_flight_recorder();
        if (m.keep_ms > 0) prof::enable_flight_recorder({.keep = std::chrono::milliseconds(m.keep_ms), .file = state.flight});
        TraceAnswer answer;
        answer.rank = state.rank;
        answer.stage = state.worker->stage_id();
        return answer;
      },
  };
}

int fail(const RankOptions& options, const std::string& what) {
  std::fprintf(stderr, "rank %d: %s\n", options.rank, what.c_str());
  return 1;
}

// The kernel closes our end when the orchestrator is gone, also after kill -9: no rank outlives it.
void die_with_orchestrator(int fd) {
  std::thread([fd] {
    char byte;
    while (::read(fd, &byte, 1) > 0) {
    }
    _exit(0);
  }).detach();
}

}  // namespace

int run_rank(const RankOptions& options) {
  die_with_orchestrator(options.lifeline_fd);
  const auto flight = flight_file(options.run, options.rank);
  if (options.flight.count() > 0) prof::enable_flight_recorder({.keep = options.flight, .file = flight});
  const struct GiveBack {
    ~GiveBack() { prof::disable_flight_recorder(); }
  } give_back;
  auto config = stages::parse(options.config);
  if (!config) return fail(options, config.error().message);

  caf::actor_system_config settings;
  settings.add_message_types<caf::id_block::limelight>();
  settings.load<caf::io::middleman>();
  settings.set("middleman.app-identifiers", std::vector<std::string>{options.token});
  settings.set("scheduler.max-threads", 2);
  settings.set("scheduler.policy", caf::atom("sharing"));  // idle threads sleep until there is work; those that steal look for it again and again
  caf::actor_system system(settings);
  auto orchestrator = system.middleman().remote_actor<OrchestratorActor>("127.0.0.1", options.port);
  if (!orchestrator) return fail(options, "cannot reach the orchestrator: " + system.render(orchestrator.error()));

  auto worker = RankWorker::create(*config, options.rank, options.run, [&](const WorkerReport& r) {
    caf::anon_send(*orchestrator,
                   StageReport{r.number, r.stage, static_cast<std::int32_t>(r.error.code), r.error.message, r.tokens_out, r.gen_ms, r.from_stage,
                               r.rx_chunks, r.rx_bytes, r.rx_tx_ms, r.rx_in_flight_ms, r.rx_decode_ms});
  }, [&](std::uint64_t number, std::chrono::milliseconds held) {
    caf::anon_send(*orchestrator, HeldBack{options.rank, config->stage_of(options.rank)->stage_id, number, static_cast<std::uint64_t>(held.count())});
  });
  if (!worker) return fail(options, worker.error().message);
  {
    const auto actor = system.spawn(stage_actor, worker->get(), options.rank, config->world_size(), flight);
    caf::anon_send(*orchestrator, Join{options.rank, (*worker)->stage_id(), getpid(), actor});
    (*worker)->run();
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }
  // The stage actor points into the worker, so it ends first.
  system.await_all_actors_done();
  return 0;
}

}  // namespace limelight::actors

// The program limelight-bench, which `limelight bench ...` starts: runs one benchmark and prints
// its results as a table or as JSON.
#include <CLI/CLI.hpp>
#include <iostream>

#include "base/helper.hpp"
#include "base/log.hpp"
#include "base/whole_number.hpp"
#include "bench/about_run.hpp"
#include "bench/blocks.hpp"
#include "bench/chaos.hpp"
#include "bench/chaos_http.hpp"
#include "bench/count/count_command.hpp"
#include "bench/decode.hpp"
#include "bench/ipc.hpp"
#include "bench/load/commands.hpp"
#include "bench/matmul.hpp"
#include "bench/omni.hpp"
#include "bench/performance/page.hpp"
#include "bench/profiler.hpp"
#include "bench/scale.hpp"

namespace {

using limelight::Result;
namespace bench = limelight::bench;

struct Printing {
  bool json = false, quick = false;
};

int print(const std::string& name,
          const Printing& how,
          const Result<std::vector<bench::Measurement>>& results,
          const std::vector<std::string>& notes = {}) {
  if (!results) {
    std::cerr << "limelight bench " << name << ": " << results.error().message << "\n";
    return 1;
  }
  std::cout << (how.json ? bench::to_json(*results, bench::about_run(how.quick, notes))
                         : bench::to_table(*results));
  return 0;
}

int print_scale(const Printing& how, const Result<bench::ScaleResult>& result) {
  if (!result) return print("scale", how, result.error());
  const int code = print("scale", how, result->rows, result->notes);
  if (how.json) return code;  // they are in it
  std::cout << "What breaks first:\n";
  for (const std::string& note : result->notes) std::cout << "- " << note << "\n";
  return code;
}

int report(const std::string& results, const std::string& out) {
  const auto written = bench::write_performance(results, out);
  if (written) return 0;
  std::cerr << "limelight bench report: " << written.error().message << "\n";
  return written.error().code == limelight::ErrorCode::io ? 1 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  limelight::log_to_stderr();
  CLI::App app{"Measure, beside a peer in the same run", "limelight bench"};
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  limelight bench ipc --quick --json\n"
      "  LIMELIGHT_PYTHON=python3 limelight bench decode --model smollm2\n"
      "  limelight bench decode --concurrency 1,2,4,8,16\n"
      "  limelight bench omni --model qwen3-omni --openvino qwen3-omni-openvino\n"
      "  limelight bench chaos --kills 200\n"
      "  limelight bench chaos --http --seconds 60 --seed 7\n"
      "  limelight bench serve --base-url http://127.0.0.1:8091 --request-rate 8\n"
      "  limelight bench throughput --model smollm2 --num-prompts 64\n"
      "  limelight bench compare before.json after.json\n"
      "  limelight bench count --check bench/count/last.json");
  bool quick = false, json = false;
  std::string config, model = "smollm2";
  if (const auto found = limelight::find_shared("configs/omni_tiny.yaml")) config = found->string();

  CLI::App* ipc = app.add_subcommand("ipc",
                                     "Hand-off of 64 B to 256 MiB between two processes, beside "
                                     "raw iceoryx, ZeroMQ and a UNIX socket");
  CLI::App* matmul = app.add_subcommand(
      "matmul", "Matrix products of the CPU device beside OpenBLAS, where that is installed");
  bench::BlocksOptions blocks_options;
  CLI::App* blocks = app.add_subcommand(
      "blocks", "Matrix products of the CPU device with weights in blocks, by the number of rows");
  blocks
      ->add_option("--in", blocks_options.in,
                   "columns of x, 256 or a multiple of it for the types with K")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  blocks->add_option("--out", blocks_options.out, "columns of the product")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  CLI::App* profiler = app.add_subcommand(
      "profiler", "What recording, writing and stopping cost, and what the pipeline feels of it");
  profiler->add_option("--config", config, "stage config of the pipeline")->capture_default_str();
  bool instructions = false;
  profiler->add_flag("--instructions", instructions,
                     "also count the instructions that profiling adds to a request, by its detail: "
                     "ranks under callgrind take many minutes");
  CLI::App* decode = app.add_subcommand(
      "decode", "A published model on the CPU, beside llama.cpp where python3 has its package");
  decode->add_option("--model", model, "a file, a folder, or the name of a model that was fetched")
      ->capture_default_str();
  std::vector<int> concurrency;
  int threads = 2;
  decode
      ->add_option("--concurrency", concurrency,
                   "requests that decode together, such as 1,2,4,8,16: tokens/s of all, beside "
                   "llama.cpp's parallel decoding")
      ->delimiter(',')
      ->check(CLI::Range(1, 256));
  decode->add_option("--threads", threads, "with --concurrency")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  bench::OmniOptions omni_options;
  CLI::App* omni = app.add_subcommand("omni",
                                      "From prompt to sound: a checkpoint that speaks, beside "
                                      "transformers and OpenVINO GenAI where "
                                      "python3 has them");
  omni->add_option("--model", omni_options.model, "the checkpoint's folder")->required();
  omni->add_option("--deploy-config", omni_options.deploy_config, "as of `limelight run`");
  omni->add_option("--openvino", omni_options.openvino,
                   "the folder to which optimum-intel exported the same checkpoint");
  omni->add_option("--concurrency", omni_options.concurrency, "clients, each with one request open")
      ->delimiter(',')
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  omni->add_option("--requests", omni_options.requests, "for each concurrency")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  omni->add_option("--tokens", omni_options.tokens, "of each text")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  omni->add_option("--frames", omni_options.frames, "of codes, of each sound")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  omni->add_option("--threads", omni_options.threads, "of a peer")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  bench::ChaosOptions chaos_options;
  bench::ChaosHttpOptions http_options;
  bool over_http = false;
  CLI::App* chaos = app.add_subcommand(
      "chaos", "Random kills of ranks under load: every request ends, as in a calm run or typed");
  chaos->add_option("--config", chaos_options.config,
                    "stage config of the pipeline; a small one of its own without");
  CLI::Option* kills = chaos->add_option("--kills", chaos_options.kills)
                           ->check(CLI::Range(1, 100000))
                           ->capture_default_str();
  CLI::Option* retries =
      chaos
          ->add_option("--retries", chaos_options.retries,
                       "how often a request is begun anew of which nothing was delivered")
          ->check(CLI::Range(0, 100))
          ->capture_default_str();
  CLI::Option* http =
      chaos
          ->add_flag("--http", over_http,
                     "of `limelight serve`: faults of processes, clients, queues and the disk, "
                     "with profiles in between; exit code 1 if a promise is broken")
          ->excludes(kills)
          ->excludes(retries);
  chaos->add_option("--seconds", http_options.seconds, "of faults, with --http")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str()
      ->needs(http);
  chaos->add_option("--streams", http_options.streams, "clients at one time, with --http")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str()
      ->needs(http);
  // CLI11 reads -1 as the largest number.
  const auto whole = [](const std::string& text) -> std::string {
    if (limelight::whole_number<std::uint64_t>(text)) return "";
    return "found '" + text + "', expected a whole number, 0 or more";
  };
  chaos->add_option("--seed", chaos_options.seed, "of ranks, moments and signals")
      ->check(whole)
      ->capture_default_str();
  CLI::App* scale = app.add_subcommand(
      "scale",
      "Start and end of a pipeline, what it uses while idle, what it adds to a request; "
      "1 to 128 ranks, and what is computed beyond");
  scale->add_option("--config", config, "stage config of the pipeline that is idle and asked")
      ->capture_default_str();
  std::string plot;
  scale->add_option("--plot", plot, "an SVG of how long all ranks' answers take is written there");
  bench::CountOptions count_options;
  CLI::App* count = app.add_subcommand(
      "count", "Instructions, allocations, system calls and bytes of the hot paths, by valgrind");
  count->add_option("--check", count_options.check,
                    "the last values: exit status 1 where a path has grown by more than 3 %");
  count->add_option("--write", count_options.write, "write the counts there as the last values");
  count->add_flag("--json", count_options.json, "the counts as they are written");
  std::string results_folder, page = "docs/performance.md";
  CLI::App* page_of = app.add_subcommand(
      "report", "A page with plots, of goals and peers, from files of `bench NAME --json`");
  page_of->add_option("DIR", results_folder, "results: profiler.json, ipc.json, scale.json ...")
      ->required();
  page_of->add_option("-o,--out", page, "the page; plots go into a folder beside it")
      ->capture_default_str();
  bench::LoadCommands loads(app);
  for (CLI::App* one : {ipc, matmul, blocks, profiler, decode, omni, chaos, scale}) {
    one->add_flag("--quick", quick, "a short run: fewer sizes or rounds");
    one->add_flag("--json", json, "{\"results\": [...]} on standard output");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : 2;
  }

  if (const auto code = loads.run()) return *code;
  if (page_of->parsed()) return report(results_folder, page);
  const Printing how{.json = json, .quick = quick};
  if (count->parsed()) return bench::bench_count(count_options);
  if (ipc->parsed()) return print("ipc", how, bench::bench_ipc({.quick = quick}));
  if (matmul->parsed()) return print("matmul", how, bench::bench_matmul(quick));
  if (blocks->parsed()) {
    blocks_options.quick = quick;
    return print("blocks", how, bench::bench_blocks(blocks_options));
  }
  if (decode->parsed())
    return print(
        "decode", how,
        bench::bench_decode(
            {.quick = quick, .model = model, .concurrency = concurrency, .threads = threads}));
  if (omni->parsed()) {
    omni_options.quick = quick;
    return print("omni", how, bench::bench_omni(omni_options));
  }
  if (chaos->parsed() && over_http) {
    http_options.config = chaos_options.config;
    http_options.seed = chaos_options.seed;
    if (quick) http_options.seconds /= 10;
    const auto results = bench::bench_chaos_http(http_options);
    const int code = print("chaos", how, results);
    return code == 0 && results->back().value > 0 ? 1 : code;
  }
  if (chaos->parsed()) {
    chaos_options.quick = quick;
    return print("chaos", how, bench::bench_chaos(chaos_options));
  }
  if (scale->parsed())
    return print_scale(how, bench::bench_scale({.quick = quick, .config = config, .plot = plot}));
  return print(
      "profiler", how,
      bench::bench_profiler({.quick = quick, .config = config, .instructions = instructions}));
}

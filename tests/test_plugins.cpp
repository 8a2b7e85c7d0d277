// Stages that are not built in: of libraries, with real processes, and of a program that hosts its
// ranks itself. What is wrong with a library is an error of the config, whatever it does.
#include <boost/test/unit_test.hpp>
#include <limelight/omni.hpp>
#include <limelight/plugin.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/run_command.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

using limelight::ErrorCode;
using limelight::Omni;
using limelight::RequestOutput;
using namespace limelight::tests;
namespace stages = limelight::stages;
namespace fs = std::filesystem;

namespace {

const fs::path plugins = PLUGIN_DIR;

// A config with one stage; `more` are lines of it.
std::string one_stage(const std::string& more) {
  return "stage_args:\n"
         "  - stage_id: 0\n"
         "    stage_type: plugin\n" +
         more;
}
std::string library_line(const fs::path& library) {
  return "    library: " + library.string() + "\n";
}
std::string bad_stage(const std::string& how) {
  return one_stage(library_line(plugins / "plain.so") +
                   "    engine_args: {model_stage: bad}\n"
                   "    options: {how: " +
                   how + "}\n    final_output: true\n");
}

struct Refused {
  std::string file, message;
  // Whether the error is of this line of the file, and says `what`.
  bool says(int line, const std::string& what) const {
    const std::string begin = file + ":" + std::to_string(line) + ": ";
    BOOST_TEST_INFO(message);
    return message.starts_with(begin) && message.find(what) != std::string::npos;
  }
};
Refused refused(const Folder& folder, const std::string& text) {
  const fs::path file = write_file(folder.path / "config.yaml", text);
  const auto config = stages::parse(file);
  BOOST_REQUIRE_MESSAGE(!config.ok(), text);
  BOOST_TEST((config.error().code == ErrorCode::invalid_argument));
  return {file, config.error().message};
}

// Runs the prompts through a pipeline with one bad stage.
std::vector<RequestOutput> generate(const Folder& folder,
                                    const std::string& text,
                                    const std::vector<std::string>& prompts) {
  const auto omni =
      Omni::from_engine_args({.config = write_file(folder.path / "config.yaml", text)});
  if (!omni) BOOST_FAIL(omni.error().message);
  return (*omni)->generate(prompts);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_pipeline_of_a_library_runs_and_its_threads_are_in_the_trace) {
  const Folder folder;
  fs::create_directories(folder.path / "lib");
  fs::copy_file(plugins / "plain.so", folder.path / "lib/plain.so");
  const fs::path config = write_file(folder.path / "config.yaml",
                                     "stage_args:\n"
                                     "  - stage_id: 0\n"
                                     "    stage_type: plugin\n"
                                     "    library: lib/plain.so\n"
                                     "    options: {suffix: '!'}\n"
                                     "    engine_args: {model_stage: shout}\n"
                                     "    final_output: true\n"
                                     "  - stage_id: 1\n"
                                     "    stage_type: plugin\n"
                                     "    library: lib/plain.so\n"
                                     "    engine_args: {model_stage: samples}\n"
                                     "    engine_input_source: [0]\n"
                                     "    final_output: true\n"
                                     "runtime: {edges: [{from: 0, to: 1}]}\n");
  const std::string out = folder.path / "out", traces = folder.path / "traces";
  const Ran ran = limelight_command("run --config " + config.string() +
                                    " --prompt 'quite loud' --profile all --profile-dir " + traces +
                                    " --output-dir " + out);
  BOOST_TEST_INFO(ran.output);
  BOOST_REQUIRE(ran.code == 0);
  BOOST_TEST(read_file(out + "/0.txt") == "QUITE LOUD!\n");
  BOOST_TEST(read_file(out + "/0.wav").size() == 44 + 2 * 11u);
  const Ran valid = limelight_command("trace validate " + traces + "/*.json.gz");
  BOOST_TEST(valid.code == 0, valid.output);
  bool span = false, counter = false, thread = false;
  for (const auto& entry : fs::directory_iterator(traces)) {
    if (entry.path().filename().string().find("stage0-shout.pt.trace.json") == std::string::npos)
      continue;
    const auto trace = nlohmann::json::parse(read_gzip(entry.path()));
    for (const auto& event : trace["traceEvents"]) {
      if (event["name"] == "capitals") {
        span = true;
        BOOST_TEST(event["args"]["value"] == 11);
        BOOST_TEST(event["args"].dump().find("\"0\"") != std::string::npos, event.dump());
      }
      if (event["name"] == "bytes to shout") {
        counter = true;
        BOOST_TEST(event["ph"] == "C");
        BOOST_TEST(event["args"]["value"] == 11);
      }
      if (event["name"] == "thread_name")
        thread = thread || event["args"]["name"].get<std::string>().find("shouter") == 0;
    }
  }
  BOOST_TEST(span);
  BOOST_TEST(counter);
  BOOST_TEST(thread);
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(a_sound_has_the_rate_of_its_output_and_remarks_are_said_once) {
  const Folder folder;
  const auto sounding = [&](int id, const std::string& options) {
    return "  - stage_id: " + std::to_string(id) + "\n    stage_type: plugin\n" +
           library_line(plugins / "plain.so") +
           "    engine_args: {model_stage: samples}\n"
           "    options: {" +
           options +
           "}\n"
           "    engine_input_source: [0]\n"
           "    final_output: true\n";
  };
  const std::string shout =
      one_stage(library_line(plugins / "plain.so") + "    engine_args: {model_stage: shout}\n");
  const std::string edges = "runtime: {edges: [{from: 0, to: 1}, {from: 0, to: 2}]}\n";
  const fs::path config =
      write_file(folder.path / "config.yaml", shout + sounding(1, "rate: 11025, remark: hoarse") +
                                                  "runtime: {edges: [{from: 0, to: 1}]}\n");
  const fs::path prompts =
      write_file(folder.path / "a.jsonl", "{\"prompt\": \"one\"}\n{\"prompt\": \"two\"}\n");
  const Ran ran = limelight_command("run --config " + config.string() + " --prompts " +
                                    prompts.string() + " --output-dir " + folder.path.string());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  // Bytes 24 to 27 of a WAV file, little-endian.
  BOOST_TEST((read_file(folder.path / "0.wav").substr(24, 4) == std::string("\x11\x2b\0\0", 4)));
  const auto line = read_file(folder.path / "outputs.jsonl");
  BOOST_TEST(line.find("\"sample_rate\":11025") != std::string::npos, line);
  BOOST_TEST(line.find("\"remarks\":[\"hoarse\"]") != std::string::npos, line);
  for (const char* said : {"request 0, stage 1: hoarse\n", "request 1, stage 1: hoarse\n"})
    BOOST_TEST(ran.output.find(said) != std::string::npos, ran.output);
  // Two sounds of a request are one, so they cannot have two rates.
  BOOST_TEST(
      refused(folder, shout + sounding(1, "rate: 22050") + sounding(2, "rate: 16000") + edges)
          .says(13,
                "key 'final_output': found audio of 16000 Hz, expected 22050 Hz, as "
                "stage 1 has"));
  for (const char* rate : {"0", "-1", "768001"})
    BOOST_TEST(refused(folder, shout + sounding(1, std::string("rate: ") + rate))
                   .message.find("found a sample rate of " + std::string(rate) +
                                 " for the output 'audio', expected 1 to 768000") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_library_of_this_version_is_refused_with_file_line_and_key) {
  const Folder folder;
  const auto with = [&](const fs::path& library) {
    return refused(folder, one_stage(library_line(library)));
  };
  const std::string key = "key 'library': found '";
  const auto none = with("none.so");
  BOOST_TEST(none.says(4, key + (folder.path / "none.so").string() + "', which is not there"));
  BOOST_TEST(with(folder.path).says(4, "which is a folder, expected a shared library"));
  BOOST_TEST(with("/dev/null").says(4, "which is no regular file"));
  write_file(folder.path / "text.so", "int main() {}");
  BOOST_TEST(with("text.so").says(4, "which is no ELF file"));
  write_file(folder.path / "short.so",
             "\x7f"
             "ELF");
  BOOST_TEST(with("short.so").says(4, "which cannot be loaded ("));
  BOOST_TEST(
      with(plugins / "no_entry.so").says(4, "without the symbol limelight_plugin, expected"));
  const int abi = LIMELIGHT_PLUGIN_ABI;
  BOOST_TEST(with(plugins / "another_version.so")
                 .says(4, "with the plug-in interface " + std::to_string(abi + 1) +
                              " (of Limelight 99.0.0), expected the interface " +
                              std::to_string(abi) + " (of Limelight "));
  BOOST_TEST(with(plugins / "another_library.so")
                 .says(4,
                       "built with libstdc++, _GLIBCXX_USE_CXX11_ABI=0, expected libstdc++, "
                       "_GLIBCXX_USE_CXX11_ABI=1"));
  BOOST_TEST(with(plugins / "misses_symbol.so").says(4, "what_nobody_has"));
  BOOST_TEST(with(plugins / "no_stage.so").says(4, "without a stage, expected one or more"));
  BOOST_TEST(with(plugins / "throws.so").says(4, "throws 'no types today'"));
  BOOST_TEST(with(plugins / "crashes.so").says(4, "killed by signal 6"));
}

BOOST_AUTO_TEST_CASE(a_stage_of_a_library_is_described_completely_or_refused) {
  const Folder folder;
  const auto bad = [&](const std::string& how) { return refused(folder, bad_stage(how)); };
  BOOST_TEST(bad("refuse").says(6, "key 'how': found 'refuse', expected something else"));
  BOOST_TEST(bad("ports").says(2, "its ports cannot be told: bad on purpose"));
  BOOST_TEST(bad("abort").says(4, "killed by signal 6"));
  BOOST_TEST(bad("exit").says(4, "exited with status 0"));
  BOOST_TEST(bad("unsized").says(2, "found tensors of 0 bytes for the output 'text'"));
  BOOST_TEST(bad("twice").says(2, "found two outputs named 'text'"));
  BOOST_TEST(bad("none").says(2, "found no output"));
  BOOST_TEST(bad("[1, 2]").says(6, "key 'how': found a list"));
  const std::string library = library_line(plugins / "plain.so");
  BOOST_TEST(
      refused(folder, one_stage(library + "    options: {how: x, why: y}\n"
                                          "    engine_args: {model_stage: bad}\n"))
          .says(5, "key 'why': found an option that a bad does not have, expected one of how"));
  BOOST_TEST(refused(folder, one_stage(library + "    options: {x: 1}\n"
                                                 "    engine_args: {model_stage: samples}\n"))
                 .says(5, "expected one of rate, remark"));
  BOOST_TEST(refused(folder, one_stage(library)).says(2, "key 'model_stage': found no such key"));
  BOOST_TEST(refused(folder, one_stage(library + "    engine_args: {model_stage: whisper}\n"))
                 .says(5, "found 'whisper', expected one of shout, samples, bad"));
  BOOST_TEST(refused(folder, one_stage("")).says(2, "key 'library': found no such key"));
  BOOST_TEST(refused(folder, "stage_args:\n  - stage_id: 0\n" + library +
                                 "    engine_args: {model_stage: thinker}\n")
                 .says(3, "expected it beside stage_type: plugin"));
  BOOST_TEST(refused(folder, one_stage(library + "    engine_args: {model_stage: samples}\n"))
                 .says(2, "0 edges into the input 'letters' of a samples"));
}

BOOST_AUTO_TEST_CASE(what_a_stage_of_a_library_does_wrong_is_the_error_of_its_request_alone) {
  const Folder folder;
  for (const auto& [how, what] : std::map<std::string, std::string>{
           {"begin", "begin() threw an exception: bad on purpose"},
           {"demand", "demand() threw an exception: bad on purpose"},
           {"step", "step() threw an exception: bad on purpose"},
           {"number", "step() threw something that is no std::exception"},
           {"silent", "the output 'text' has no last chunk"},
           {"large", "uint8 [100000] for the output 'text', expected 4096 bytes or less"},
           {"port", "found the output 3, expected 0 to 0"},
           {"write", "emit() threw an exception: no ink"}}) {
    const auto outputs = generate(
        folder, bad_stage(how) + "runtime: {defaults: {max_inflight: 1}}\n", {"!", "fine"});
    BOOST_TEST(outputs.at(0).error.message.find(what) != std::string::npos,
               how + ": " + outputs[0].error.message);
    BOOST_TEST(outputs.at(1).text == "FINE", outputs[1].error.message);
  }
}

BOOST_AUTO_TEST_CASE(a_stage_that_cannot_be_made_is_the_reason_why_its_rank_failed) {
  const Folder folder;
  for (const auto& [how, what] : std::map<std::string, std::string>{
           {"make", "cannot be made: bad on purpose"}, {"nothing", "make() returned nothing"}}) {
    const auto omni =
        Omni::from_engine_args({.config = write_file(folder.path / "config.yaml", bad_stage(how))});
    BOOST_REQUIRE(!omni.ok());
    BOOST_TEST((omni.error().code == ErrorCode::rank_failed));
    BOOST_TEST(omni.error().message.find(what) != std::string::npos, omni.error().message);
  }
}

BOOST_AUTO_TEST_CASE(a_program_hosts_ranks_with_stages_of_its_own) {
  const Folder folder;
  const std::string own =
      one_stage("    engine_args: {model_stage: shout}\n    final_output: true\n");
  const fs::path config = write_file(folder.path / "config.yaml", own);
  const Ran ran = run(PLUGIN_HOST " " + config.string() + " hello");
  BOOST_TEST(ran.code == 0);
  BOOST_TEST(ran.output == "HELLO\n");
  // The command, with ranks of that program.
  const fs::path named = write_file(folder.path / "named.yaml",
                                    own + "runtime: {rank_executable: " + PLUGIN_HOST + "}\n");
  const Ran other = limelight_command("run --config " + named.string() +
                                      " --prompt hello --output-dir " + folder.path.string());
  BOOST_TEST(other.code == 0, other.output);
  BOOST_TEST(read_file(folder.path / "0.txt") == "HELLO\n");
  // It loads libraries as well as limelight-rank does.
  write_file(config, one_stage(library_line(plugins / "plain.so") +
                               "    engine_args: {model_stage: shout}\n    final_output: true\n"));
  BOOST_TEST(run(PLUGIN_HOST " " + config.string() + " again").output == "AGAIN\n");
  BOOST_TEST(refused(folder, own + "runtime: {rank_executable: none}\n")
                 .says(6, "key 'rank_executable': found '" + (folder.path / "none").string()));
}

// The stage config: the stages of a pipeline, their edges, and the parameters of each stage. It is
// a YAML file with the keys of vLLM-Omni's stage configs; or it is made from a model's folder and a
// deploy config of vLLM-Omni 0.30.
//
// parse() checks everything that can be known before a process starts. Its errors name the file,
// the line and the key, what was found and what was expected. The structs are plain values; nothing
// here has a thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <limelight/shape.hpp>
#include <limelight/status.hpp>
#include <limelight/tensor.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace limelight::stages {

// Who speaks a text, and how: what a talker that reads the request itself (Qwen3-TTS) is told
// beside the text. Other first stages refuse whatever is not as it is here.
struct SpeechParams {
  std::string speaker = {};       // empty: the stage's own
  std::string language = {};      // such as "english"; empty: auto
  std::string instructions = {};  // in plain words; empty: none
  // The whole text is read before the first frame; if not, a token of it with each frame.
  bool non_streaming_mode = true;
  bool operator==(const SpeechParams&) const = default;
};

// How the tokens of one request are chosen, and when they end. The names, the meanings and the
// order of the operations are those of vLLM: logit_bias, penalties, temperature, min_p, top_k,
// top_p.
struct SamplingParams {
  float temperature = 0.0f;  // below 1e-5: greedy decoding
  float top_p = 1.0f;
  int top_k = 0;       // 0 or -1: no limit
  float min_p = 0.0f;  // least probability, as a share of that of the likeliest token
  // None: the stage's default, or what max_model_len leaves, if that is less.
  std::optional<int> max_tokens = {};
  int min_tokens = 0;                      // no end before so many tokens, except by max_tokens
  std::optional<std::uint64_t> seed = {};  // none: the orchestrator draws one
  float repetition_penalty = 1.0f;         // for tokens of the prompt and of the output
  float presence_penalty = 0.0f, frequency_penalty = 0.0f;  // for tokens of the output
  std::map<std::int32_t, float> logit_bias = {};            // by token
  std::vector<std::string> stop = {};                       // the text ends before one of these
  std::vector<int> stop_token_ids = {};
  bool ignore_eos = false;
  int logprobs = -1;  // the likeliest tokens to report at each position; -1: report nothing
  int n = 1;          // answers to one prompt, with the seeds seed, seed + 1, ...
  SpeechParams speech = {};
};

// Samples of sound in a second, where an output states no other rate.
inline constexpr int usual_sample_rate = 24000;

// The default of max_tokens where no config states one.
inline constexpr int usual_max_tokens = 64;

// Checks the ranges. Errors: invalid_argument (names the parameter, what was found and what was
// expected).
Result<void> check(const SamplingParams& params);

// A member that may be missing, as two members that are always there: messages know no
// std::optional. What an inspector writes into them goes back to the member.
template <class T>
struct OptionalMember {
  explicit OptionalMember(std::optional<T>& to)
      : member(to), given(to.has_value()), value(to.value_or(T{})) {}
  OptionalMember(const OptionalMember&) = delete;
  ~OptionalMember() {
    const auto now = given ? std::optional<T>(value) : std::nullopt;
    if (now != member) member = now;  // a writer shares its message with others: it changes nothing
  }
  std::optional<T>& member;
  bool given;
  T value;
};
template <class Inspector>
auto inspect(Inspector& f, SamplingParams& x) {
  OptionalMember max_tokens(x.max_tokens);
  OptionalMember seed(x.seed);
  return f(x.temperature, x.top_p, x.top_k, x.min_p, max_tokens.given, max_tokens.value,
           x.min_tokens, seed.given, seed.value, x.repetition_penalty, x.presence_penalty,
           x.frequency_penalty, x.logit_bias, x.stop, x.stop_token_ids, x.ignore_eos, x.logprobs,
           x.n, x.speech.speaker, x.speech.language, x.speech.instructions,
           x.speech.non_streaming_mode);
}

// How the CPU represents activations in products with weights from a model file. It depends on the
// type of the weights too:
//
//   value     weights in blocks  bfloat16 weights  other weights
//   int8      int8               float32           float32
//   float32   float32            float32           float32
//   bfloat16  int8               bfloat16          float32
//
// int8: 32 activations share a scale, as in llama.cpp. This is the fastest way. float32: weights
// are widened to float32. This is slower, and equal to the model in float32 except for the order of
// sums.
enum class Activations { int8, float32, bfloat16 };

// The options of the CPU device of one rank.
struct CpuOptions {
  int threads = 1;  // threads that share a product, the calling thread included
  Activations activations = Activations::int8;
};

class ModelFile;
class Code2WavModel;
class Token2WavModel;
struct StageType;

// How much of the keys and values of its sequences a rank keeps, in blocks. Without `bytes`,
// `blocks` and `memory_fraction` there is room for max_batch_size sequences of max_model_len.
struct CacheConfig {
  int block_size = 16;         // positions in a block
  int blocks = 0;              // 0: as the following say
  std::uint64_t bytes = 0;     // 0: not stated
  double memory_fraction = 0;  // of the memory that is free at the start; 0: not stated
  bool share_prefixes = true;  // prompts that begin alike share blocks
};

// How many frames of codes a stage sends, and reads, in one chunk. The names are those of
// vLLM-Omni's connectors; nothing: what the stage has of its own.
struct CodecChunks {
  std::optional<int> codec_chunk_frames = {};
  std::optional<int> initial_codec_chunk_frames = {};  // of the first chunk; 0: as the others
  std::optional<int> codec_left_context_frames = {};   // that go before those of the chunk
  std::vector<int> codec_chunk_ramp = {};              // of the first chunks, one after the other

  // The first chunk where none of the keys says anything: the sound begins after so many frames.
  static constexpr int usual_first = 4;

  // Of the chunk with this number, counted from 0. usual: where none of the keys says it.
  int frames(std::size_t chunk, int usual) const {
    if (chunk < codec_chunk_ramp.size()) return codec_chunk_ramp[chunk];
    const int all = codec_chunk_frames.value_or(usual);
    const bool unstated = !codec_chunk_frames && !codec_left_context_frames;
    const int first =
        initial_codec_chunk_frames.value_or(unstated ? std::min(usual, usual_first) : 0);
    return chunk == 0 && first > 0 ? first : all;
  }
  // Of the largest chunk.
  int most_frames(int usual) const {
    int most = std::max(frames(0, usual), codec_chunk_frames.value_or(usual));
    for (const int frames : codec_chunk_ramp) most = std::max(most, frames);
    return most;
  }
};

// What a profile of a stage records where the one who starts it says nothing of it: vLLM's
// profiler_config. See ProfileOptions.
struct ProfilerConfig {
  std::uint64_t delay_iterations = 0, max_iterations = 0;
  std::uint64_t wait_iterations = 0, warmup_iterations = 0, active_iterations = 0, repeat = 1;
  bool record_shapes = true, with_flops = false, with_memory = false, with_stack = false;
  std::string detail = {};
};

struct StageConfig {
  int stage_id = 0;
  std::string model_stage;           // the name of a stage type
  int tensor_parallel_size = 1;      // ranks that share one replica
  int num_replicas = 1;              // each serves requests of its own
  int max_batch_size = 4;            // requests in one step
  int max_num_batched_tokens = 256;  // tokens in one step: longer prompts take several
  CacheConfig cache;
  std::uint64_t weights_seed = 0;
  std::string devices = "cpu";             // see make_device()
  ipc::DType dtype = ipc::DType::float32;  // type of dummy weights: float32 or bfloat16
  DecoderShape shape;
  CodecShape codec;                                 // of a talker or code2wav
  std::shared_ptr<const ModelFile> model;           // weights and tokenizer; nullptr: dummy weights
  std::shared_ptr<const Code2WavModel> code2wav;    // in place of `model`, of a code2wav
  std::shared_ptr<const Token2WavModel> token2wav;  // the same, of a Qwen2.5-Omni
  std::string speaker;  // of a talker or a token2wav from files; empty: the model's usual one
  CpuOptions cpu;
  CodecChunks chunks;                      // only of types that read them
  std::map<std::string, std::string> env;  // variables that its ranks have beside those of the user
  std::shared_ptr<const StageType> plugin;  // its type; nullptr: one that is built in
  std::vector<int> engine_input_source;
  bool final_output = false;
  std::string final_output_type;  // "text" or "audio"
  SamplingParams sampling;
  ProfilerConfig profiler;
  int sample_rate = usual_sample_rate;  // of that output, if it is audio
  int user_output = -1;                 // the output that goes to the user; -1: none
  std::vector<int> unread_outputs;      // that no edge leaves from and no user reads

  bool reads(int output) const {  // whether somebody does
    return std::find(unread_outputs.begin(), unread_outputs.end(), output) == unread_outputs.end();
  }
};

// From an output of one stage to an input of another: indices of ports in their types.
struct Edge {
  int from = 0, to = 0;
  int output = 0, input = 0;
  int window_size = 8;  // chunks that may wait in the channel
};

inline constexpr std::uint64_t most_attachment_bytes = std::uint64_t{1} << 32;

// A tensor that requests bring along: its name in a request, and the input of a stage that gets it.
struct AttachmentPort {
  std::string name = {};
  int to = 0, input = 0;
  std::uint64_t largest_bytes = 0;  // 1 to most_attachment_bytes
  bool required = true;             // if not, a request without it has an empty one
};

// One replica of a stage: its ranks live and die together. Ranks are numbered in the order of the
// stages, of their replicas, and of the ranks in each.
struct Replica {
  int stage_id = 0, index = 0;
  int first_rank = 0, ranks = 1;
};

// What is done about a replica that fails: its ranks are started again, after a pause that doubles
// with each failure, unless it fails too often.
struct Supervision {
  int max_failures = 5;  // within failure_window: the replica is given up
  std::chrono::milliseconds failure_window{60'000};
  std::chrono::milliseconds restart_backoff{50};  // the first pause
  // How often a request is begun anew that was in a replica that failed, if nothing of its output
  // was delivered. Otherwise it ends with rank_failed.
  int max_retries = 0;
};

struct PipelineConfig {
  std::filesystem::path file;
  // The whole config, where it was made from a model's folder: ranks read this. Empty: `file`.
  std::string text;
  // Keys of a deploy config that mean nothing here, each once, and why.
  std::vector<std::pair<std::string, std::string>> ignored;
  std::filesystem::path rank_executable;  // empty: limelight-rank
  std::vector<StageConfig> stages;        // in topological order: inputs first
  std::vector<Edge> edges;
  std::vector<AttachmentPort> attachments;
  int max_inflight = 4;
  std::filesystem::path profile_dir;  // for EngineArgs that state none
  Supervision supervision;
  // Other machines, by their names: where `limelight node` listens there.
  std::map<std::string, std::string> nodes;
  // By the ids of stages: on which of them each replica runs; "" and no entry: on this one.
  std::map<int, std::vector<std::string>> placement;

  std::string node_of(int stage_id, int replica) const;  // "": this machine
  int world_size() const;
  std::vector<Replica> replicas() const;  // of all stages, by rank
  std::optional<Replica> replica_of(int rank) const;
  int first_rank(int stage_id) const;     // of its first replica
  std::size_t place(int stage_id) const;  // of a stage in `stages`, which has it
  const StageConfig* find(int stage_id) const;
  const StageConfig* stage_of(int rank) const;  // nullptr if there is no such rank
};

// Makes `model` the model of a stage, and takes the stage's shape from it. With LongRoPE sequences
// are no longer than those that have the short frequencies, as in the reference, which changes to
// the others with the length of a sequence: a longer max_model_len is a wish for the others.
void set_model(std::shared_ptr<const ModelFile> model, StageConfig& config);

// Reads and checks a config, opens the models that its stages name, and asks plug-ins for their
// ports. rank_executable: in place of the one that the config names. Errors: not_found (the file),
// invalid_argument (everything else).
Result<PipelineConfig> parse(const std::filesystem::path& file,
                             const std::filesystem::path& rank_executable = {});

}  // namespace limelight::stages

namespace limelight {

// The arguments that start a pipeline.
struct EngineArgs {
  std::filesystem::path config = {};  // a stage config; empty beside `model`
  // Where traces go. Empty: to the folder that the config names, or to "traces". In the latter case
  // what a rank that failed had recorded is not written, unless will_profile is set: nobody asked
  // for it.
  std::filesystem::path profile_dir = {};
  // A rank that does not answer for this long counts as failed, even if its process exists (it may
  // be stopped, or starved of memory).
  std::chrono::milliseconds rank_timeout{5000};
  // How much time each rank's flight recorder keeps, in a fixed amount of memory. 0: no recorder.
  std::chrono::milliseconds flight_recorder{10'000};
  // Three events write the flight recorders to profile_dir: a rank that fails, a request that takes
  // longer than slow_request, and a queue that stays full for longer than full_queue (0: these two
  // do not). They are written at most once in dump_interval.
  std::chrono::milliseconds slow_request{0}, full_queue{0};
  std::chrono::milliseconds dump_interval{30'000};
  // The program that hosts the ranks, in place of limelight-rank and of what the config names; see
  // <limelight/rank.hpp>.
  std::filesystem::path rank_executable = {};
  // Called on a thread of the library after each change of the pipeline's health, in order. It must
  // not end the pipeline.
  std::function<void(const PipelineStatus&)> on_status = {};
  // Called on a thread of the library with each trace once its file is complete: of stops and
  // dumps, also of those that nobody asked for. It must return at once.
  std::function<void(const std::filesystem::path&)> on_trace = {};
  // In place of the config's.
  std::optional<stages::Supervision> supervision = {};
  // A model in place of a stage config: a folder, a file, or the name of one that `limelight fetch`
  // brought. Its files say which stages there are.
  std::string model = {};
  // How they are run: a deploy config of vLLM-Omni 0.30. Empty: as usual for the model.
  std::filesystem::path deploy_config = {};
  // Keys of stages over those of the deploy config: JSON, such as {"0": {"max_num_seqs": 8}}.
  std::string stage_overrides = {};
  // Each rank also traces its start, until it has joined: `startup-...` in profile_dir.
  bool profile_startup = false;
  bool will_profile = false;  // a profile is going to be started: traces are wanted
  // The token of the nodes that the config names; a file that its owner alone can read.
  std::filesystem::path token_file = {};
  // Traces that were written on nodes are copied to profile_dir when they are complete.
  bool collect_traces = false;
};

// The pipeline that they describe, read and checked; no process is started. Beside `model`,
// `config` may name a deploy config. Errors: not_found (a file, or the model), invalid_argument
// (everything else, such as a model that is not supported).
Result<stages::PipelineConfig> pipeline_of(const EngineArgs& args);

}  // namespace limelight

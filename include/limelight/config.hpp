// The stage config: which stages there are, how they are linked, what each of them is. YAML with
// the keys that vLLM-Omni's users know.
//
// parse() checks everything that can be known before a process starts. Every error names file,
// line, key, what was found and what was expected.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace limelight::stages {

struct SamplingParams {
  float temperature = 0.0f;  // 0: greedy
  float top_p = 1.0f;
  int top_k = 0;  // 0: no limit
  int max_tokens = 64;
  std::uint64_t seed = 0;
  float repetition_penalty = 1.0f;
  std::vector<int> stop_token_ids;
};

// Shapes of a stage's network. Which of them count depends on the stage.
struct ModelShape {
  int layers = 2, hidden = 128, heads = 4, kv_heads = 2, head_dim = 32, mlp = 256, vocab = 512;
  int input_hidden = 0;                   // talker: width of the conditioning rows
  int codebooks = 4, codebook_size = 64;  // talker and code2wav
  int channels = 32;                      // code2wav: width of the first convolution
  std::vector<int> upsampling;            // code2wav: stride of each transposed convolution
  int max_model_len = 1024;               // tokens of prompt and output together
  int chunk_frames = 25;                  // frames in one chunk to code2wav
  // Of models from files.
  float rms_eps = 1e-6f;
  std::vector<float> rope_frequencies;  // of each pair; empty: base 10 000
  bool rope_interleaved = false;
};

// What the activations are beside weights in blocks: rounded to 8 bits, 32 to a scale, as llama.cpp
// does it; or floats as they are, and the weights widened to the floats that they stand for:
// slower, and equal to the model in float32 but for the order of sums. bfloat16: rounded to it
// beside weights of that type, as a model of that type has them; for other weights it is int8.
enum class Activations { int8, float32, bfloat16 };

// How a rank computes on the CPU.
struct CpuOptions {
  int threads = 1;  // that a product is spread over, the caller's included
  Activations activations = Activations::int8;
};

class ModelFile;

struct StageConfig {
  int stage_id = 0;
  std::string model_stage;  // "thinker", "talker" or "code2wav"
  int tensor_parallel_size = 1;
  int max_batch_size = 4;
  std::uint64_t weights_seed = 0;
  std::string devices = "cpu";             // see make_device()
  ipc::DType dtype = ipc::DType::float32;  // of the weights: float32 or bfloat16
  ModelShape shape;
  std::shared_ptr<const ModelFile> model;  // where the weights and the tokenizer are; null: dummies
  CpuOptions cpu;
  std::vector<int> engine_input_source;
  bool final_output = false;
  std::string final_output_type;  // "text" or "audio"
  SamplingParams sampling;
};

struct Edge {
  int from = 0, to = 0;
  int window_size = 8;  // chunks that may wait unread
};

struct PipelineConfig {
  std::filesystem::path file;
  std::vector<StageConfig> stages;  // in order of the flow: inputs first
  std::vector<Edge> edges;
  int max_inflight = 4;

  int world_size() const;
  int first_rank(int stage_id) const;  // ranks count up over the stages in order
  const StageConfig* find(int stage_id) const;
  const StageConfig* stage_of(int rank) const;  // nullptr: no such rank
};

// Makes a stage's shape that of a model.
void take_model(std::shared_ptr<const ModelFile> model, StageConfig& config);

// A model that a stage names is opened, and its shape taken from it. Errors: not_found (file),
// invalid_argument.
Result<PipelineConfig> parse(const std::filesystem::path& file);

}  // namespace limelight::stages

namespace limelight {

// What a pipeline is started with.
struct EngineArgs {
  std::filesystem::path config;
  // Where traces go. Empty: those that are asked for go to "traces", and what a rank that failed
  // had recorded before is not written, since nobody asked for it.
  std::filesystem::path profile_dir = {};
  // A rank that does not answer for this long has failed, though its process is there (stopped, or
  // starved of memory).
  std::chrono::milliseconds rank_timeout{5000};
  // What each rank's flight recorder keeps, in fixed memory; 0: off.
  std::chrono::milliseconds flight_recorder{10'000};
  // A rank that fails, a request slower than this, and a queue that stays full for longer than this
  // have the flight recorders written to profile_dir, at most once in dump_interval. 0: none does.
  std::chrono::milliseconds slow_request{0}, full_queue{0};
  std::chrono::milliseconds dump_interval{30'000};
};

}  // namespace limelight

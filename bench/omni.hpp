// `limelight bench omni` measures a pipeline that speaks, from the prompt to the last sample. The
// peers compute the same checkpoint: the reference implementation (transformers) and OpenVINO
// GenAI's OmniPipeline.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "bench/report.hpp"

namespace limelight::bench {

struct OmniOptions {
  bool quick = false;
  std::string model;                    // the folder of a checkpoint with a talker
  std::filesystem::path deploy_config;  // empty: as usual for the model
  std::filesystem::path openvino;       // the same checkpoint, exported; empty: not measured
  std::vector<int> concurrency{1, 8};   // clients; each has one request open
  int requests = 16;                    // for each concurrency
  int tokens = 48;                      // of a text
  int frames = 50;                      // of codes, of a sound
  int threads = 2;                      // of a peer
};

// Returns, for each concurrency and peer, means over all requests:
//
//   job           ms        from the submission until text and sound are complete
//   first_text    ms        from the submission
//   first_sound   ms        from the submission
//   text_after_first_sound
//                 ms        from the first sound until the text is complete; above 0: it leaves
//                           before
//   rtf           s/s       time of the job over the length of the sound
//   throughput    s/s       seconds of sound that all clients receive in a second
//
// The reference computes the requests of all clients as one batch. OpenVINO GenAI serves one
// request after the other: a client's next request begins to wait when its previous one is done.
// All texts have options.tokens tokens, all sounds options.frames frames; all is chosen greedily.
//
// Errors: those of starting the pipeline, and the first one of a request.
Result<std::vector<Measurement>> bench_omni(const OmniOptions& options);

}  // namespace limelight::bench

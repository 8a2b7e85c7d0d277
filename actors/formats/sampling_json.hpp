// Sampling parameters as keys of JSON, under the names of vLLM.
#pragma once

#include <limelight/config.hpp>

#include "actors/formats/json_values.hpp"

namespace limelight::formats {

// Handlers that write into `params`, which must outlive them. They check types; stages::check()
// has the ranges.
Handlers sampling_handlers(stages::SamplingParams& params);

// The same for who speaks, and how.
Handlers speech_handlers(stages::SpeechParams& params);
// True if requests of this pipeline may say so: the model of a stage has voices to choose from.
bool takes_speech(const stages::PipelineConfig& config);

// Throws a Refusal that names the key, if a parameter is out of its range.
void check_ranges(const stages::SamplingParams& params);

}  // namespace limelight::formats

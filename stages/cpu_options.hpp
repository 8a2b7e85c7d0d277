// How a rank computes on the CPU.
#pragma once

namespace limelight::stages {

// What the activations are beside weights in blocks: rounded to 8 bits, 32 to a scale, as llama.cpp
// does it; or floats as they are, and the weights widened to the floats that they stand for:
// slower, and equal to the model in float32 but for the order of sums. bfloat16: rounded to it
// beside weights of that type, as a model of that type has them; for other weights it is int8.
enum class Activations { int8, float32, bfloat16 };

struct CpuOptions {
  int threads = 1;  // that a product is spread over, the caller's included
  Activations activations = Activations::int8;
};

}  // namespace limelight::stages

// The part of cpu_kernels_impl.hpp that attention is made of. Heads of queries that share their
// keys and values are computed together, up to four at a time, so that each key and each value is
// read once for all of them. The order of the operations of a head does not depend on how many
// there are.
#pragma once

#include "stages/devices/cpu/cpu_kernels_dots.hpp"
#include "stages/devices/cpu/cpu_kernels_floats.hpp"

namespace limelight::stages {

namespace {

void score_keys(const float* q,
                const CachedRows& keys,
                std::size_t heads,
                float* scores,
                std::size_t scores_stride) {
  const std::size_t width = keys.width;
  in_tiles(heads, [&]<int count>(std::size_t first) {
    const float* query = q + first * width;
    for (std::size_t t = 0; t < keys.count; ++t) {
      const float* key = keys.data + t * keys.stride;
      Sixteen lanes[count];
      std::size_t i = 0;
      for (; i + 16 <= width; i += 16) {
        const Sixteen some = Sixteen::load(key + i);
#pragma GCC unroll 4
        for (std::size_t h = 0; h < count; ++h)
          lanes[h].add(Sixteen::load(query + h * width + i), some);
      }
#pragma GCC unroll 4
      for (std::size_t h = 0; h < count; ++h) {
        float sum = lanes[h].sum();
        for (std::size_t rest = i; rest < width; ++rest)
          sum = __builtin_fmaf(query[h * width + rest], key[rest], sum);
        scores[(first + h) * scores_stride + t] = sum;
      }
    }
  });
}

void add_weighted(const float* weights,
                  std::size_t weights_stride,
                  const CachedRows& values,
                  std::size_t heads,
                  float* out) {
  const std::size_t width = values.width;
  in_tiles(heads, [&]<int count>(std::size_t first) {
    const float* weight = weights + first * weights_stride;
    float* to = out + first * width;
    std::size_t i = 0;
    for (; i + 16 <= width; i += 16) {
      Sixteen sums[count];
#pragma GCC unroll 4
      for (std::size_t h = 0; h < count; ++h) sums[h] = Sixteen::load(to + h * width + i);
      for (std::size_t t = 0; t < values.count; ++t) {
        const Sixteen some = Sixteen::load(values.data + t * values.stride + i);
#pragma GCC unroll 4
        for (std::size_t h = 0; h < count; ++h) sums[h].add(some, weight[h * weights_stride + t]);
      }
#pragma GCC unroll 4
      for (std::size_t h = 0; h < count; ++h) sums[h].store(to + h * width + i);
    }
    for (; i < width; ++i)
      for (std::size_t h = 0; h < count; ++h)
        for (std::size_t t = 0; t < values.count; ++t)
          to[h * width + i] = __builtin_fmaf(weight[h * weights_stride + t],
                                             values.data[t * values.stride + i], to[h * width + i]);
  });
}

}  // namespace

}  // namespace limelight::stages

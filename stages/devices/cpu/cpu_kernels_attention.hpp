// The part of cpu_kernels_impl.hpp that attention is made of. Heads of queries that share their
// keys and values are computed together, up to four at a time, so that each key and each value is
// read once for all of them. The order of the operations of a head does not depend on how many
// there are.
#pragma once

#include "stages/devices/cpu/cpu_kernels_dots.hpp"
#include "stages/devices/cpu/cpu_kernels_floats.hpp"

namespace limelight::stages {

namespace {

// How many pieces of sixteen values are summed at a time: as many as the registers hold.
#if defined(__AVX512F__)
constexpr std::size_t most_pieces = 4;
#else
constexpr std::size_t most_pieces = 1;
#endif

// Asks for a row some steps before it is read: those of one head are too far apart for the
// processor to foresee. Rows after the last one are asked for in vain, which does no harm.
inline void fetch_ahead(const float* row, std::size_t stride, std::size_t width) {
  constexpr std::size_t ahead = 6, line = 64 / sizeof(float);
  for (std::size_t i = 0; i < width; i += line) __builtin_prefetch(row + ahead * stride + i);
}

// Sums of `pieces` * 16 values of each head, from value i on.
template <std::size_t pieces, std::size_t count>
void add_pieces(const float* weight,
                std::size_t weights_stride,
                const CachedRows& values,
                std::size_t i,
                float* to) {
  Sixteen sums[count][pieces];
#pragma GCC unroll 4
  for (std::size_t h = 0; h < count; ++h)
#pragma GCC unroll 4
    for (std::size_t p = 0; p < pieces; ++p)
      sums[h][p] = Sixteen::load(to + h * values.width + i + 16 * p);
  for (std::size_t t = 0; t < values.count; ++t) {
    const float* value = values.data + t * values.stride + i;
    fetch_ahead(value, values.stride, 16 * pieces);
#pragma GCC unroll 4
    for (std::size_t p = 0; p < pieces; ++p) {
      const Sixteen some = Sixteen::load(value + 16 * p);
#pragma GCC unroll 4
      for (std::size_t h = 0; h < count; ++h) sums[h][p].add(some, weight[h * weights_stride + t]);
    }
  }
#pragma GCC unroll 4
  for (std::size_t h = 0; h < count; ++h)
#pragma GCC unroll 4
    for (std::size_t p = 0; p < pieces; ++p) sums[h][p].store(to + h * values.width + i + 16 * p);
}

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
      fetch_ahead(key, keys.stride, width);
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
    for (; i + 16 * most_pieces <= width; i += 16 * most_pieces)
      add_pieces<most_pieces, count>(weight, weights_stride, values, i, to);
    for (; i + 16 <= width; i += 16) add_pieces<1, count>(weight, weights_stride, values, i, to);
    for (; i < width; ++i)
      for (std::size_t h = 0; h < count; ++h)
        for (std::size_t t = 0; t < values.count; ++t)
          to[h * width + i] = __builtin_fmaf(weight[h * weights_stride + t],
                                             values.data[t * values.stride + i], to[h * width + i]);
  });
}

}  // namespace

}  // namespace limelight::stages

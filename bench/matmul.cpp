#include "bench/matmul.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "stages/devices/device.hpp"

namespace limelight::bench {

namespace {

using Clock = std::chrono::steady_clock;

// Functions of cblas.h. The constants are its values for row-major, no transpose and transpose.
struct OpenBlas {
  using Sgemv =
      void (*)(int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
  using Sgemm = void (*)(int,
                         int,
                         int,
                         int,
                         int,
                         int,
                         float,
                         const float*,
                         int,
                         const float*,
                         int,
                         float,
                         float*,
                         int);
  static constexpr int row_major = 101, as_is = 111, transposed = 112;
  Sgemv sgemv = nullptr;
  Sgemm sgemm = nullptr;

  OpenBlas() {
    ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
    void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    sgemv = reinterpret_cast<Sgemv>(dlsym(library, "cblas_sgemv"));
    sgemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  }
  bool found() const { return sgemv != nullptr && sgemm != nullptr; }
};

template <class F>
double us_each(F&& f, double us_long) {
  const auto start = Clock::now();
  int count = 0;
  double us = 0;
  do {
    f();
    ++count;
    us = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  } while (us < us_long);
  return us / count;
}

}  // namespace

std::vector<Measurement> bench_matmul(bool quick) {
  const OpenBlas blas;
  const auto cpu = stages::make_cpu_device();
  const struct {
    int n, in, out;
  } shapes[] = {{1, 512, 1536},   {1, 1536, 512}, {1, 512, 2048}, {20, 512, 1536},
                {100, 512, 1536}, {25, 256, 768}, {6000, 16, 96}};
  const double us_long = quick ? 10'000 : 50'000;
  std::vector<Measurement> results;
  for (const auto& s : shapes)
    for (const ipc::DType dtype : {ipc::DType::float32, ipc::DType::bfloat16}) {
      const auto count = [](int a, int b) {
        return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
      };
      const std::vector<float> x(count(s.n, s.in), 0.5f), w(count(s.out, s.in), 0.25f);
      std::vector<float> y(count(s.n, s.out));
      const auto matrix = cpu->pack(w, s.out, s.in, dtype);
      const auto ours = [&] { cpu->linear(x, *matrix, y, s.n); };
      const auto theirs = [&] {
        if (s.n == 1)
          blas.sgemv(OpenBlas::row_major, OpenBlas::as_is, s.out, s.in, 1, w.data(), s.in, x.data(),
                     1, 0, y.data(), 1);
        else
          blas.sgemm(OpenBlas::row_major, OpenBlas::as_is, OpenBlas::transposed, s.n, s.out, s.in,
                     1, x.data(), s.in, w.data(), s.in, 0, y.data(), s.out);
      };
      std::vector<double> mine, peer;
      ours();
      for (int turn = 0; turn < 9; ++turn) {
        mine.push_back(us_each(ours, us_long));
        if (blas.found()) peer.push_back(us_each(theirs, us_long));
      }
      Measurement m{"matmul",
                    {{"n", std::to_string(s.n)},
                     {"in", std::to_string(s.in)},
                     {"out", std::to_string(s.out)},
                     {"dtype", ipc::to_string(dtype)}},
                    quantile(mine, 0.5),
                    "us",
                    "openblas",
                    std::nullopt};
      if (!peer.empty()) m.peer_value = quantile(peer, 0.5);
      results.push_back(m);
    }
  return results;
}

}  // namespace limelight::bench

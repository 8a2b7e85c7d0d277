// Measures a span of LTTng-UST: a reading of the clock at its begin, and a tracepoint, which reads
// the clock itself, at its end. It is C because LTTng's macros are.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "bench/lttng/span_tracepoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

enum { spans = 4096, turns = 101 };

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}
static int by_size(const void* a, const void* b) {
  return *(const double*)a < *(const double*)b ? -1 : 1;
}

int main(void) {
  if (!lttng_ust_tracepoint_enabled(limelight_bench, span)) return 1;
  double took[turns];
  for (int turn = 0; turn < turns; ++turn) {
    const double start = now_ns();
    for (int i = 0; i < spans; ++i) {
      const uint64_t begin = __rdtsc();
      __asm__ volatile("" ::: "memory");
      lttng_ust_tracepoint(limelight_bench, span, begin, 7, 1, 0);
    }
    took[turn] = (now_ns() - start) / spans;
    const struct timespec pause = {0, 8000000};  // the consumer takes them away
    nanosleep(&pause, NULL);
  }
  qsort(took, turns, sizeof took[0], by_size);
  printf("{\"span_ns\": %.3f}\n", took[turns / 2]);
  return 0;
}

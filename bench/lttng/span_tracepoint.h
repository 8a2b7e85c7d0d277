// A tracepoint that represents a span. It has the same members as Record.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER limelight_bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "bench/lttng/span_tracepoint.h"
#if !defined(LIMELIGHT_BENCH_LTTNG_SPAN_TRACEPOINT_H) || \
    defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LIMELIGHT_BENCH_LTTNG_SPAN_TRACEPOINT_H
#include <lttng/tracepoint.h>
#include <stdint.h>
// clang-format off
LTTNG_UST_TRACEPOINT_EVENT(
    limelight_bench, span,
    LTTNG_UST_TP_ARGS(uint64_t, begin, uint64_t, value, uint32_t, name, uint32_t, request),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, begin, begin)
                        lttng_ust_field_integer(uint64_t, value, value)
                        lttng_ust_field_integer(uint32_t, name, name)
                        lttng_ust_field_integer(uint32_t, request, request)))
// clang-format on
#endif
#include <lttng/tracepoint-event.h>

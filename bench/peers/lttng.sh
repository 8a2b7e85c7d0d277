# Runs the program $1 while LTTng records its tracepoint. The session and its home folder are
# removed afterwards.
set -e
export LTTNG_HOME="$(mktemp -d)"
end() {
  lttng destroy limelight-bench >/dev/null 2>&1 || true
  [ ! -f "$LTTNG_HOME/pid" ] || kill "$(cat "$LTTNG_HOME/pid")" 2>/dev/null || true
  rm -rf "$LTTNG_HOME"
}
trap end EXIT
lttng-sessiond --daemonize --no-kernel --pidfile="$LTTNG_HOME/pid" >/dev/null 2>&1
lttng --no-sessiond create limelight-bench --output="$LTTNG_HOME/trace" >/dev/null
lttng --no-sessiond enable-channel --userspace --subbuf-size=4M --num-subbuf=4 spans >/dev/null
lttng --no-sessiond enable-event --userspace --channel=spans limelight_bench:span >/dev/null
lttng --no-sessiond start >/dev/null
LTTNG_UST_REGISTER_TIMEOUT=3000 "$1"

#!/usr/bin/env bash
# Runs examples/service as its users would, and looks at what the programs say and leave: a service
# with its own actor system and a client in another process, and a service on Boost.Asio.
#   services.sh <folder of the programs> <config> <the command limelight> <work folder>
set -euo pipefail
programs=$1 config=$2 limelight=$3 work=$4
fail() {
  echo "services.sh: $1" >&2
  exit 1
}
port_of() { # <descriptor>: reads what a service says until it names its port
  local line
  while read -r -t 60 line <&"$1"; do
    [[ $line == "here: "* ]] && here=${line#here: }
    [[ $line == "port "* ]] && port=${line#port } && return
  done
  fail "the service named no port"
}
check_traces() { # <how many> <folder>
  local traces=("$2"/*.pt.trace.json.gz)
  ((${#traces[@]} == $1)) || fail "found ${#traces[@]} traces in $2, expected $1"
  "$limelight" trace validate "${traces[@]}" >/dev/null
}

coproc "$programs/caf_service" "$config" "$work/caf"
pid=$COPROC_PID input=${COPROC[1]} output=${COPROC[0]}
port_of "$output"
there=$("$programs/caf_client" "$port" Hello 1)
[[ -n $here && $there == "there: $here"$'\n'"sound: "*" s"$'\n'"$work/caf/"*-rank-1.* ]] ||
  fail "the client found '$there', and the service itself '$here'"
! "$programs/caf_client" "$port" Hello 7 2>"$work/refused" || fail "stage 7 was profiled"
grep -q 7 "$work/refused" || fail "found '$(<"$work/refused")', expected it to name stage 7"
exec {input}>&-
wait "$pid" || fail "caf_service ended with $?"
check_traces 1 "$work/caf"

coproc "$programs/asio_service" "$config" "$work/asio"
pid=$COPROC_PID output=${COPROC[0]}
port_of "$output"
exec {gone}<>"/dev/tcp/127.0.0.1/$port"
echo "ask A long story" >&"$gone"
read -r -t 60 -n 1 <&"$gone"
exec {gone}>&- # in the middle of its answer
exec {client}<>"/dev/tcp/127.0.0.1/$port"
printf '%s\n' "profile 0 2" "ask Hello" stop dance >&"$client"
mapfile -t -n 6 said <&"$client"
[[ ${said[0]} == "$work/asio/"*-rank-0.* && ${said[1]} == "$work/asio/"*-rank-2.* ]] ||
  fail "profile: found '${said[*]:0:2}', expected the traces of the stages 0 and 2"
[[ ${said[2]} == "$here" ]] || fail "ask: found '${said[2]}', expected '$here'"
[[ ${said[3]} == "${said[0]}" && ${said[4]} == "${said[1]}" ]] ||
  fail "stop: found '${said[*]:3:2}', expected '${said[*]:0:2}'"
[[ ${said[5]} == "error: found 'dance', expected "* ]] || fail "found '${said[5]}' to 'dance'"
kill "$pid"
wait "$pid" || fail "asio_service ended with $?"
check_traces 2 "$work/asio"

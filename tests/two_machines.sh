#!/usr/bin/env bash
# Two machines of one: network namespaces with a link between them, and for the node a /tmp, a
# /dev/shm and process numbers of its own as well. Exit status 77: that is not permitted here.
#   unshare -n -m two_machines.sh LIMELIGHT CONFIG FOLDER
# CONFIG: a pipeline with a stage at 10.77.0.2:7420. FOLDER: not below /tmp; has `token`; gets the
# outputs `plain` and `cut`, and what was said.
set -u
limelight=$1 config=$2 folder=$3
unset XDG_RUNTIME_DIR
skip() { echo "$1"; exit 77; }
mount --make-rprivate / 2>/dev/null || skip "mounts are not permitted"
ip link add lla type veth peer name llb 2>/dev/null || skip "veth is not permitted"
exec 5<"$folder/token"
unshare -n -m -p -f --mount-proc bash -c '
  mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /dev/shm && cat <&5 >/tmp/token || exit 99
  chmod 600 /tmp/token
  until ip addr add 10.77.0.2/24 dev llb 2>/dev/null; do sleep 0.05; done
  ip link set llb up; ip link set lo up
  exec "$0" node --listen 10.77.0.2:7420 --token-file /tmp/token' "$limelight" \
  >"$folder/node.log" 2>&1 &
node=$!
trap 'kill -9 $node 2>/dev/null' EXIT
# The namespace is made a moment after the process.
for _ in $(seq 100); do
  [[ $(readlink /proc/$node/ns/net) != $(readlink /proc/self/ns/net) ]] && break
  sleep 0.05
done
ip link set llb netns $node || skip "a link cannot be moved to another namespace"
ip link set lo up
ip addr add 10.77.0.1/24 dev lla && ip link set lla up || skip "a link cannot be set up"
for _ in $(seq 100); do
  "$limelight" node list --config "$config" --token-file "$folder/token" >"$folder/list" 2>&1 &&
    break
  sleep 0.05
done
run() { # <name> [<tokens>]
  "$limelight" run --config "$config" --token-file "$folder/token" --prompt 'Why is the sky blue?' \
    --max-tokens "${2:-24}" --output-dir "$folder/$1" >"$folder/$1.log" 2>&1
}
run plain || { cat "$folder"/*.log; exit 1; }
# A rank may be silent for five seconds. On a busy machine TCP may find the way again a little later
# than that: then the requests fail by name, which the pipeline promises too, and it is tried again.
for try in 1 2 3; do
  (sleep 0.9; ip link set lla down; sleep 3; ip link set lla up) &
  cut=$!
  begin=$(date +%s%N)
  run cut
  status=$?
  wait $cut
  ((status == 0)) && break
  ((try < 3)) && grep -q 'did not answer for' "$folder/cut.log" && continue
  cat "$folder"/*.log
  exit 2
done
echo "with the cut, at try $try: $((($(date +%s%N) - begin) / 1000000)) ms"
# The host dies in the middle of a run, with all that is on it.
(sleep 0.9; kill -9 "$(cat /proc/$node/task/$node/children | tr -d ' ')") &
run killed 1000 && { cat "$folder"/killed.log; exit 3; }
grep -q 'is lost' "$folder/killed.log" || { cat "$folder/killed.log"; exit 4; }
exit 0

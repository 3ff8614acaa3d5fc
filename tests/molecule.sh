#!/usr/bin/env bash
# Runs every molecule scenario, or those named, two at a time; each brings its own hosts up and takes them down.
# With MOLECULE_CLAIMS, a folder, it runs one at a time those that no other run with the same folder has claimed.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
logs=build/test/molecule
mkdir -p "$logs"
slow=(monitoring_server remote_access_server managed_agent_trixie managed_agent_backup) # first, lest one is alone at the end
scenarios=("$@")
if [ ${#scenarios[@]} = 0 ]; then
  mapfile -t scenarios < <(printf '%s\n' "${slow[@]}"; for file in molecule/*/molecule.yml; do basename "$(dirname "$file")"; done)
fi

work() { # claims folder: runs the scenarios that nobody has claimed
  local scenario began failed=0
  for scenario in "${scenarios[@]}"; do
    mkdir "$1/$scenario" 2>/dev/null || continue
    began=$SECONDS
    if molecule test --scenario-name "$scenario" >"$logs/$scenario.log" 2>&1; then
      echo "$scenario: passed after $((SECONDS - began)) s"
    else
      failed=1
      printf '%s\n' "──── $scenario" "$(tail -n 150 "$logs/$scenario.log")" "$scenario: FAILED after $((SECONDS - began)) s"
    fi
  done
  return $failed
}

if [ -n "${MOLECULE_CLAIMS:-}" ]; then
  work "$MOLECULE_CLAIMS"
  exit
fi
claims=$(mktemp -d)
trap 'rm -r "$claims"; podman network rm mspctl-molecule >/dev/null 2>&1' EXIT
work "$claims" & other=$!
work "$claims"; failed=$?
wait $other && exit $failed

#!/usr/bin/env bash
# Runs every suite: two tracks side by side, as the slow ones mostly wait; both end with molecule's scenarios, each taking
# the next that the other has not begun. Logs go to build/test.
set -uo pipefail
cd "$(dirname "$0")/.."
logs=build/test
mkdir -p "$logs"

suite() { # name, command…: runs one suite, tells when it ends
  local name=$1 began=$SECONDS word=passed; shift
  "$@" >"$logs/$name.log" 2>&1 || word=FAILED
  echo "$name: $word after $((SECONDS - began)) s" | tee "$logs/$name.verdict"
  [ $word = passed ]
}

lab_track() {
  suite images .venv/bin/python -m tests.lab prepare && suite lab .venv/bin/pytest -m lab --durations=15 tests
  suite molecule-beside tests/molecule.sh
}

own_track() {
  suite unit .venv/bin/pytest -m "not lab and not wheel and not crowd" -n 2 --durations=15 tests
  suite wheel .venv/bin/pytest -m wheel tests
  suite molecule tests/molecule.sh
}

# What needs apt is installed before the tracks part, as apt serves one at a time.
mapfile -t peers < <(grep -v '^#' tests/discovery/packages.txt) # real servers for the probes
if ! dpkg -s "${peers[@]}" >/dev/null 2>&1; then
  # None of them is to serve on this machine: the tests start them where nobody else is.
  quiet=/usr/sbin/policy-rc.d
  if [ -e $quiet ]; then quiet=""; else printf '#!/bin/sh\nexit 101\n' >$quiet && chmod +x $quiet; fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${peers[@]}" >/dev/null
  [ -z "$quiet" ] || rm "$quiet"
fi
if ! .venv/bin/python -m tests.lab packages; then
  echo "lab: cannot be built here" >&2
  exit 1
fi
rm -rf "$logs"/*.verdict "$logs/claims"
export MOLECULE_CLAIMS=$PWD/$logs/claims
mkdir "$MOLECULE_CLAIMS"
lab_track & own_track & wait
podman network rm mspctl-molecule >/dev/null 2>&1

failed=0
for name in unit wheel images molecule molecule-beside lab; do
  echo "──── $name"
  if grep -q passed "$logs/$name.verdict" 2>/dev/null; then
    tail -n 20 "$logs/$name.log"
  else
    failed=1
    tail -n 400 "$logs/$name.log"
  fi
done
cat "$logs"/*.verdict
exit $failed

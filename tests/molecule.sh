#!/usr/bin/env bash
# Runs every molecule scenario, or those named; each brings its own hosts up and takes them down.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
scenarios=("$@")
if [ ${#scenarios[@]} = 0 ]; then
  for file in molecule/*/molecule.yml; do scenarios+=("$(basename "$(dirname "$file")")"); done
fi
failed=0
for scenario in "${scenarios[@]}"; do
  echo "──── $scenario"
  molecule test --scenario-name "$scenario" || failed=$((failed + 1))
done
echo "$((${#scenarios[@]} - failed)) passed, $failed failed"
[ "$failed" = 0 ]

#!/usr/bin/env bash
# Resolves all dependencies anew with the Python $1 and writes their versions to .config/constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$1" -m venv "$fresh"
"$fresh/bin/pip" install --quiet --upgrade pip
"$fresh/bin/pip" install --quiet hatchling editables
"$fresh/bin/pip" install --quiet --no-build-isolation --editable . --group test --group lint --group molecule
{
  echo "# Versions everything is tested with; written by \`make lock\`."
  "$fresh/bin/pip" freeze --all --exclude-editable | grep -v '^setuptools=='
} > .config/constraints.txt

#!/usr/bin/env bash
# Makes the virtual environment $2 with the Python $1 and the versions of .config/constraints.txt.
set -euo pipefail
python=$1 venv=$2
cd "$(dirname "$0")/.."

if ! command -v "$python" >/dev/null; then python=python3; fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || ! "$python" -c 'import venv, ensurepip' 2>/dev/null \
   || ! command -v git >/dev/null || ! command -v ssh >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: needs python >= 3.11 with venv, git and ssh: install them, or run this as root on Debian" >&2
    exit 1
  fi
  echo "setup: installing python3, git and ssh"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv git openssh-client >/dev/null
  python=python3
fi

echo "setup: $("$python" --version) into $venv"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# pip itself is locked too: what an old one resolves to is not what was tested.
"$venv/bin/pip" install --quiet --disable-pip-version-check --constraint .config/constraints.txt pip
"$venv/bin/pip" install --quiet --constraint .config/constraints.txt hatchling editables
"$venv/bin/pip" install --quiet --constraint .config/constraints.txt --no-build-isolation --editable . \
  --group test --group lint --group molecule

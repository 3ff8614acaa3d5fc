#!/usr/bin/env bash
# Installs the real servers that the probes are tested against, without starting any of them here.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=$(grep -v '^#' tests/discovery/packages.txt)
missing=()
for package in $wanted; do
  [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then # "101" says: do not start what is being installed
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
echo "tests: installing ${missing[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

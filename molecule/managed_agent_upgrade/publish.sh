#!/bin/sh
# Have the repository in /run/repository hold these versions of example-agent and no others; one of 2 cannot start,
# one of 3 is not sound.
# Each brings the file that we write as a configuration file of its own.
set -eu
umask 022
mkdir -p /run/repository/debs
cd /run/repository
: > Packages
for version; do
  name=example-agent_${version}_all.deb
  if [ ! -e "debs/$name" ]; then
    rm -rf build && mkdir -p build/DEBIAN build/lib/systemd/system build/etc
    printf 'Package: example-agent\nVersion: %s\nArchitecture: all\nMaintainer: Nobody <nobody@vendor.example>\nDescription: an agent\n' \
      "$version" > build/DEBIAN/control
    echo /etc/example-agent.conf > build/DEBIAN/conffiles
    echo "# as the vendor has it in $version" > build/etc/example-agent.conf
    case $version in *:2.*) program='/bin/sh -c "exit 3"' ;; *) program='/bin/sleep infinity' ;; esac
    printf '[Service]\nExecStart=%s\n[Install]\nWantedBy=multi-user.target\n' "$program" > build/lib/systemd/system/example-agent.service
    case $version in *:3.*) mkdir -p build/usr/share && : > build/usr/share/example-agent-unsound ;; esac
    dpkg-deb --root-owner-group --build build "debs/$name" >/dev/null
  fi
  { dpkg-deb --field "debs/$name"
    echo "Filename: debs/$name"
    echo "Size: $(stat -c %s "debs/$name")"
    echo "SHA256: $(sha256sum "debs/$name" | cut -d' ' -f1)"
    echo; } >> Packages
done

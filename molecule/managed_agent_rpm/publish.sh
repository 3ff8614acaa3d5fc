#!/bin/sh
# Have the repository in /run/repository hold these versions of example-agent and no others, with what they stand on; one
# of 2 cannot start, one of 3 is not sound. Each brings the file that we write as a configuration file of its own.
set -eu
umask 022
mkdir -p /run/repository /run/kept /run/build
cd /run/build

package() { # NAME VERSION
  [ -e "/run/kept/$1-$2-1.noarch.rpm" ] && return
  { printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: an agent\nLicense: none\nBuildArch: noarch\n' "$1" "$2"
    cat; } > "$1.spec"
  rpmbuild --quiet --define '_topdir /run/build' --define '_rpmdir /run/kept' \
    --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' -bb "$1.spec"
}

package example-library 1.0 <<'SPEC'
%description
what the agent stands on
%install
mkdir -p %{buildroot}/usr/share/example-library
%files
%dir /usr/share/example-library
SPEC

package ca-certificates 1.0 <<'SPEC'
%description
what a system of the family has, here in name alone
%files
SPEC

for version; do
  case $version in 2.*) program='/bin/sh -c "exit 3"' ;; *) program='/bin/sleep infinity' ;; esac
  case $version in 3.*) unsound=/usr/share/example-agent-unsound ;; *) unsound=/usr/share/example-agent-sound ;; esac
  package example-agent "$version" <<SPEC
Requires: example-library
%description
an agent
%install
mkdir -p %{buildroot}/etc %{buildroot}/usr/lib/systemd/system %{buildroot}/usr/share
echo "# as the vendor has it in $version" > %{buildroot}/etc/example-agent.conf
printf '[Service]\nExecStart=%%s\n[Install]\nWantedBy=multi-user.target\n' '$program' \
  > %{buildroot}/usr/lib/systemd/system/example-agent.service
: > %{buildroot}$unsound
%files
%config(noreplace) /etc/example-agent.conf
/usr/lib/systemd/system/example-agent.service
$unsound
SPEC
done

rm -rf /run/repository/*
for version; do cp "/run/kept/example-agent-$version-1.noarch.rpm" /run/repository; done
cp /run/kept/example-library-1.0-1.noarch.rpm /run/kept/ca-certificates-1.0-1.noarch.rpm /run/repository
createrepo_c --quiet /run/repository

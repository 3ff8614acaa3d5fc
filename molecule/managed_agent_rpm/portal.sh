#!/bin/sh
# Have /run/portal hold what a vendor's portal serves: a package of rpm's, its checksum, the certificate of 127.0.0.1.
set -eu
umask 077
mkdir -p /run/portal /run/build
cd /run/portal
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=portal \
  -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem 2>/dev/null
cat > /run/build/vendor-backup.spec <<'SPEC'
Name: Vendor_Backup
Version: 1.2.3
Release: 4
Summary: an agent
License: none
BuildArch: noarch
%description
an agent
%install
mkdir -p %{buildroot}/usr/lib/systemd/system
printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
  > %{buildroot}/usr/lib/systemd/system/vendor-backup.service
%files
/usr/lib/systemd/system/vendor-backup.service
SPEC
rpmbuild --quiet --define '_topdir /run/build' --define '_rpmdir /run/portal' \
  --define '_rpmfilename vendor-backup.rpm' -bb /run/build/vendor-backup.spec
sha256sum vendor-backup.rpm | cut -d' ' -f1 > vendor-backup.sha256

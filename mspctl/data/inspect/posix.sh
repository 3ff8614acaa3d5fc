# What a Unix machine is and has, in sections: read only, nothing written, nothing fetched, nothing installed.
#
# mspctl sends this through standard input to `sh`. The variables `mark`, `word` and `script` are set: what
# begins each section, the password for sudo or nothing, and this text. A section is a line of `mark`, its name
# and the most bytes it may have, and then what a command said. POSIX sh; each command is one a system may lack.
LC_ALL=C LANG=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL LANG PATH
umask 077
[ "${1-}" = root ] && mark=$2

has() { command -v "$1" >/dev/null 2>&1; }

if timeout 1 true 2>/dev/null; then
  t() { timeout 20 "$@"; }
else
  t() { "$@"; }
fi

section() {
  name=$1 most=$2
  shift 2
  printf '\n%s %s %s\n' "$mark" "$name" "$most"
  "$@" </dev/null 2>/dev/null | head -c "$most"
}

field() { # name, file: its first line as name=…
  [ -r "$2" ] && IFS= read -r line <"$2" && printf '%s=%s\n' "$1" "$line"
}

kernel() {
  printf 'system=%s\nrelease=%s\nmachine=%s\n' "$(uname -s)" "$(uname -r)" "$(uname -m)"
  [ "$(uname -s)" = Darwin ] && printf 'macos=%s\n' "$(sw_vers -productVersion)"
}

names() {
  printf 'host=%s\n' "$(hostname 2>/dev/null || uname -n)"
  printf 'full=%s\n' "$(t hostname -f)"
}

hardware() {
  for item in sys_vendor product_name product_version product_family chassis_type bios_version; do
    field $item /sys/class/dmi/id/$item
  done
  [ -r /proc/device-tree/model ] && printf 'tree=%s\n' "$(tr -d '\000' </proc/device-tree/model)"
  if [ "$(uname -s)" = Darwin ]; then
    printf 'sys_vendor=Apple\nproduct_name=%s\n' "$(sysctl -n hw.model)"
    ioreg -d2 -c IOPlatformExpertDevice | sed -n \
      -e 's/.*"IOPlatformSerialNumber" = "\(.*\)"/product_serial=\1/p' \
      -e 's/.*"IOPlatformUUID" = "\(.*\)"/product_uuid=\1/p'
  fi
}

virtual() {
  has systemd-detect-virt && printf 'container=%s\nmachine=%s\n' \
    "$(systemd-detect-virt --container)" "$(systemd-detect-virt --vm)"
  [ -e /.dockerenv ] && echo container=docker
  [ -e /run/.containerenv ] && echo container=podman
  [ -d /proc/vz ] && [ ! -d /proc/bc ] && echo container=openvz
  field container /run/systemd/container
  grep -q '^flags.* hypervisor' /proc/cpuinfo && echo machine=unnamed
  [ "$(sysctl -n kern.hv_vmm_present)" = 1 ] && echo machine=unnamed
}

processor() {
  if [ -r /proc/cpuinfo ]; then
    sed -n 's/^\(model name\|Model\|cpu model\)[[:space:]]*: */model=/p' /proc/cpuinfo | head -n 1
  fi
  [ "$(uname -s)" = Darwin ] && printf 'model=%s\n' "$(sysctl -n machdep.cpu.brand_string)"
  printf 'count=%s\n' "$(getconf _NPROCESSORS_ONLN)"
  sed -n 's/^MemTotal: *\([0-9]*\) kB/memory_kib=\1/p' /proc/meminfo
  [ "$(uname -s)" = Darwin ] && printf 'memory_kib=%s\n' "$(($(sysctl -n hw.memsize) / 1024))"
}

disks() {
  has lsblk && t lsblk --bytes --pairs --output NAME,PKNAME,TYPE,SIZE,ROTA,RM,FSTYPE,MOUNTPOINT,MODEL
}

mounts() { if [ -r /proc/self/mounts ]; then cat /proc/self/mounts; else mount; fi; }

interfaces() {
  if has ip; then
    ip -o link show
    ip -o address show
  else
    ifconfig -a
  fi
}

packages() {
  has dpkg-query && dpkg-query --show \
    --showformat='deb\t${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n'
  has rpm && rpm --query --all --queryformat 'rpm\tii\t%{NAME}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n'
  has apk && apk list --installed | sed 's/^/apk	/'
  has pacman && pacman --query | sed 's/^/pacman	/'
  has snap && t snap list | sed 's/^/snap	/'
  has flatpak && t flatpak list --app --columns=application,version | sed 's/^/flatpak	/'
  for bundle in /Applications/*.app; do
    [ -e "$bundle/Contents/Info.plist" ] && printf 'app\t%s\t%s\n' "${bundle##*/}" \
      "$(defaults read "$bundle/Contents/Info" CFBundleShortVersionString)"
  done
}

updates() {
  has apt-get && echo manager=apt && t apt-get --simulate -o Debug::NoLocking=1 dist-upgrade | grep '^Inst '
  has zypper && echo manager=zypper && t zypper --non-interactive --no-refresh --terse list-updates
  has zypper && echo manager=zypper-security &&
    t zypper --non-interactive --no-refresh --terse list-patches --category security
  has apk && echo manager=apk && t apk version --no-network --limit '<'
  has pacman && echo manager=pacman && t pacman --query --upgrades
  has softwareupdate && echo manager=softwareupdate && t softwareupdate --list --no-scan
}

lists() { # when the lists of packages were last fetched, in seconds since 1970
  stat -c %Y /var/lib/apt/lists /var/lib/apt/lists/partial /var/lib/apt/periodic/update-success-stamp
  stat -c %Y /var/cache/dnf/last_makecache /var/cache/libdnf5 /var/cache/zypp/solv /var/cache/apk \
    /var/lib/pacman/sync
}

boot() {
  date '+now=%s'
  sed -n 's/^btime /kernel=/p' /proc/stat
  stat -c 'first=%Y' /proc/1
  sysctl -n kern.boottime | sed -n 's/.*{ sec = \([0-9]*\).*/kernel=\1/p'
}

reboot() {
  [ -e /run/reboot-required ] && echo required
  sed 's/^/because=/' /run/reboot-required.pkgs
  has needs-restarting && { t needs-restarting -r >/dev/null || echo required; }
  has zypper && { t zypper needs-rebooting >/dev/null; [ $? = 102 ] && echo required; }
  [ -d /lib/modules ] && [ "$(ls /lib/modules)" ] && [ ! -d "/lib/modules/$(uname -r)" ] &&
    echo kernel=gone
}

accounts() {
  if [ "$(uname -s)" = Darwin ]; then
    dscl . -list /Users UniqueID | sed 's/^\([^ ]*\)  *\([0-9-]*\)$/\1:x:\2:20::\/Users\/\1:\/bin\/zsh/'
  else
    cat /etc/passwd
  fi
}

groups_of() {
  if [ "$(uname -s)" = Darwin ]; then
    dscl . -read /Groups/admin GroupMembership | sed 's/^GroupMembership: /admin:x:80:/; y/ /,/'
  else
    cat /etc/group
  fi
}

logins() { has lastlog && t lastlog; }

processes() { ps -A -o comm= || ps -o comm; }

services() {
  has systemctl && t systemctl list-units --type=service --all --plain --no-legend --no-pager
  has rc-status && rc-status --servicelist | sed 's/^/openrc /'
  has launchctl && launchctl list | sed 's/^/launchd /'
}

listening() {
  if has ss; then
    t ss -H -l -n -t -u -p
  elif has netstat && [ "$(uname -s)" != Darwin ]; then
    t netstat -l -n -t -u -p
  elif has lsof; then
    t lsof -n -P -iTCP -sTCP:LISTEN
  fi
}

antivirus() {
  stat -c 'signatures=%Y' /var/lib/clamav/*.c[vl]d /var/lib/clamav/*.[nh]db /var/lib/clamav/*.[hn]sb
  has clamscan && t clamscan --version
  has mdatp && t mdatp health --output json
}

firewall() {
  for unit in nftables ufw firewalld iptables netfilter-persistent shorewall pf; do
    has systemctl && [ "$(systemctl is-active $unit)" = active ] && echo "active=$unit"
  done
  has firewall-cmd && printf 'firewalld=%s\n' "$(t firewall-cmd --state)"
  wall=/usr/libexec/ApplicationFirewall/socketfilterfw
  [ -x $wall ] && $wall --getglobalstate | sed 's/^/macos=/'
}

clock() {
  has timedatectl && t timedatectl show --property=NTP --property=NTPSynchronized --property=Timezone
  has chronyc && t chronyc -n tracking | sed -n 's/^Leap status *: */leap=/p'
  has systemsetup && t systemsetup -getusingnetworktime
}

encryption() { has fdesetup && t fdesetup status; }

domain() {
  has realm && t realm list
  has dsconfigad && t dsconfigad -show | sed -n 's/^Active Directory Domain *= /domain-name: /p'
  sed -n 's/^[[:space:]]*\(realm\|security\|workgroup\|server role\) *= */samba-\1: /p' /etc/samba/smb.conf
}

shares() {
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' -e 's/^/nfs /' /etc/exports
  has testparm && t testparm --suppress-prompt | sed -n 's/^[[:space:]]*\(\[.*\]\|[a-z ]* = .*\)$/smb \1/p'
}

logs() {
  [ -d /var/log/journal ] && echo journal=persistent
  for unit in rsyslog syslog-ng auditd; do
    has systemctl && [ "$(systemctl is-active $unit)" = active ] && echo "active=$unit"
  done
}

plain() {
  section kernel 1024 kernel
  section release 4096 cat /etc/os-release
  section names 1024 names
  section hardware 4096 hardware
  section virtual 512 virtual
  section processor 1024 processor
  section disks 32768 disks
  section filesystems 32768 t df -P -k -l
  section mounts 32768 mounts
  section raid 8192 cat /proc/mdstat
  section interfaces 65536 interfaces
  section packages 524288 packages
  section updates 131072 updates
  section lists 1024 lists
  section boot 512 boot
  section reboot 8192 reboot
  section accounts 65536 accounts
  section groups 65536 groups_of
  section logins 65536 logins
  section processes 32768 processes
  section services 65536 services
  section listening 65536 listening
  section antivirus 16384 antivirus
  section firewall 1024 firewall
  section clock 1024 clock
  section encryption 1024 encryption
  section domain 4096 domain
  section shares 32768 shares
  section logs 512 logs
}

serial() {
  for item in product_serial chassis_serial product_uuid; do
    field $item /sys/class/dmi/id/$item
  done
  if [ ! -r /sys/class/dmi/id/product_uuid ] && has dmidecode; then
    printf 'sys_vendor=%s\nproduct_name=%s\nproduct_serial=%s\nproduct_uuid=%s\n' \
      "$(dmidecode -s system-manufacturer)" "$(dmidecode -s system-product-name)" \
      "$(dmidecode -s system-serial-number)" "$(dmidecode -s system-uuid)"
  fi
}

passwords() { # whether an account has one, and how long it may be kept; never a hash
  awk -F: '{ state = "set"
             if ($2 == "") state = "none"
             else if ($2 ~ /^[!*]/) state = "locked"
             print $1 ":" state ":" $5 }' /etc/shadow
}

sudoers() { cat /etc/sudoers /etc/sudoers.d/* | sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d'; }

filters() {
  has ufw && t ufw status | sed -n 's/^Status: /ufw=/p'
  has nft && printf 'nft=%s\n' "$(t nft list ruleset | grep -c -E ' (drop|reject)|policy drop')"
  has iptables && printf 'iptables=%s\n' "$(t iptables -S | grep -c -E -e '-j (DROP|REJECT)|-P INPUT DROP')"
  has pfctl && pfctl -s info | sed -n 's/^Status: \([A-Za-z]*\).*/pf=\1/p'
}

root_updates() { # as root only: as anybody else dnf makes a cache of its own
  has dnf || return
  echo manager=dnf
  t dnf --cacheonly --quiet list --upgrades
  echo manager=dnf-security
  t dnf --cacheonly --quiet updateinfo list --security --updates
}

logins_by_ssh() { t sshd -T | grep -E '^(permit(rootlogin|emptypasswords)|(password|kbdinteractive)authentication) '; }

privileged() {
  section serial 1024 serial
  section root_virtual 512 sh -c "tr '\\000' '\\n' </proc/1/environ | sed -n 's/^container=/container=/p'"
  section passwords 32768 passwords
  section sudoers 16384 sudoers
  section root_listening 65536 listening
  section filters 512 filters
  section sshd 2048 logins_by_ssh
  section root_updates 131072 root_updates
}

if [ "${1-}" = root ]; then
  privileged
else
  plain
  printf '\n%s become 2048\n' "$mark"
  if [ "$(id -u)" = 0 ]; then
    echo status=0
    privileged
  elif ! has sudo; then
    echo status=none
  elif [ "${word:-}" ]; then
    case $(command -v printf) in
    /*) echo status=argv ;; # it would stand in the list of processes
    *)
      exec 3>&1
      told=$(printf '%s\n' "$word" | sudo -S -p '' /bin/sh -c "$script" inspect root "$mark" 2>&1 >&3 3>&-)
      printf '\n%s become 2048\nstatus=%s\n%.1500s\n' "$mark" $? "$told"
      ;;
    esac
  else
    exec 3>&1
    told=$(sudo -n /bin/sh -c "$script" inspect root "$mark" 2>&1 >&3 3>&- </dev/null)
    printf '\n%s become 2048\nstatus=%s\n%.1500s\n' "$mark" $? "$told"
  fi
  printf '\n%s end 0\n' "$mark"
fi

# Print each of the things named `<kind>:<name>` that is there, then the receipt, when there is one.
receipt=$1
shift
for thing in "$@"; do
  name=${thing#*:}
  case $thing in
    package:*) dpkg-query --show --showformat='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ;;
    user:*) getent passwd "$name" >/dev/null ;;
    path:*) [ -e "$name" ] ;;
    service:*) [ -e "/etc/systemd/system/$name" ] || [ -e "/usr/lib/systemd/system/$name" ] || [ -e "/lib/systemd/system/$name" ] ;;
  esac && echo "$thing"
done
[ ! -f "$receipt" ] || echo "receipt:$(cat "$receipt")"

#!/bin/sh
# The card terminal drops every packet but an echo request, and says nothing about it.
nft -f - <<'RULES' || exit 1
table inet cardterm {
    chain input {
        type filter hook input priority 0; policy drop;
        icmp type echo-request accept
    }
    chain output {
        type filter hook output priority 0; policy drop;
        icmp type echo-reply accept
    }
}
RULES
exec sleep infinity

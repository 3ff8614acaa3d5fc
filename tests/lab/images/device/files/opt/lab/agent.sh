#!/bin/sh
# Answer SNMP with the values of one directory: a file is named after the community it answers to.
exec snmpsimd --data-dir="$1" --cache-dir=/tmp/snmpsim --logging-method=null --agent-udpv4-endpoint=0.0.0.0:161 \
    --process-user=nobody --process-group=nogroup

#!/bin/sh
# A network device of the platform that is named: a command line by SSH, and SNMP.
cd /opt/lab
python3 -W ignore -m tests.lab.switches --platform "$1" --first 0.0.0.0 --port 22 --hostname "$(hostname)" \
    --host-key /etc/lab/host_key --password-file /etc/lab/password &
exec /opt/lab/agent.sh "/opt/lab/$1"

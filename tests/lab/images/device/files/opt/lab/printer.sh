#!/bin/sh
# The printer: SNMP, a page for people, and a raw port that prints whatever arrives.
python3 /opt/lab/printer.py &
exec /opt/lab/agent.sh /opt/lab/printer

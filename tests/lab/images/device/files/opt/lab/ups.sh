#!/bin/sh
# The UPS speaks SNMP only.
exec /opt/lab/agent.sh /opt/lab/ups

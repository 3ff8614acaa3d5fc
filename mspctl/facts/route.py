"""This machine's own routing table names the address as the way to a network. Raw: {"network": CIDR}."""

from ipaddress import ip_network

from mspctl.facts.text import Facts, Raw, line


def parse(raw: Raw) -> Facts:
    """Return route.gateway_to: that the address forwards packets to that network."""
    try:
        return {"route.gateway_to": str(ip_network(line(raw.get("network"), 64)))}
    except ValueError:
        return {}

"""Reverse names, asked of the servers that know the client's network, else of the system's."""

from ipaddress import ip_address, ip_network

import dns.asyncresolver
import dns.exception
import dns.resolver
import dns.reversename

from mspctl.records import Json

_NAMES = 4
_PATIENCE = 3  # a server that let so many questions in a row go unanswered is asked no more


class Names:
    """The reverse names of a client's networks."""

    def __init__(self, servers: dict[str, tuple[str, ...]], seconds: float) -> None:
        """Take the DNS servers of each network, as CIDR: addresses."""
        self._seconds = seconds
        self._by_network = [(ip_network(cidr), addresses) for cidr, addresses in servers.items() if addresses]
        self._by_network.sort(key=lambda item: -item[0].prefixlen)  # the narrowest network knows best
        self._resolvers: dict[tuple[str, ...], dns.asyncresolver.Resolver | None] = {}
        self._unanswered: dict[tuple[str, ...], int] = {}

    async def collect(self, address: str) -> dict[str, Json] | None:
        """Return the names of an address, in alphabetical order; None where there are none."""
        servers = self._servers(address)
        resolver = self._resolver(servers)
        if resolver is None or self._unanswered.get(servers, 0) >= _PATIENCE:
            return None
        try:
            answer = await resolver.resolve(
                dns.reversename.from_address(address), "PTR", search=False, lifetime=2 * self._seconds
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            self._unanswered[servers] = 0
            return None
        except (dns.exception.DNSException, OSError, ValueError):
            self._unanswered[servers] = self._unanswered.get(servers, 0) + 1
            return None
        self._unanswered[servers] = 0
        names = sorted(str(name.target)[:254] for name in answer)
        return {"names": list(names[:_NAMES])}

    def _servers(self, address: str) -> tuple[str, ...]:
        """Return the servers of the narrowest network an address lies in; () for the system's."""
        number = ip_address(address)
        return next((servers for network, servers in self._by_network if number in network), ())

    def _resolver(self, servers: tuple[str, ...]) -> dns.asyncresolver.Resolver | None:
        if servers not in self._resolvers:
            self._resolvers[servers] = _made(servers, self._seconds)
        return self._resolvers[servers]


def _made(servers: tuple[str, ...], seconds: float) -> dns.asyncresolver.Resolver | None:
    """Return a resolver that asks these servers, or the system's; None where the system has none."""
    try:
        resolver = dns.asyncresolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        return None
    if servers:
        resolver.nameservers = list(servers)
    resolver.timeout = seconds
    resolver.cache = None
    return resolver

"""The addresses of names, asked of the client's own name servers, many side by side."""

import asyncio
from collections.abc import Iterable, Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver

_AT_ONCE = 32
_MOST = 50_000
_ADDRESSES = 8
_PATIENCE = 3  # a server that let so many questions in a row go unanswered is asked no more


class Addresses:
    """Looks names up; the system's servers are asked where a client has none of its own."""

    def __init__(self, servers: Sequence[str], seconds: float = 2.0) -> None:
        """Take the addresses of the client's name servers."""
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if servers:
            self._resolver.nameservers = list(servers)
        self._resolver.lifetime = seconds * 2
        self._resolver.timeout = seconds
        self._unanswered = 0

    @property
    def is_silent(self) -> bool:
        """Whether the servers do not answer; then what was not found may well exist."""
        return self._unanswered >= _PATIENCE

    async def all(self, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the IPv4 addresses of names; a name without one is left out."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def look_up(name: str) -> tuple[str, tuple[str, ...]]:
            async with turns:
                return name, await self.of(name)

        wanted = sorted(set(names))[:_MOST]
        return {name: found for name, found in await asyncio.gather(*map(look_up, wanted)) if found}

    async def of(self, name: str) -> tuple[str, ...]:
        """Return the IPv4 addresses of a name, () where it has none or nobody answers."""
        if self.is_silent:
            return ()
        try:
            answer = await self._resolver.resolve(name, "A", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            self._unanswered = 0
            return ()
        except (dns.exception.DNSException, OSError, ValueError):
            self._unanswered += 1
            return ()
        self._unanswered = 0
        return tuple(sorted(str(record.address) for record in answer)[:_ADDRESSES])

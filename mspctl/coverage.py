"""Installed, checking in, known to the server: where the three disagree about a client's hosts; pure.

The answer to "which machines do not have the agent?", and why.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum

from msgspec.structs import replace

from mspctl.inventory import Inventory, names_of
from mspctl.records import (
    Asset,
    ClientFile,
    ConsoleAnswer,
    Coverage,
    CoverageCount,
    CoverageState,
    OptIn,
    Proof,
    Record,
    Unmatched,
)


class GapKind(StrEnum):
    """What is amiss, in the order an engineer clears it up."""

    NOT_INSTALLED = "not installed"
    SILENT = "installed but silent"
    FAILING = "a proof fails"
    UNKNOWN = "could not be asked"
    ELSEWHERE = "checks in from elsewhere"  # the server hears of a host that says it has no agent
    DUPLICATE = "duplicate at the server"
    NOT_ON_NETWORK = "at the server, not on the network"
    INCUMBENT = "another product is there as well"
    EXPIRED = "exclusion expired"
    EXCLUDED = "left out for a reason"


class Gap(Record, frozen=True, kw_only=True):
    """One disagreement."""

    kind: GapKind
    service: str
    host: str
    reason: str


class Licences(Record, frozen=True, kw_only=True):
    """How many of a product's agents are paid for, there, and alive."""

    service: str
    provider: str
    bought: int | None  # None: the client's file does not say
    installed: int
    active: int
    at_server: int | None  # None: there is no server to ask


def unmatched(
    inventory: Inventory, service: str, provider: str, census: Iterable[ConsoleAnswer]
) -> tuple[Unmatched, ...]:
    """Return what the server of a product knows beyond the hosts that are to have it, by name."""
    ours = set(inventory.by_product()[service, provider])
    return tuple(
        Unmatched(
            service=service,
            provider=provider,
            name=answer.host,
            checks_in=answer.fresh,
            address=answer.address,
        )
        for answer in sorted(census, key=lambda answer: answer.host)
        if answer.host not in ours
    )


def gaps(
    coverage: Iterable[Coverage],
    others: Iterable[Unmatched],
    assets: Sequence[Asset],
    client: ClientFile,
    today: date,
) -> tuple[Gap, ...]:
    """Return every disagreement, what is to be done first first."""
    every = tuple(coverage)
    found = [gap for each in every if (gap := _gap(each))]
    found += [
        Gap(kind=GapKind.INCUMBENT, service=each.service, host=each.asset, reason="; ".join(each.incumbents))
        for each in every
        if each.incumbents
    ]
    products = {
        (each.asset, each.service): each.provider
        for each in every
        if each.state is not CoverageState.EXCLUDED
    }
    found += [_stranger(each, assets, products) for each in others]
    found += [
        Gap(
            kind=GapKind.EXPIRED,
            service=", ".join(each.services) or "all",
            host=each.asset,
            reason=f"since {each.expires}: {each.reason} ({each.owner}); renew it or take it out",
        )
        for each in client.exclusions
        if date.fromisoformat(each.expires) < today
    ]
    order = list(GapKind)
    return tuple(sorted(found, key=lambda gap: (order.index(gap.kind), gap.service, gap.host)))


def is_open(gap: Gap) -> bool:
    """Return whether a gap waits for somebody."""
    return gap.kind is not GapKind.EXCLUDED


def licences(
    coverage: Iterable[Coverage], others: Iterable[Unmatched], services: Mapping[str, OptIn]
) -> tuple[Licences, ...]:
    """Return each product's licences, by service; what checks in from elsewhere takes one too."""
    bought: dict[tuple[str, str], list[int]] = {}
    for service, choice in sorted(services.items()):
        for product in choice.products():
            counted = () if product.licences is None else (product.licences,)
            bought.setdefault((service, product.provider), []).extend(counted)
    covered: dict[tuple[str, str], list[Coverage]] = {product: [] for product in bought}
    for each in coverage:
        covered.setdefault((each.service, each.provider), []).append(each)
    strangers = Counter((each.service, each.provider) for each in others)
    return tuple(
        Licences(
            service=service,
            provider=provider,
            bought=sum(numbers) if numbers else None,
            installed=sum(1 for each in covered[service, provider] if is_installed(each)),
            active=sum(1 for each in covered[service, provider] if _is_active(each)),
            at_server=_at_server(covered[service, provider], strangers[service, provider]),
        )
        for (service, provider), numbers in bought.items()
    )


def counts(
    coverage: Iterable[Coverage], run: str, before: Iterable[CoverageCount]
) -> tuple[CoverageCount, ...]:
    """Return the history of coverage with the newest verification, if that found it otherwise than before."""
    history = sorted(before, key=lambda each: (each.run, each.service))
    latest = {each.service: each for each in history}
    by_service: dict[str, Counter[str]] = {}
    for each in coverage:
        by_service.setdefault(each.service, Counter())[each.state.value] += 1
    new = [
        count
        for service, states in sorted(by_service.items())
        if run
        and (count := CoverageCount(run=run, service=service, **states))
        != (replace(latest[service], run=run) if service in latest else None)
    ]
    return (*history, *new)


def is_installed(coverage: Coverage) -> bool:
    """Return whether the host itself says that it has the agent."""
    return any(
        proof.source == "host" and proof.check == "installed" and proof.ok for proof in coverage.proofs
    )


def _is_active(coverage: Coverage) -> bool:
    """Return whether an agent works: its server has fresh data, or no server is asked and all proofs hold."""
    fresh = _proof(coverage, "fresh")
    return fresh.ok if fresh else coverage.state is CoverageState.COVERED


def _at_server(coverage: Iterable[Coverage], strangers: int) -> int | None:
    answers = [proof for each in coverage if (proof := _proof(each, "known"))]
    return sum(1 for proof in answers if proof.ok) + strangers if answers or strangers else None


def _proof(coverage: Coverage, check: str) -> Proof | None:
    return next(
        (proof for proof in coverage.proofs if proof.source == "console" and proof.check == check), None
    )


def _gap(coverage: Coverage) -> Gap | None:
    """Return what is amiss with a host under a service, None where nothing is."""

    def say(kind: GapKind, reason: str) -> Gap:
        return Gap(kind=kind, service=coverage.service, host=coverage.asset, reason=reason)

    if coverage.state is CoverageState.COVERED:
        return None
    if coverage.state is CoverageState.EXCLUDED:
        return say(GapKind.EXCLUDED, coverage.reason)
    if coverage.state is CoverageState.UNKNOWN:
        return say(GapKind.UNKNOWN, coverage.reason)
    if coverage.state is CoverageState.MISSING:
        fresh = _proof(coverage, "fresh")
        if fresh and fresh.ok:
            return say(GapKind.ELSEWHERE, "the server has fresh data under its name, and it has no agent")
        return say(GapKind.NOT_INSTALLED, coverage.reason)
    broken = [proof for proof in coverage.proofs if not proof.ok and not proof.optional]
    if (
        broken
        and any(proof.source == "console" for proof in broken)
        and all(proof.source != "host" for proof in broken)
    ):
        return say(GapKind.SILENT, "; ".join(proof.detail or proof.title for proof in broken))
    return say(GapKind.FAILING, coverage.reason)


def _stranger(other: Unmatched, assets: Iterable[Asset], products: Mapping[tuple[str, str], str]) -> Gap:
    """Return what a host is that only the server knows, given what each host has by name and service."""
    alive = "checks in" if other.checks_in else "silent"
    named = next((asset for asset in assets if other.name in names_of(asset)), None)
    there = next((asset for asset in assets if other.address and other.address in asset.addresses), None)
    if named and named.gone_since:
        kind, reason = GapKind.NOT_ON_NETWORK, f"{alive}; gone from the network since scan {named.gone_since}"
    elif named:
        instead = products.get((named.name, other.service))
        wanted = (
            f"to have {instead} instead"
            if instead not in (None, other.provider)
            else "not to have this service"
        )
        kind, reason = GapKind.NOT_ON_NETWORK, f"{alive}; on the network, and {wanted}"
    elif there:
        kind, reason = GapKind.DUPLICATE, f"{alive}; at {other.address}, which is {there.name}"
    else:
        where = f" at {other.address}" if other.address else ""
        kind, reason = GapKind.NOT_ON_NETWORK, f"{alive}{where}; no scan has seen it"
    return Gap(kind=kind, service=other.service, host=other.name, reason=reason)

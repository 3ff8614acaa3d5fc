"""What was seen of one machine → what it is, each value with its confidence and evidence; pure.

Rules (data/fingerprints) propose values. Independent probes that agree make each other stronger,
contradictions make both weaker, and what stays below THRESHOLD is left blank: an engineer is helped by a
blank and misled by a guess.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple

from mspctl.facts import facts
from mspctl.facts.text import line
from mspctl.fingerprints import FIELDS, Fingerprints, Ladder, Rule, Table, Tree, shipped
from mspctl.records import Candidate, Ground, Listing, Observation, Outcome, Value

THRESHOLD = 0.5
_GENERAL = frozenset({"workstation", "laptop", "server", "virtual-machine"})  # used for one thing or another
_EVIDENCE_CHARACTERS = 200
_MOST = 0.99
_CONTRADICTION = 0.6  # how much of its strength a contradiction takes from a value
_OTHER_NAME = 0.25  # less for what one maker writes in several ways
_SECOND_ROLE = 0.4  # less for these: a machine may have several roles, and the clearest one names it
_WEIGHTS = {"role": _SECOND_ROLE, "kind": _SECOND_ROLE, "model": _OTHER_NAME, "os_version": _OTHER_NAME}


class Fact(NamedTuple):
    """One thing seen, and where it came from."""

    name: str
    text: str
    probe: str
    at: datetime


class Claim(NamedTuple):
    """One rule's word on one field."""

    field: str
    value: str
    confidence: float
    rule: str
    fact: Fact
    fallback: bool


class Verdict(NamedTuple):
    """Everything that was said of one field, what of it counts, and what came out."""

    said: list[Claim]
    counted: list[Claim]
    value: Value | None


def identify(
    observations: Iterable[Observation | Listing],
    holds: str | None = None,
    networks: int = 1,
    fingerprints: Fingerprints | None = None,
) -> dict[str, Value]:
    """Return the profile of one machine, field by field; a field that is not sure enough is left out.

    `holds` is what a general-purpose computer in its network is, `networks` in how many networks of the
    client's it has an address. The result does not depend on the order of the observations.
    """
    verdicts = _verdicts(observations, holds, networks, fingerprints or shipped())
    return {field: verdict.value for field, verdict in verdicts.items() if verdict.value}


def candidates(
    observations: Iterable[Observation | Listing],
    holds: str | None = None,
    networks: int = 1,
    fingerprints: Fingerprints | None = None,
) -> tuple[Candidate, ...]:
    """Return every value that anything spoke for, also those that lost, were too weak or do not count.

    By field in the order of FIELDS, the likeliest first. Arguments as in `identify`.
    """
    verdicts = _verdicts(observations, holds, networks, fingerprints or shipped())
    return tuple(candidate for field in FIELDS for candidate in _ranked(field, verdicts.get(field)))


def _verdicts(
    observations: Iterable[Observation | Listing], holds: str | None, networks: int, rules: Fingerprints
) -> dict[str, Verdict]:
    """Return what is to be thought of each field; {} where nothing was seen."""
    seen = _facts(observations, holds, networks)
    if not seen:
        return {}
    climbed = [found for ladder in rules.ladders for found in _climbed(ladder, seen)]
    profile: dict[str, Value] = {}
    verdicts: dict[str, Verdict] = {}
    for field in FIELDS:
        said = [
            claim._replace(value=_one_name(rules, field, claim.value))
            for claim in _claims(rules, field, seen, climbed, profile)
        ]
        counted = _counted(field, said, rules)
        value = _fused(counted, _WEIGHTS.get(field, _CONTRADICTION))
        verdicts[field] = Verdict(said, counted, value)
        if value:
            profile[field] = value
    if "role" not in profile and "kind" in profile and profile["kind"].value not in _GENERAL:
        verdicts["role"] = verdicts["kind"]  # a device is for what it is
    return verdicts


def _ranked(field: str, verdict: Verdict | None) -> list[Candidate]:
    """Return the candidates for one field, what stands first, then by strength."""
    by_value: dict[str, list[Claim]] = defaultdict(list)
    for claim in verdict.said if verdict else ():
        by_value[claim.value].append(claim)
    found = [
        Candidate(
            field=field,
            value=value,
            strength=round(_strength(claims), 2),
            outcome=_outcome(value, claims, verdict),
            grounds=tuple(_grounds(claims)),
        )
        for value, claims in by_value.items()
        if verdict
    ]
    return sorted(found, key=lambda each: (each.outcome != "stands", -each.strength, each.value))


def _outcome(value: str, claims: list[Claim], verdict: Verdict) -> Outcome:
    if verdict.value and verdict.value.value == value:
        return "stands"
    if any(claim in verdict.counted for claim in claims):
        return "contradicts" if verdict.value else "too unsure"
    return "last resort" if all(claim.fallback for claim in claims) else "less exact"


def _grounds(claims: Iterable[Claim]) -> Iterator[Ground]:
    """Yield why a value is thought of, each reason once, the strongest first."""
    reasons = {(-claim.confidence, claim.rule, claim.fact.probe, _described(claim)) for claim in claims}
    for confidence, rule, probe, evidence in sorted(reasons):
        yield Ground(rule=rule, confidence=-confidence, probe=probe, evidence=evidence)


def _facts(
    observations: Iterable[Observation | Listing], holds: str | None, networks: int
) -> dict[str, list[Fact]]:
    """Return the facts by name, each list sorted; {} where nothing was seen."""
    found: set[Fact] = set()
    for seen in observations:
        said = facts(seen)
        found.update(Fact(name, text, seen.probe, seen.at) for name, text in said.items())
        if said.get("tcp.state") == "open" and isinstance(seen, Observation) and seen.port:
            found.add(Fact(f"port.{seen.port}", "open", "tcp", seen.at))
    if not found:
        return {}
    first = min(fact.at for fact in found)
    found.add(Fact("machine.networks", str(networks), "assets", first))
    if holds:
        found.add(Fact("network.holds", holds, "client", first))
    by_name: dict[str, list[Fact]] = defaultdict(list)
    for fact in sorted(found):
        by_name[fact.name].append(fact)
    return by_name


def _claims(
    rules: Fingerprints,
    field: str,
    seen: Mapping[str, list[Fact]],
    climbed: Iterable[tuple[Rule, Fact, dict[str, str]]],
    profile: Mapping[str, Value],
) -> Iterator[Claim]:
    """Yield what each rule and table says of one field."""
    for rule in rules.rules:
        if field in rule.sets and _is_given(rule, profile):
            for fact, groups in _matches(rule, seen):
                yield from _concluded(rule, field, fact, groups)
    for rule, fact, groups in climbed:
        yield from _concluded(rule, field, fact, groups)
    for table in rules.tables:
        if table.field == field:
            yield from _looked_up(table, seen)
    for tree in rules.trees:
        if field in tree.confidence:
            yield from _looked_up_by_part(tree, field, seen)


def _concluded(rule: Rule, field: str, fact: Fact, groups: Mapping[str, str]) -> Iterator[Claim]:
    if value := _filled(rule.sets.get(field, ""), groups):
        yield Claim(field, value, rule.confidence, rule.id, fact, rule.fallback)


def _climbed(ladder: Ladder, seen: Mapping[str, list[Fact]]) -> Iterator[tuple[Rule, Fact, dict[str, str]]]:
    """Yield for each fact of a ladder the first of its rules that matches."""
    for fact in seen.get(ladder.fact, ()):
        text = _compiled(ladder.without).sub("", fact.text, count=1) if ladder.without else fact.text
        for rule in ladder.rules:
            if match := _compiled(rule.when[ladder.fact]).search(text):
                yield rule, fact, _groups(match)
                break


def _looked_up_by_part(tree: Tree, field: str, seen: Mapping[str, list[Fact]]) -> Iterator[Claim]:
    for fact in seen.get(tree.fact, ()):
        if value := tree.found(fact.text).get(field):
            yield Claim(field, value, tree.confidence[field], tree.id, fact, tree.fallback)


def _looked_up(table: Table, seen: Mapping[str, list[Fact]]) -> Iterator[Claim]:
    for fact in seen.get(table.fact, ()):
        if fact.text in table.values:
            yield Claim(table.field, table.values[fact.text], table.confidence, table.id, fact, False)


def _is_given(rule: Rule, profile: Mapping[str, Value]) -> bool:
    return all(
        _compiled(pattern).fullmatch(profile[field].value if field in profile else "")
        for field, pattern in rule.given.items()
    )


def _matches(rule: Rule, seen: Mapping[str, list[Fact]]) -> Iterator[tuple[Fact, dict[str, str]]]:
    """Yield each fact that fulfils a rule's first condition, with its groups, if the others are met too."""
    open_ports = [found[0] for port in rule.ports if (found := seen.get(f"port.{port}"))]
    every_port = [found[0] for port in rule.all_ports if (found := seen.get(f"port.{port}"))]
    if len(every_port) < len(rule.all_ports) or (rule.ports and not open_ports):
        return
    conditions = [_matching(seen.get(name, ()), pattern) for name, pattern in rule.when.items()]
    if not all(conditions):
        return
    if conditions:
        yield from conditions[0]
        return
    grounds = every_port or open_ports or [fact for found in seen.values() for fact in found][:1]
    yield grounds[0], {}


def _matching(found: Iterable[Fact], pattern: str) -> list[tuple[Fact, dict[str, str]]]:
    matches = ((fact, _compiled(pattern).search(fact.text)) for fact in found)
    return [(fact, _groups(match)) for fact, match in matches if match]


def _groups(match: re.Match[str]) -> dict[str, str]:
    """Return what a match caught, by name and by number."""
    numbered = {str(place): text or "" for place, text in enumerate(match.groups(), start=1)}
    return numbered | match.groupdict(default="")


def _filled(template: str, groups: Mapping[str, str]) -> str:
    """Return a rule's value with each {name} replaced; "" where a group is empty."""
    for name, text in groups.items():
        if f"{{{name}}}" in template:
            if not text.strip():
                return ""
            template = template.replace(f"{{{name}}}", text.strip())
    return template


def _one_name(rules: Fingerprints, field: str, value: str) -> str:
    """Return the one spelling of a value that many devices spell in their own way."""
    if field in ("hostname", "domain"):
        return value.lower()
    for name, pattern in rules.aliases.get(field, {}).items():
        if _compiled(pattern).fullmatch(value):
            return name
    return value


def _narrowed(claims: list[Claim], rules: Fingerprints) -> list[Claim]:
    """Return claims without those that another one only says more exactly; a fallback never does."""
    said = {claim.value for claim in claims if not claim.fallback} or {claim.value for claim in claims}
    return [claim for claim in claims if said.isdisjoint(rules.broader.get(claim.value, ()))]


def _counted(field: str, claims: list[Claim], rules: Fingerprints) -> list[Claim]:
    """Return the claims that count: the exact ones of a kind, and a fallback only where it stands alone."""
    exact = _narrowed(claims, rules) if field in ("role", "kind") else claims
    return [claim for claim in exact if not claim.fallback] or exact


def _fused(claims: list[Claim], contradiction: float) -> Value | None:
    """Return the value that stands after agreement and contradiction, None where none is sure enough."""
    by_value: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_value[claim.value].append(claim)
    ranked = sorted(
        ((_strength(said), value) for value, said in by_value.items()), key=lambda s: (-s[0], s[1])
    )
    if not ranked:
        return None
    strength, value = ranked[0]
    against = ranked[1][0] if len(ranked) > 1 else 0.0
    confidence = round(strength * (1 - against * contradiction), 2)
    if confidence < THRESHOLD:
        return None
    best = min(by_value[value], key=lambda claim: (-claim.confidence, claim.rule, claim.fact))
    return Value(
        value=value,
        confidence=confidence,
        probe=best.fact.probe,
        rule=best.rule,
        evidence=_described(best),
        since=best.fact.at,
    )


def _described(claim: Claim) -> str:
    """Return what a claim stands on, in one line."""
    return line(claim.fact.name.replace("port.", "port ") + ": " + claim.fact.text, _EVIDENCE_CHARACTERS)


def _strength(claims: Iterable[Claim]) -> float:
    """Return how sure several claims of one value are together; one probe does not confirm itself."""
    by_probe: dict[str, float] = defaultdict(float)
    for claim in claims:
        by_probe[claim.fact.probe] = max(by_probe[claim.fact.probe], claim.confidence)
    doubt = 1.0
    for confidence in sorted(by_probe.values()):
        doubt *= 1 - confidence
    return min(_MOST, 1 - doubt)


@cache  # as many as there are rules: what is discovered makes no patterns
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)

"""Figures of a measurement: repeated, the median taken, with the load of the machine beside them."""

import json
import os
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number beside that of a peer, a bound or nobody."""

    figure: str
    ours: float
    unit: str
    peer: float | None = None
    named: str = ""  # the peer or bound
    runs: int = 1
    goal: str = ""
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; for a bound how much of it is used up."""
        if not self.peer or not self.ours:
            return None
        return (
            self.ours / self.peer if self.more_is_better or self.named == "floor" else self.peer / self.ours
        )


def middle(values: Iterable[float]) -> float:
    """Return the median of some runs."""
    return float(median(values))


def load() -> str:
    """Return how busy the machine is."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def show(title: str, figures: Iterable[Figure], *, as_json: bool) -> None:
    """Print figures as they come: a table for people, or one line of JSON each."""
    if as_json:
        for each in figures:
            print(json.dumps(each._asdict() | {"ratio": each.ratio}), flush=True)
        return
    print(f"\n{title} ({load()})")
    print(f"{'figure':<46} {'ours':>10} {'peer':>10} {'ratio':>7}  {'unit':<10} {'runs':>4}  goal")
    for each in figures:
        peer = f"{each.peer:>10.6g}" if each.peer is not None else f"{'':>10}"
        ratio = f"{each.ratio:>7.2f}" if each.ratio is not None else f"{'':>7}"
        name = each.figure + (f" / {each.named}" if each.named else "")
        ours = f"{each.ours:>10.6g}"
        print(f"{name:<46} {ours} {peer} {ratio}  {each.unit:<10} {each.runs:>4}  {each.goal}", flush=True)

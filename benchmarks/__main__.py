"""Run every measurement that needs no data of others, one after the other; see docs/benchmarks.md."""

import argparse
import subprocess
import sys

ALL = ("sweep", "inventory", "rollout", "network")


def main() -> int:
    """Measure and print; one line a figure with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", default="3")
    options = parser.parse_args()
    common = ("--runs", options.runs, *(("--json",) if options.json else ()))
    ended = [
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *common], check=False) for name in ALL
    ]
    return max(each.returncode for each in ended)


if __name__ == "__main__":
    sys.exit(main())

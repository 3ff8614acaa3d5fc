"""`make demo`: the main job on the lab client, as an engineer would do it; run as `python -m tests.demo`."""

import json
import subprocess
import sys

from tests import workspace

LAB = workspace.ROOT / "build" / "lab" / "lab.json"
HOME = workspace.ROOT / "build" / "demo"


def main() -> int:
    """Run the demo; return its exit code."""
    say("The client: Harbour Dental, a fictitious dental practice of real hosts in containers")
    if subprocess.run([sys.executable, "-m", "tests.lab", "up"], cwd=workspace.ROOT, check=False).returncode:
        return 1
    # The workspace is made anew, with new secrets: what an earlier one stored would open to nobody.
    if subprocess.run(
        [sys.executable, "-m", "tests.lab", "reset", "depot"], cwd=workspace.ROOT, check=False
    ).returncode:
        return 1
    lab = json.loads(LAB.read_text())

    say("The engineer's workspace: one git repository, one folder a client, every secret in a vault")
    engineer = workspace.build(HOME, lab, print)
    engineer.mspctl("secret", "list", workspace.CLIENT, show=True)
    engineer.mspctl("doctor", workspace.CLIENT, show=True)

    say("The provider's own side: a store of backups and a server of remote access")
    engineer.mspctl("provider-side", "up", show=True)

    say("The main job: discover, inventory, rollout in waves, network baseline, verification")
    first = engineer.mspctl("onboard", workspace.CLIENT, "--apply", show=True)

    say("Once more: it changes nothing, and says so")
    second = engineer.mspctl("onboard", workspace.CLIENT, "--apply", show=True)

    say("Does monitoring alert? A unit of our own is stopped on every host, and started again")
    drilled = engineer.mspctl("drill", workspace.CLIENT, show=True)

    say("The network devices, brought to the baseline by the onboarding: what stands against each rule")
    for command in ("backup", "check"):
        engineer.mspctl("network", command, workspace.CLIENT, show=True)

    say("The story of the onboarding, as git tells it")
    print(workspace.git(HOME, "log", "--reverse", "--format=%h %s"))
    engineer.mspctl("status", show=True)
    page = HOME / "inventories" / workspace.CLIENT / "reports" / "index.html"
    say("Done")
    print(f"The client's page:  {page}")
    print(f"The workspace:      {HOME}   (cd there, then `mspctl assets list {workspace.CLIENT}` …)")
    print("The lab runs on:    make lab-down stops it")
    return max(first.returncode, second.returncode, drilled.returncode)


def say(text: str) -> None:
    """Print a headline."""
    bold, normal = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}── {text}{normal}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

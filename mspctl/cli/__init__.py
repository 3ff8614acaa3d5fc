"""The command line: load, one stage, save, say; one file a noun."""

import os
import sys
import traceback
from typing import Any

import click

from mspctl import __version__
from mspctl.cli.assets import assets
from mspctl.cli.backup import backup
from mspctl.cli.client import client
from mspctl.cli.completion import completion
from mspctl.cli.coverage import coverage
from mspctl.cli.discover import discover
from mspctl.cli.doctor import doctor
from mspctl.cli.drill import drill
from mspctl.cli.enrolment import enrol
from mspctl.cli.imports import import_
from mspctl.cli.init import init
from mspctl.cli.inspect import inspect
from mspctl.cli.inventory import inventory
from mspctl.cli.network import network
from mspctl.cli.offboard import offboard
from mspctl.cli.onboard import onboard
from mspctl.cli.provider_side import provider_side
from mspctl.cli.providers import providers
from mspctl.cli.reboot import reboot
from mspctl.cli.report import report
from mspctl.cli.rollout import rollout
from mspctl.cli.runs import runs
from mspctl.cli.schedule import schedule
from mspctl.cli.schema import schema
from mspctl.cli.secret import secret
from mspctl.cli.status import status
from mspctl.cli.topology import topology
from mspctl.cli.verify import verify
from mspctl.errors import ExitCode, MspctlError
from mspctl.events import plain

_DATA_FLOW = (
    init,
    client,
    secret,
    providers,
    provider_side,
    doctor,
    discover,
    import_,
    assets,
    inspect,
    topology,
    inventory,
    enrol,
    rollout,
    verify,
    drill,
    onboard,
    reboot,
    coverage,
    backup,
    network,
    runs,
    schedule,
    status,
    report,
    offboard,
)


class _Group(click.Group):
    """Turns errors into lines and exit codes, and lists commands in the order of the work."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 Click's own signature
        """Return the commands in the order an onboarding needs them."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; end with the exit code of what went wrong."""
        try:
            return super().invoke(ctx)
        except MspctlError as error:
            for line in str(error).splitlines():
                click.echo(f"mspctl: {plain(line, 2_000)}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("mspctl: stopped; what was done so far is kept", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:  # `mspctl … | head` has read enough
            sys.stdout = None
            ctx.exit(ExitCode.OK)
        except OSError as error:
            where = error.filename or "system"
            click.echo(f"mspctl: {plain(f'{where}: {error.strerror}', 500)}", err=True)
            ctx.exit(ExitCode.ERROR)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 the last line of defence: an engineer sees no traceback
            if os.environ.get("MSPCTL_TRACEBACK"):
                traceback.print_exc()
            said = plain(f"{type(error).__name__}: {error}", 300)
            click.echo(f"mspctl: a defect of mspctl, please report it: {said}", err=True)
            click.echo("mspctl: run it again with MSPCTL_TRACEBACK=1 to see where", err=True)
            ctx.exit(ExitCode.ERROR)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mspctl")
def main() -> None:
    """Onboard a client of a managed service provider, and prove it.

    \b
    The work of one client, in order:
        mspctl init northwind && cd northwind
        mspctl client add acme --title "Acme Ltd" --network 192.0.2.0/24 --authorised-by "J. Doe, owner"
        mspctl onboard acme              # a preview: nothing is changed
        mspctl onboard acme --apply

    Exit codes: 0 done, 1 error, 2 usage, 3 bad input, 4 not all covered, 5 hosts failed,
    6 another command is at work, 130 stopped.
    """


for _command in (*_DATA_FLOW, schema, completion):
    main.add_command(_command)

"""`mspctl topology`: who is connected with whom."""

import click

from mspctl import topology as maps
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, table
from mspctl.records import Asset, End, Topology
from mspctl.workspace import Client


@click.command()
@json_option
@client_argument
def topology(client: Client, as_json: bool) -> None:
    """Work out from the last answers who is connected with whom, and on which port.

    Cables: what devices say (LLDP, CDP), and what follows from the tables of switches. Addresses: who lies in
    which network, and who forwards between them. Saved as topology.jsonl.

    \b
        mspctl topology acme
    """
    with client.lock(f"mspctl topology {client.name}"):
        found = drawn(client)
        client.save_records("topology.jsonl", (*found.nodes, *found.links))
        client.commit(f"topology: {len(found.nodes)} nodes, {len(found.links)} links")
    answer(found, _table(found), as_json)


def drawn(client: Client) -> Topology:
    """Return the map of the client's assets as they are known now."""
    assets = [found for found in client.assets() if isinstance(found, Asset)]
    return maps.topology(assets, client.scans(), client.file())


def _table(found: Topology) -> str:
    names = {node.id: node.name for node in found.nodes}

    def end(one: End) -> str:
        return f"{names[one.node]} {one.port}".rstrip()

    rows = [
        (
            link.layer.value,
            end(link.one),
            end(link.other),
            " ".join(link.how),
            "inferred" if link.is_inferred else "seen",
            "; ".join(link.evidence),
        )
        for link in sorted(
            found.links, key=lambda link: (link.layer.value != "physical", link.one, link.other)
        )
    ]
    alone = [(node.name, node.kind.value, node.detail) for node in found.nodes if node.detail]
    text = table(("layer", "one end", "other end", "by", "is", "evidence"), rows)
    return f"{text}\n\n{table(('no scan reached', 'kind', 'who knows of it'), alone)}" if alone else text

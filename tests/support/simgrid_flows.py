"""A program that prints when SimGrid ends transfers over up- and downlinks.

It imports nothing of this package, since another interpreter may have SimGrid.
"""

import json
import sys
import tempfile

OPTIONS = (
    "network/model:CM02",  # max-min fair flows, without what TCP and Ethernet add
    "network/TCP-gamma:1e20",
    "network/weight-S:0",
    "network/bandwidth-factor:1",
    "network/latency-factor:1",
    "network/crosstraffic:0",
)
DTD = "https://simgrid.org/simgrid.dtd"


def platform(up, down, latency, pairs):
    """Return the description of hosts that are joined by their up- and downlinks."""
    lines = ["<?xml version='1.0'?>", f"<!DOCTYPE platform SYSTEM '{DTD}'>"]
    lines.append('<platform version="4.1">')
    lines += ['<zone id="all" routing="Full">']
    lines += [f'<host id="h{n}" speed="1Gf"/>' for n in range(len(up))]
    for kind, rates in (("u", up), ("d", down)):
        late = latency if kind == "u" else 0
        lines += [
            f'<link id="{kind}{n}" bandwidth="{rate}Bps" latency="{late}s"/>'
            for n, rate in enumerate(rates)
        ]
    for one, other in sorted(pairs):
        ends = f'src="h{one}" dst="h{other}" symmetrical="NO"'
        links = f'<link_ctn id="u{one}"/><link_ctn id="d{other}"/>'
        lines.append(f"<route {ends}>{links}</route>")
    return "\n".join([*lines, "</zone>", "</platform>"])


def main():
    from simgrid import Actor, Engine, Host, Mailbox, this_actor

    given = json.load(sys.stdin)
    flows, ends = given["flows"], {}
    engine = Engine(["simgrid", *(f"--cfg={each}" for each in OPTIONS)])
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        pairs = {(flow[1], flow[2]) for flow in flows}
        file.write(platform(given["up"], given["down"], given["latency"], pairs))
        file.flush()
        engine.load_platform(file.name)

    def send(number, time, size):
        this_actor.sleep_for(time)
        Mailbox.by_name(str(number)).put("model", size)

    def receive(number):
        Mailbox.by_name(str(number)).get()
        ends[number] = Engine.clock

    for number, (time, one, other, size) in enumerate(flows):
        sender, receiver = (Host.by_name(f"h{end}") for end in (one, other))
        Actor.create(f"send{number}", sender, send, number, time, size)
        Actor.create(f"receive{number}", receiver, receive, number)
    engine.run()
    print(json.dumps([ends[number] for number in range(len(flows))]))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A connection that has carried a byte and is idle costs each process 9 KiB at most, and 5 KiB in the environment that
the systemd units give it."""
import os
import re
import subprocess
import time

from harness import REBORE, Scene, ask, eventually, skip, visit

TOP = os.environ.get("top_srcdir", ".")
COUNT = 400
USUAL_KB, BY_UNIT_KB = 9.0, 5.0


def environment_of_unit():
    with open(os.path.join(TOP, "contrib", "rebore-server.service.in"), encoding="utf-8") as file:
        return {"GLIBC_TUNABLES": re.search(r"^Environment=GLIBC_TUNABLES=(\S+)$", file.read(), re.M)[1]}


def memory_kb(process):
    with open(f"/proc/{process.popen.pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])


def settled(sides):
    """The memory of each side, once it does not change any more."""
    figures = None
    while figures != (figures := [memory_kb(side) for side in sides]):
        time.sleep(0.5)
    return figures


def visit_all(port, count):
    visitors = [visit(port) for _ in range(count)]
    for visitor in visitors:
        assert ask(visitor, b"x") == b"x"
    return visitors


def cost(name, most_kb, environment=None):
    """Of one connection more, in each process."""
    with Scene() as scene:
        server = scene.server(env=environment)
        client = scene.client(scene.echo_service(), server, "--spares", 0, env=environment)
        sides = server, client
        visitors = visit_all(client.public_port(), 40)  # what there is once is there before
        before = settled(sides)
        visitors += visit_all(client.public_port(), COUNT)

        def costs():
            return [(after - first) / COUNT for first, after in zip(before, settled(sides))]

        eventually(lambda: max(costs()) <= most_kb, f"an idle connection costs {most_kb} KiB at most", or_not=True)
        for side, kilobytes in zip(("server", "client"), costs()):
            print(f"{name}, {side}: {kilobytes:.2f} KiB")
            assert kilobytes <= most_kb, "more than is promised"
        for visitor in visitors:
            visitor.close()


if b"san.so" in subprocess.run(["ldd", REBORE], stdout=subprocess.PIPE, check=False).stdout:
    skip("a sanitizer has memory of its own")
cost("as built", USUAL_KB)
cost("as the units run it", BY_UNIT_KB, environment_of_unit())

"""What is measured. Each takes a Setting and returns figures by name; a figure of None could not be had."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from peers import CONTROL_PORT
from stage import Trial, cpu_s, eventually, kernel_kb, pss_kb, system_kb, wakeups

SIZES = [1 << power for power in range(21)]
AT_ONCE = (1, 16, 64)
FAR_S = 0.05
DESCRIPTORS, FLOOD = 128, 200
MANY, MANY_DESCRIPTORS = 9500, 20000
TUNNELS = 100, 1000


class Setting:
    """peer: None is a direct connection. is_quick: short runs."""

    def __init__(self, peer, load, congestion, is_quick):
        self.peer, self.load, self.congestion, self.is_quick = peer, load, congestion, is_quick

    def choose(self, quick, full):
        return quick if self.is_quick else full

    def trial(self, **how):
        return Trial(self.peer, self.load, self.congestion, **how)


def throughput(setting):
    """Gb/s through iperf3, and CPU seconds of the tunnel's processes for a GB. R: towards the visitor."""
    figures = {}
    with setting.trial() as trial:
        trial.tunnel()
        trial.serve_iperf()
        for streams in (1, 4):
            for direction, flags in (("", []), ("R", ["-R"])):
                before = trial.cpu_s()
                received = iperf(trial, setting.choose("1.5", "6"), ["-P", str(streams), *flags])
                figures[f"gbps_{streams}{direction}"] = received["bits_per_second"] / 1e9
                if setting.peer:
                    figures[f"cpu_{streams}{direction}"] = (trial.cpu_s() - before) / (received["bytes"] / 1e9)
    return figures


def iperf(trial, seconds, flags):
    """The server of iperf3 has one guest at a time, and is slow to see one go."""
    argv = ["iperf3", "-J", "-c", trial.address, "-p", str(trial.port), "-t", seconds, *flags]

    def attempt():
        said = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=False, timeout=60).stdout)
        return said.get("end", {}).get("sum_received")

    return eventually(attempt, "iperf3 has run")


def rate(setting):
    """Connect, send a byte, have it back, close: as many as go, 1, 16 and 64 at any time."""
    with setting.trial() as trial:
        trial.tunnel()
        return rates(trial, AT_ONCE, setting.choose(1, 5))


def rates(trial, levels, seconds):
    figures = {}
    for at_once in levels:
        before = trial.cpu_s()
        result = trial.run_load("rate", trial.address, trial.port, at_once, seconds)
        count = result["count"]
        failed = result["refused"] + result["hanging"]
        figures[f"rate_{at_once}"] = count / result["seconds"] if count else None
        figures[f"p50_ms_{at_once}"] = result["p50_us"] / 1000 if count else None
        figures[f"p99_ms_{at_once}"] = result["p99_us"] / 1000 if count else None
        figures[f"cpu_us_{at_once}"] = (trial.cpu_s() - before) / count * 1e6 if count and trial.peer else None
        figures[f"failed_{at_once}"] = failed
        time.sleep(0.5)  # what has to be closed is
    return figures


def far(setting):
    """The same at 50 ms round-trip time between server and client, 1 and 8 at any time."""
    with setting.trial(far_s=FAR_S) as trial:
        trial.tunnel()
        time.sleep(0.5)
        return rates(trial, (1, 8), setting.choose(2, 10))


def trips(setting):
    """Messages of each size, there and back over a connection that stays. All processes share one processor: on
    several it is chance which of them wake each other across, and the same tunnel takes 70 us or 190."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with setting.trial() as trial:
        trial.tunnel()
        results = trial.run_load("trips", trial.address, trial.port, setting.choose(0.06, 0.5),
                                 setting.choose(5, 25), *SIZES)
    figures = {}
    for result in results:
        for name in ("p50_us", "p99_us"):
            figures[f"{name}_{result['size']}"] = result[name] if result["good"] else None
    return figures


def memory(setting):
    """KiB for each connection that has carried a byte each way and is silent since."""
    count = 1000
    with setting.trial() as trial:
        trial.tunnel()
        trial.hold(20, 4, 10)[1]()  # what is there once is there before
        time.sleep(0.5)
        before = memory_kb(trial)
        held, close = trial.hold(count, 16, 10)
        time.sleep(setting.choose(2, 5))
        after = memory_kb(trial)
        close()
    if held["count"] < count:
        return {"failed": count - held["count"]}
    figures = {name: (kilobytes - before[name]) / count for name, kilobytes in after.items()}
    figures["sum"] = sum(figures.values())
    return figures


def memory_kb(trial):
    """Of each side, of the kernel for both, and Slab of the whole system: there is no other."""
    server, client = sides_kb(trial) or (0, 0)
    kernel = [kernel_kb(pid) for side in trial.sides() for pid in side]
    return {"server": server, "client": client, "stacks": sum(pair[0] for pair in kernel),
            "tables": sum(pair[1] for pair in kernel), "slab": system_kb("Slab")}


def sides_kb(trial):
    return [sum(map(pss_kb, side)) for side in trial.sides()]


def idle(setting):
    """A tunnel without traffic: CPU and wake-ups of each side, and its memory."""
    seconds = setting.choose(10, 30)
    with setting.trial() as trial:
        trial.tunnel()
        time.sleep(12)  # what is kept for a while is given back
        before = [(sum(map(cpu_s, side)), sum(map(wakeups, side))) for side in trial.sides()]
        began = time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - began
        after = [(sum(map(cpu_s, side)), sum(map(wakeups, side))) for side in trial.sides()]
        kilobytes = sides_kb(trial)
    figures = {"cpu_percent": sum(new[0] - old[0] for old, new in zip(before, after)) / took_s * 100}
    for index, name in enumerate(("server", "client")):
        figures[f"wakeups_{name}"] = (after[index][1] - before[index][1]) / took_s
        figures[f"pss_{name}"] = kilobytes[index]
    figures["wakeups"] = figures["wakeups_server"] + figures["wakeups_client"]
    return figures


def start(setting):
    """Milliseconds from the start of a server until it listens, and of a client until its first visitor is served."""
    with setting.trial() as trial:
        trial.serve()
        figures = {}
        for name, begin, is_there in (("server", trial.start_server, lambda: trial.is_open(CONTROL_PORT)),
                                      ("client", trial.start_client, trial.is_served)):
            began = time.monotonic()
            begin()
            while not is_there():
                time.sleep(0.0002)
                assert time.monotonic() < began + 20, f"{name} does not start"
            figures[f"{name}_ms"] = (time.monotonic() - began) * 1000
    figures["sum_ms"] = sum(figures.values())
    return figures


def size(setting):
    """KiB of the programs without symbols, and of the libraries that they load."""
    stripped, libraries = 0, {}
    with tempfile.TemporaryDirectory() as folder:
        for program in setting.peer.programs:
            copy = os.path.join(folder, os.path.basename(program))
            shutil.copy(program, copy)
            os.chmod(copy, 0o755)
            subprocess.run(["strip", copy], check=False)
            stripped += os.path.getsize(copy)
            said = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=False).stdout.decode()
            for word in said.split():
                if word.startswith("/") and os.path.exists(word):
                    libraries[os.path.basename(word)] = os.path.getsize(word)
    return {"binary": stripped / 1024, "libraries": sum(libraries.values()) / 1024, "number": len(libraries)}


def descriptors(setting):
    """128 descriptors for each process, 200 visitors at once: what becomes of them, and of the tunnel afterwards."""
    with setting.trial(descriptors=DESCRIPTORS) as trial:
        trial.tunnel()
        flood, close = trial.hold(FLOOD, FLOOD, 10)
        cpu, began = trial.cpu_s(), time.monotonic()
        time.sleep(1)
        busy = (trial.cpu_s() - cpu) / (time.monotonic() - began) * 100
        close()
        time.sleep(3)
        alive = [process.is_running() for process in (trial.server, trial.client)]
        later = trial.hold(10, 10, 10)[0]
    return {"served": flood["count"], "turned_away": flood["refused"], "hanging": flood["hanging"], "busy": busy,
            "server_alive": alive[0], "client_alive": alive[1], "later": later["count"]}


def many(setting):
    """9,500 connections at once with 20,000 descriptors, and what is left of their memory when all are closed."""
    with setting.trial(descriptors=MANY_DESCRIPTORS) as trial:
        trial.tunnel()
        before = sum(sides_kb(trial))
        began = time.monotonic()
        held, close = trial.hold(MANY, 64, 20)
        took_s = time.monotonic() - began
        time.sleep(3)
        during = sum(sides_kb(trial))
        close()
        time.sleep(12)
        after = sum(sides_kb(trial)) if trial.sides() else None
        later = trial.hold(10, 10, 10)[0]
    return {"served": held["count"], "took_s": took_s, "before": before, "during": during, "after": after,
            "later": later["count"]}


def tunnels(setting):
    """A server with more and more idle tunnels, each of a client of its own: what each costs the server."""
    seconds, started, figures = 10, 0, {}
    with setting.trial() as trial:
        trial.serve()
        trial.start_server()
        eventually(lambda: trial.is_open(CONTROL_PORT), "the server listens")
        empty = sides_kb(trial)[0]
        for count in TUNNELS:
            began = time.monotonic()
            for number in range(started, count):
                trial.start_client(number)
            for number in range(started, count):
                eventually(lambda port=trial.place.port + number: trial.is_open(port), "a client has its port")
            figures[f"took_s_{count}"], started = time.monotonic() - began, count
            time.sleep(12)  # what is kept for a while is given back
            pid, = trial.sides()[0]
            before = cpu_s(pid), wakeups(pid)
            time.sleep(seconds)
            figures[f"cpu_{count}"] = (cpu_s(pid) - before[0]) / seconds * 100 / count * 1000
            figures[f"wakeups_{count}"] = (wakeups(pid) - before[1]) / seconds / count
            figures[f"pss_{count}"] = (sides_kb(trial)[0] - empty) / count
    return figures

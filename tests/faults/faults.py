"""The stage of the fault matrix: hosts with a network of their own, what can befall them, and visitors who tell of it.

    other ---+
             |
    client --+-- router --- server --- visitor
             |
   backup ---+

Each host is a network namespace; the router is the one that the test itself is in, the visitor has a cable of its own
to the server, so that no fault of the path touches it. The namespaces have no name: they are gone with the last process
in them, and any number of stages can stand beside each other. Fixed ports are in a namespace of their own.

A row is a function that plays one fault; main() plays the rows of a file beside each other, each in its own process.
"""
import calendar
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))

from harness import (AGAIN, BORE_CONTROL_PORT, CLONE_NEWNET, CONNECTED, DEADLINE_S, PATIENCE, REBORE,  # noqa: F401,E402
                     OWN_MOUNTS, Peer, Process, Scene, answer, ask, bore, close_listener, eventually, libc, need, parallel, reset,
                     skip, within)

CONTROL_PORT = BORE_CONTROL_PORT

# The second way of the client is beside the first: same router, other cable
ADDRESSES = {"client": "10.0.1.2", "server": "10.0.2.2", "visitor": "10.0.3.2", "other": "10.0.4.2",
             "backup": "10.0.5.2", "client2": "10.0.6.2"}

LOST = r"connection lost|no heartbeat for|a second one has taken"
BORE_CONNECTED = r"listening at (\S+?):(\d+)"
BORE_LISTENING = r"server listening"

VISIT = b"a visitor's word"

# What a build with sanitizers writes in the middle of a log
SANITIZED = re.compile(r"WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer|runtime error:")


def gateway_of(address):
    return address.rsplit(".", 1)[0] + ".1"


class Host:
    """A network namespace. do() runs a function in it; sockets and processes that it makes stay there."""

    def __init__(self, stage, name):
        self.name, self.address = name, ADDRESSES.get(name)
        ready = threading.Event()

        def make():
            if libc.unshare(CLONE_NEWNET) == 0:
                self.fd = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
                ip("link set lo up")
            ready.set()

        self.fd = None
        threading.Thread(target=make, daemon=True).start()
        ready.wait()
        if self.fd is None:
            skip("no network namespaces here: neither root nor unprivileged user namespaces")
        stage.closables.append(self)

    @property
    def path(self):
        """What ip calls it."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def do(self, function, *args, **named):
        result, failure = [None], []

        def work():
            try:
                assert libc.setns(self.fd, CLONE_NEWNET) == 0
                result[0] = function(*args, **named)
            except BaseException as problem:  # pylint: disable=broad-except
                failure.append(problem)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    def ip(self, *commands):
        self.do(ip, *commands)

    def sysctl(self, name, value):
        self.do(sysctl, name, value)

    def connect(self, address, port, timeout_s=None):
        return self.do(socket.create_connection, (address, port), DEADLINE_S if timeout_s is None else timeout_s)

    def close(self):
        os.close(self.fd)


def ip(*commands):
    """One ip process for many commands, in the namespace of this thread."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands).encode(), check=True)


def nft(*commands):
    subprocess.run(["nft", "-f", "-"], input="\n".join(commands).encode(), check=True)


def sysctl(name, value):
    with open("/proc/sys/net/" + name.replace(".", "/"), "w", encoding="ascii") as file:
        file.write(str(value))


class Path:
    """What the router does with what goes between the client's host and the rest."""

    def __init__(self, interface="client"):
        self.interface = interface
        nft("add table inet faults", *(f"add chain inet faults {chain} {{ type filter hook {chain} priority 0; }}"
                                       for chain in ("forward", "input")))

    def _rule(self, action, *directions, chains=("forward",)):
        nft(*(f'add rule inet faults {chain} {direction} "{self.interface}" {action}'
              for chain in chains for direction in directions if chain == "forward" or direction == "iifname"))

    def drop(self):
        """Silently, both ways. Also what is for the router itself."""
        self._rule("drop", "iifname", "oifname", chains=("forward", "input"))

    def drop_to_server(self):
        self._rule("drop", "iifname")

    def drop_to_client(self):
        self._rule("drop", "oifname")

    def reset(self):
        """As a middlebox does that wants no TCP here: each segment is answered with a reset."""
        self._rule("meta l4proto tcp reject with tcp reset", "iifname", "oifname")

    @staticmethod
    def mend():
        nft("flush chain inet faults forward", "flush chain inet faults input")


class Visit:
    """One visitor: when it came and how it ended: served, refused, reset, ended (without an answer), timeout."""

    def __init__(self, start, end, outcome):
        self.start, self.end, self.outcome = start, end, outcome


class Probe:
    """A visitor every interval_s, each of which asks once and wants its answer within deadline_s."""

    def __init__(self, stage, port, interval_s=0.1, deadline_s=40, host=None, address=None):
        self.host, self.address = host or stage.visitor_host, address or stage.server_host.address
        self.port, self.interval_s, self.deadline_s = port, interval_s, deadline_s * PATIENCE
        self.visits, self.threads, self.stopping = [], [], threading.Event()
        self.caller = threading.Thread(target=lambda: self.host.do(self._call), daemon=True)
        self.caller.start()

    def _call(self):
        while not self.stopping.wait(self.interval_s):
            thread = threading.Thread(target=self._visit, daemon=True)
            self.threads.append(thread)
            thread.start()

    def _visit(self):
        start = time.time()
        try:
            with socket.create_connection((self.address, self.port), self.deadline_s) as conn:
                conn.settimeout(self.deadline_s)
                conn.sendall(VISIT)
                got = b""
                while len(got) < len(VISIT) and (data := conn.recv(100)):
                    got += data
            outcome = "served" if got == VISIT else "ended"
        except ConnectionRefusedError:
            outcome = "refused"
        except ConnectionError:
            outcome = "reset"
        except TimeoutError:
            outcome = "timeout"
        self.visits.append(Visit(start, time.time(), outcome))

    def wait_served(self, after, deadline_s=None):
        """Waits until a visitor has been served after a time, and returns when."""
        def first():
            return min((visit.end for visit in list(self.visits) if visit.outcome == "served" and visit.end > after),
                       default=None)
        return eventually(first, f"a visitor of port {self.port} is served again", deadline_s)

    def stop(self):
        """Waits for the last, and returns all visits."""
        self.stopping.set()
        self.caller.join()
        for thread in self.threads:
            thread.join()
        return self.visits

    def unserved(self, after=0.0, before=float("inf")):
        return [visit for visit in self.visits if visit.outcome != "served" and after <= visit.start < before]


class Stream:
    """A visitor who stays: sends numbers, and counts which come back from an echo service."""

    def __init__(self, stage, port, interval_s=0.02, host=None, address=None):
        host, address = host or stage.visitor_host, address or stage.server_host.address
        self.conn = host.connect(address, port)
        self.sent, self.received, self.right, self.problem = 0, 0, True, None
        self.stopping, self.interval_s = threading.Event(), interval_s
        self.conn.settimeout(240 * PATIENCE)  # retransmission backs off
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self._write, self._read)]
        for thread in self.threads:
            thread.start()
        eventually(lambda: self.received, "the stream flows")

    def _write(self):
        try:
            while not self.stopping.wait(self.interval_s):
                self.conn.sendall(struct.pack("!Q", self.sent // 8))
                self.sent += 8
            self.conn.shutdown(socket.SHUT_WR)
        except OSError as problem:
            self.problem = problem

    def _read(self):
        rest = b""
        try:
            while data := self.conn.recv(65536):
                rest += data
                while len(rest) >= 8:
                    self.right = self.right and struct.unpack("!Q", rest[:8])[0] == self.received // 8
                    self.received += 8
                    rest = rest[8:]
        except OSError as problem:
            self.problem = problem

    def stop(self):
        """Ends it, waits for what is under way, and returns how many bytes did not come back."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.conn.close()
        assert self.right, "the stream was not given back as it was sent"
        return self.sent - self.received


class Tunnel:
    """A server, a client, the public port, and visitors."""

    def __init__(self, stage, server, client, port):
        self.stage, self.server, self.client, self.port = stage, server, client, port


class Stage(Scene):
    """A Scene whose processes are on hosts of their own."""

    def __init__(self, *hosts):
        super().__init__(network=True)
        self.wanted = ["client", "server", "visitor", *hosts]

    def __enter__(self):
        need("ip", "nft")
        super().__enter__()
        self.hosts = {name: Host(self, name) for name in self.wanted}
        self.client_host, self.server_host = self.hosts["client"], self.hosts["server"]
        self.visitor_host = self.hosts["visitor"]
        sysctl("ipv4.ip_forward", 1)
        for name, host in self.hosts.items():
            if name != "visitor":
                cable(host, name, "eth0")
                host.ip(f"route add default via {gateway_of(host.address)}")
        self.visitor_host.ip(f"link add eth0 type veth peer name visitor netns {self.server_host.path}")
        plug(self.visitor_host, "eth0", self.visitor_host.address)
        plug(self.server_host, "visitor", gateway_of(self.visitor_host.address))
        self.visitor_host.ip(f"route add default via {gateway_of(self.visitor_host.address)}")
        self.path = Path()
        return self

    def __exit__(self, kind, *how):
        reports = [process for process in self.processes
                   if hasattr(process, "popen") and SANITIZED.search(process.log())]
        super().__exit__(AssertionError if reports else kind, *how)  # prints the logs
        assert not reports or kind, "a sanitizer complains"

    # --- Processes on hosts

    def serve(self, *options, kind="rebore", host=None, name="server", **how):
        """A server of the given kind that listens at CONTROL_PORT."""
        host = host or self.server_host
        if kind == "rebore":
            return host.do(self.server, *options, control_port=CONTROL_PORT, name=name, **how)
        assert kind == "bore", kind
        server = host.do(self.start, name, bore(), "server", *options, **how)
        server.control_port = CONTROL_PORT
        server.wait_for(BORE_LISTENING)
        return server

    def join(self, service_port, *options, kind="rebore", host=None, to=None, name="client", connected=True, **how):
        """A client of the given kind, for a service of its host; connected, unless said otherwise."""
        host, to = host or self.client_host, to or self.server_host.address
        if kind == "rebore":
            client = host.do(self.rebore, "local", service_port, "--to", to, *options, name=name, **how)
        else:
            assert kind == "bore", kind
            client = host.do(self.start, name, bore(), "local", service_port, "--to", to, *options, **how)
        client.kind = kind
        if connected:
            public_port(client)
        return client

    def tunnel(self, server_options=(), client_options=(), server_kind="rebore", client_kind="rebore"):
        """The usual scene: an echo service, a server, and a client of it."""
        service_port = self.serve_echo()
        server = self.serve(*server_options, kind=server_kind)
        client = self.join(service_port, *client_options, kind=client_kind)
        tunnel = Tunnel(self, server, client, public_port(client))
        tunnel.service_port = service_port
        return tunnel

    def serve_echo(self, host=None):
        return (host or self.client_host).do(self.echo_service)

    def hello(self, port=0, host=None, secret=None, announce=None):  # pylint: disable=arguments-renamed
        """A client written by hand on a host of the stage; .public_port, or .refusal, and what the server announced."""
        peer = self.knock(host)
        peer.send({"Hello": port}, *([{"Announce": announce}] if announce else []))
        answer = peer.receive()
        peer.public_port = answer.get("Hello")
        peer.refusal = answer.get("Error")
        return peer

    def knock(self, host=None):
        """A connection to the control port."""
        peer = Peer((host or self.client_host).connect(self.server_host.address, CONTROL_PORT))
        self.closables.append(peer)
        return peer

    def visit(self, port):
        conn = self.visitor_host.connect(self.server_host.address, port)
        conn.settimeout(DEADLINE_S)
        return conn


def cable(host, name, far):
    """A cable between the router and a host: its interface is called name here, and far there."""
    ip(f"link add {name} type veth peer name {far} netns {host.path}",
       f"addr add {gateway_of(ADDRESSES[name])}/24 dev {name}", f"link set {name} up")
    plug(host, far, ADDRESSES[name])


def plug(host, interface, address):
    host.ip(f"addr add {address}/24 dev {interface}", f"link set {interface} up")


def public_port(client, after=0):
    if getattr(client, "kind", "rebore") == "rebore":
        return client.public_port(after)
    return int(client.wait_for(BORE_CONNECTED, after)[2])


def times(process, pattern, after=0):
    """When the process logged lines that contain pattern: rebore and bore both write the time in front, in UTC."""
    return [time_of(line) for line in process.log(after).splitlines() if re.search(pattern, line) and line[:2] == "20"]


def time_of(line):
    stamp = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)Z", line)
    return calendar.timegm(time.strptime(stamp[1], "%Y-%m-%dT%H:%M:%S")) + float(stamp[2])


def when(process, pattern, after=0, deadline_s=None):
    """When the process logged pattern first."""
    return eventually(lambda: times(process, pattern, after), f"{process.name} says {pattern!r}", deadline_s)[0]


BORING = (r"visitor .* bytes out(, reset)?$|proxied|proxying|new connection|incoming connection|forwarding|exited"
          r"|secret on the command line|accepts a visitor")


def show(*stories, most=12):
    """What processes logged, but for visitors: (process, mark), ..."""
    for process, mark in stories:
        lines = [line for line in process.log(mark).splitlines() if not re.search(BORING, line)]
        for line in lines[:most] + ["..."] * (len(lines) > most):
            print(f"  {process.name}: {line}", flush=True)


def peer_announce(instance, attempt, *can):
    return {"version": 1, "instance": instance, "attempt": attempt, "can": list(can or ("heartbeat", "lease"))}


# --- Rows

def figure(seconds):
    return "-" if seconds is None else f"{seconds:.2f} s"


def told(name, noticed=None, again=None, refused=None, lost=None, same_port=None, more=""):
    """The line of a row."""
    same = {None: "-", True: "yes", False: "NO"}[same_port]
    print(f"row: {name} | noticed {figure(noticed)} | served again {figure(again)}"
          f" | refused {'-' if refused is None else refused} | lost {'-' if lost is None else f'{lost} bytes'}"
          f" | same port {same}{' | ' + more if more else ''}", flush=True)


def described(visits, zero):
    """For the message of an assertion: visits that were not served, at what time from zero."""
    return ", ".join(f"{visit.outcome} (from {visit.start - zero:.2f} to {visit.end - zero:.2f} s)"
                     for visit in visits[:20])


def path_fault(name, begin, seconds, most_again, most_noticed=None, refused_allowed=False, breaks_streams=False,
               interval_s=0.1, server_kind="rebore", client_kind="rebore", client_options=(), new_port_allowed=False):
    """The path fails for some seconds. Nobody is refused, and no byte that was sent is lost."""
    with Stage() as stage:
        tunnel = stage.tunnel(server_kind=server_kind, client_kind=client_kind, client_options=client_options)
        stream = Stream(stage, tunnel.port)
        probe = Probe(stage, tunnel.port, interval_s, deadline_s=60)
        probe.wait_served(0)
        mark = tunnel.client.mark()
        start = time.time()
        begin(stage.path)
        time.sleep(seconds)
        end = time.time()
        stage.path.mend()
        if new_port_allowed:
            tunnel.client.wait_for("same public address|address has changed|taken its place", mark, 120 * PATIENCE)
            probe.port = tunnel.client.public_port(mark)
        again = probe.wait_served(end, deadline_s=100 * PATIENCE) - end
        time.sleep(1)  # visitors of after the fault count too
        probe.stop()
        unserved = probe.unserved()
        lost = stream.stop()
        noticed = [at - start for at in times(tunnel.client, LOST, mark)]
        same = not tunnel.client.count(r"new public address", mark)
        told(name, noticed[0] if noticed else None, again, len(unserved), lost, same)
        show((tunnel.client, mark), (tunnel.server, 0))
        assert same or new_port_allowed
        assert breaks_streams or lost == 0, lost
        within(again, most_again, "served again")
        if most_noticed is not None:
            within(noticed[0], most_noticed, "noticed")
        if not refused_allowed:
            assert not unserved, described(unserved, start)
        return unserved


def pick(rows):
    """The rows that the command line asks for; --list shows them."""
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    unknown = [word for word in wanted if word not in rows]
    if unknown or "--list" in sys.argv:
        print("\n".join(rows))
        sys.exit(2 if unknown else 0)
    return wanted or list(rows)


def main(*functions):
    """Plays rows, as many beside each other as the machine bears; each needs little but time."""
    rows = {function.__name__: function for function in functions}
    wanted = pick(rows)
    if len(wanted) == 1:
        rows[wanted[0]]()
        return
    at_a_time = int(os.environ.get("REBORE_TEST_ROWS", "4"))
    waiting, running, failed, skipped = list(wanted), {}, [], []
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                name = waiting.pop(0)
                running[name] = subprocess.Popen([sys.executable, sys.argv[0], name])
            ended = [name for name, process in running.items() if process.poll() is not None]
            for name in ended:
                status = running.pop(name).returncode
                if status == 77:
                    skipped.append(name)
                elif status != 0:
                    failed.append(name)
            time.sleep(0.05)
    finally:
        for process in running.values():
            process.terminate()
            process.wait()
    if failed:
        print("FAILED:", " ".join(failed), flush=True)
        sys.exit(1)
    sys.exit(77 if len(skipped) == len(wanted) else 0)

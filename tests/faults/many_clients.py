#!/usr/bin/env python3
"""300 real clients return after their server was killed: all within 5 s, with at most one failed attempt each."""
import json
import signal
import time

from faults import CONNECTED, PATIENCE, Stage, eventually, main, time_of, told, when, within

# Fewer where each costs more
COUNT = int(300 / PATIENCE)


def killed(name, state_file, down_s):
    with Stage() as stage:
        service_port = stage.serve_echo()
        options = ("--state-file", stage.folder + "/state") if state_file else ()
        server = stage.serve(*options)
        clients = [stage.join(service_port, connected=False, name=f"client{i}") for i in range(COUNT)]
        ports = {client: client.public_port() for client in clients}
        if state_file:
            def written():
                with open(options[1], encoding="ascii") as file:
                    return set(json.loads(file.read() or '{"ports": []}')["ports"]) == set(ports.values())
            eventually(written, "the ports are in the state file")
        marks = {client: client.mark() for client in clients}
        server.end(signal.SIGKILL)
        time.sleep(down_s)
        server = stage.serve(*options, name="server-again")
        end = time.time()
        # At the same time somebody new takes any port; without a state file that may be one of the others'
        newcomers = [stage.join(service_port, connected=False, name=f"new{i}") for i in range(5 if state_file else 0)]
        for client in clients:
            client.wait_for(CONNECTED, marks[client])
        back = [when(client, CONNECTED, marks[client]) for client in clients]
        failed = []
        for client in clients:
            # Attempts that failed while the server listened again
            failed.append(sum(1 for line in client.log(marks[client]).splitlines()
                              if "no connection" in line and time_of(line) > end + 0.05))
        same = [client.public_port(marks[client]) == ports[client] for client in clients]
        taken = {client.public_port() for client in newcomers} & set(ports.values())
        told(name, None, max(back) - end, None, None, all(same),
             f"{COUNT} clients, the first after {min(back) - end:.2f} s, at most {max(failed)} attempts failed,"
             f" threads {server.threads()}, {server.rss_kb()} KB")
        assert all(same), same.count(False)
        assert max(failed) <= 1, failed
        assert not (taken and state_file), taken
        within(max(back) - end, 5, "the last is back")


def restarted_at_once():
    killed(f"{COUNT} clients, server killed and restarted", False, 0)


def restarted_with_state_file():
    killed(f"{COUNT} clients, server with a state file killed, down for 1.5 s", True, 1.5)


main(restarted_at_once, restarted_with_state_file)

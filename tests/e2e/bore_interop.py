#!/usr/bin/env python3
"""rebore and the real bore 0.6.0 serve each other, in both roles, with and without a secret."""
from harness import BORE_CONTROL_PORT, REBORE, Scene, bore, echoes, free_port, noise, parallel

SIZE = 10_000_000
REBORE_UP = r"public address \S+:(\d+)"
BORE_UP = r"listening at 127\.0\.0\.\d+:(\d+)"
SERVERS = {"bore": [], "rebore": ["--control-port", BORE_CONTROL_PORT]}
LISTENS = {"bore": r"server listening", "rebore": r"listening on"}


def secret_options(secret):
    return [] if secret is None else ["--secret", secret]


def start_server(scene, program, host, secret):
    server = scene.start(f"{program}-server", programs[program], "server", "--bind-addr", host,
                         *SERVERS[program], *secret_options(secret))
    server.wait_for(LISTENS[program])
    return server


def start_client(scene, program, host, service_port, secret, *options):
    return scene.start(f"{program}-client", programs[program], "local", service_port, "--to", host,
                       *secret_options(secret), *options)


def serves(scene, client_program, server_program, host, secret):
    """A tunnel on port 0 and one on a fixed port carry bytes both ways, up to a half-close."""
    up = REBORE_UP if client_program == "rebore" else BORE_UP
    server = start_server(scene, server_program, host, secret)
    service_port = scene.echo_service()

    client = start_client(scene, client_program, host, service_port, secret)
    port = int(client.wait_for(up)[1])
    # exchange() ends its side first: what comes after that came through a half-closed connection
    assert echoes(port, noise(SIZE), host)

    fixed = free_port()
    client = start_client(scene, client_program, host, service_port, secret, "--port", fixed)
    assert int(client.wait_for(up)[1]) == fixed
    assert all(parallel(*[lambda seed=seed: echoes(fixed, noise(50_000, seed), host) for seed in range(8)]))

    if client_program == "rebore":
        assert client.end() == 0
    if server_program == "rebore":
        assert server.end() == 0


def wrong_secret(scene, client_program, server_program, host):
    """Each mismatch ends the client, and ours says why by its status."""
    start_server(scene, server_program, host, "right")
    for secret in ("wrong", None):
        client = start_client(scene, client_program, host, 1, secret)
        status = client.status()
        assert status == (77 if client_program == "rebore" else 1), (client_program, secret, status)
        assert "right" not in client.log()


def needless_secret(scene, client_program, server_program, host):
    """A secret for a server that has none: the server never challenges; that is no evidence, so ours retries. Our server says
    so, and bore's client ends with what it has to say to any message but a challenge."""
    start_server(scene, server_program, host, None)
    client = start_client(scene, client_program, host, 1, "needless")
    if client_program == "rebore":
        client.wait_for(r"no connection \(.*(may run without a secret|has no secret).*\); trying again in")
    else:
        assert client.status() == 1


programs = {"bore": bore(), "rebore": REBORE}
with Scene(network=True) as scene:
    runs = []
    for ours_is_client in (True, False):
        pair = ("rebore", "bore") if ours_is_client else ("bore", "rebore")
        for test, arguments in ((serves, [None]), (serves, ["s3cret"]), (serves, [""]), (wrong_secret, []),
                                (needless_secret, [])):
            # All servers have the same port, and so each has an address of its own
            host = f"127.0.0.{len(runs) + 2}"
            runs.append(lambda test=test, host=host, pair=pair, arguments=arguments:
                        test(scene, *pair, host, *arguments))
    parallel(*runs)

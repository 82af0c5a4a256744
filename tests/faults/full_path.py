#!/usr/bin/env python3
"""The path fails for longer than a silent server is waited for, or a lease lasts. Takes two minutes."""
from faults import PATIENCE, Stage, described, main, path_fault, told


def dropped_20_s():
    """Within the lease: the delay in force is at most a quarter of it; who waits no longer than --hold is served."""
    unserved = path_fault("path dropped for 20 s", lambda path: path.drop(), 20, 11, 11, refused_allowed=True,
                          interval_s=1)
    early = [visit for visit in unserved if visit.end - visit.start < 14.5]
    told("who was not served came", more=described(unserved, min([visit.start for visit in unserved], default=0)))
    assert not early, described(early, 0)


def dropped_90_s():
    """Beyond the lease: the port is free meanwhile, and the client's again afterwards."""
    path_fault("path dropped for 90 s", lambda path: path.drop(), 90, 15, 11, refused_allowed=True, interval_s=1,
               client_options=("--max-reconnect-delay", 10))


def one_way_to_server_20_s():
    path_fault("path to the server dropped for 20 s", lambda path: path.drop_to_server(), 20, 11, 11,
               refused_allowed=True, interval_s=1)


def one_way_to_client_20_s():
    path_fault("path to the client dropped for 20 s", lambda path: path.drop_to_client(), 20, 11, 11,
               refused_allowed=True, interval_s=1)


def bore_server_dropped_20_s():
    """A server of bore holds the port for its dead client for a quarter of an hour, unless the path comes back: after
    30 s of refusals the client takes another one, and says so."""
    path_fault("path to a bore server dropped for 20 s", lambda path: path.drop(), 20, 110, 11, refused_allowed=True,
               interval_s=1, server_kind="bore", new_port_allowed=True)


def bore_client_dropped_20_s():
    """A server of ours gives up a silent client of bore after 16 s; that client waits for ever."""
    with Stage() as stage:
        tunnel = stage.tunnel(client_kind="bore")
        stage.path.drop()
        tunnel.server.wait_for("is gone", deadline_s=40 * PATIENCE)
        tunnel.server.wait_for(f"port {tunnel.port} is free")
        told("path of a bore client dropped", more="its port is free after 16 s")


main(dropped_90_s, dropped_20_s, one_way_to_server_20_s, one_way_to_client_20_s, bore_server_dropped_20_s,
     bore_client_dropped_20_s)

#!/usr/bin/env python3
"""The path between client and server fails, and both stay: silently, one way, by resets."""
import time

from faults import Stage, main, path_fault, show, told

def dropped_3_s():
    """Under 8 s nothing is given up: the second connection is there within 1.5 s of the end."""
    path_fault("path dropped for 3 s", lambda path: path.drop(), 3, 2.5)


def dropped_6_s():
    path_fault("path dropped for 6 s", lambda path: path.drop(), 6, 2.5)


def dropped_to_server_3_s():
    path_fault("path to the server dropped for 3 s", lambda path: path.drop_to_server(), 3, 2.5)


def dropped_to_client_3_s():
    path_fault("path to the client dropped for 3 s", lambda path: path.drop_to_client(), 3, 2.5)


def dropped_to_server_6_s():
    path_fault("path to the server dropped for 6 s", lambda path: path.drop_to_server(), 6, 2.5)


def dropped_to_client_6_s():
    path_fault("path to the client dropped for 6 s", lambda path: path.drop_to_client(), 6, 2.5)


def reset_by_router():
    """The router's resets go to whoever sends: the server learns at once, the client by silence or its heartbeat."""
    path_fault("path reset", lambda path: path.reset(), 0.5, 3, 3, breaks_streams=True)


def bore_server_dropped_3_s():
    """No second connection to a server of bore: the old one speaks when its retransmission is due."""
    path_fault("path to a bore server dropped for 3 s", lambda path: path.drop(), 3, 5, server_kind="bore")


def bore_client_dropped_3_s():
    """Our server retransmits once a second (where the kernel has TCP_RTO_MAX_MS)."""
    path_fault("path of a bore client dropped for 3 s", lambda path: path.drop(), 3, 5, client_kind="bore")


def visitor_before_a_drop():
    """Who is announced just before the path fails is served once it is back, however long that took: the client may
    still be busy with the first announcement when the second one comes."""
    for seconds in (2.3, 3.4, 5.3, 5.7):
        with Stage() as stage:
            tunnel = stage.tunnel(client_options=("-v",))
            mark = tunnel.client.mark()
            stage.path.drop_to_server()  # the announcement gets through, the answer does not
            visitor = stage.visit(tunnel.port)
            start = time.time()
            visitor.sendall(b"early")
            time.sleep(seconds)
            stage.path.mend()
            try:
                got = visitor.recv(100)
            except OSError as problem:
                got = problem
            told(f"visitor announced {seconds} s before the path is back", again=time.time() - start - seconds,
                 refused=int(got != b"early"))
            show((tunnel.client, mark))
            assert got == b"early", got


main(visitor_before_a_drop, dropped_3_s, dropped_6_s, dropped_to_server_3_s, dropped_to_client_3_s,
     dropped_to_server_6_s, dropped_to_client_6_s, reset_by_router, bore_server_dropped_3_s, bore_client_dropped_3_s)

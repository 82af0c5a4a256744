"""A wire on which packets take their time: what one of two tun devices sends, the other gets after delay_s."""
import collections
import os
import select
import time


def carry(near, far, delay_s):
    """For ever; none is lost, and none overtakes another."""
    under_way = {near: collections.deque(), far: collections.deque()}  # by where they go
    while True:
        due = [queue[0][0] for queue in under_way.values() if queue]
        patience_s = max(0, min(due) - time.monotonic()) if due else None
        for source in select.select([near, far], [], [], patience_s)[0]:
            target = far if source == near else near
            under_way[target].append((time.monotonic() + delay_s, os.read(source, 65536)))
        for target, queue in under_way.items():
            while queue and queue[0][0] <= time.monotonic():
                os.write(target, queue.popleft()[1])

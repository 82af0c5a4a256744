/*
 * lock_rank - the order in which the locks of the program may be taken.
 *
 * A lock may only be taken if every lock that the thread holds has a higher
 * rank. So two locks of one rank are never held together, and threads cannot
 * deadlock. In builds that check it (configure --enable-lock-ranks, which
 * --enable-werror and --with-sanitizer turn on), lock_take() aborts if this is
 * violated.
 *
 * A new lock is a leaf, unless its header says why another lock must be taken
 * under it; then both have a line here.
 */
#ifndef REBORE_OS_LOCK_RANK_H
#define REBORE_OS_LOCK_RANK_H

enum lock_rank {
	/* Locks of unit tests that replace another module. */
	LOCK_RANK_OF_TESTS,

	/* Leaves: no lock is taken under one of these. */
	LOCK_RANK_LEAF,
	/* Free objects of one size. */
	LOCK_RANK_OBJECT_CACHE = LOCK_RANK_LEAF,
	/* Threads that work or wait for a job. */
	LOCK_RANK_THREAD_POOL = LOCK_RANK_LEAF,
	/* Kept buffers and pipes, and how many are lent. */
	LOCK_RANK_BUFFERS = LOCK_RANK_LEAF,
	LOCK_RANK_PIPES = LOCK_RANK_LEAF,
	/* The answer of a name look-up. */
	LOCK_RANK_RESOLVE = LOCK_RANK_LEAF,
	/* The sockets of threads that can be interrupted. */
	LOCK_RANK_ROSTER = LOCK_RANK_LEAF,
	/* Connections that have not named their role yet, by source. */
	LOCK_RANK_CROWD = LOCK_RANK_LEAF,
	/* The keys that are valid or still held. */
	LOCK_RANK_KEYRING = LOCK_RANK_LEAF,
	/* Counts of condensed log lines. */
	LOCK_RANK_NOTICES = LOCK_RANK_LEAF,
	/* Penalties of sources, and when spares were last reclaimed. */
	LOCK_RANK_SERVER_STATE = LOCK_RANK_LEAF,
	/* Visitors that wait, by uuid and by tunnel. */
	LOCK_RANK_PENDING = LOCK_RANK_LEAF,
	/* The spare connections of one client. */
	LOCK_RANK_SPARES = LOCK_RANK_LEAF,
	/* Ports that are granted or reserved, and to whom. */
	LOCK_RANK_PORT_MEMORY = LOCK_RANK_LEAF,
	/* When a state file is to be written. */
	LOCK_RANK_SAVER = LOCK_RANK_LEAF,
	/* The client's instance, attempt and port. */
	LOCK_RANK_IDENTITY = LOCK_RANK_LEAF,
	/* Visitors that the client is serving or has recently served. */
	LOCK_RANK_SERVED_VISITORS = LOCK_RANK_LEAF,
	/* Kept and unused pieces of streams, and how many there are. */
	LOCK_RANK_STREAM_RETAIN = LOCK_RANK_LEAF,
	/* Streams by id, and what other threads have for them. */
	LOCK_RANK_STREAM_DIRECTORY = LOCK_RANK_LEAF,
	/* Streams that are interrupted, for the log. */
	LOCK_RANK_STREAM_OUTAGE = LOCK_RANK_LEAF,
	/* Streams of a tunnel that have ended. */
	LOCK_RANK_STREAM_TOMBSTONES = LOCK_RANK_LEAF,
	/* Failures that workers have logged. */
	LOCK_RANK_WORKER = LOCK_RANK_LEAF,

	/* Only leaves are taken under these. */
	LOCK_RANK_OVER_LEAVES,
	/* Ports that could not be bound. Under it: the locks of the port memory
	 * and of its saver. */
	LOCK_RANK_PORTS = LOCK_RANK_OVER_LEAVES,
	/* Who holds a tunnel. Under it: the locks of pending, of the port
	 * memory and of its saver. */
	LOCK_RANK_TUNNEL = LOCK_RANK_OVER_LEAVES,
	/* Seats of visitors and leases. Under it: the locks of pending, of a
	 * roster and of an object cache. */
	LOCK_RANK_SHARES = LOCK_RANK_OVER_LEAVES,
	/* Tunnels by port, key and instance. Under it: the lock of spares. */
	LOCK_RANK_REGISTRY = LOCK_RANK_OVER_LEAVES,
};

#endif

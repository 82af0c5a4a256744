/*
 * message_extensions - what is in Announce, Bye and Lost, messages that bore
 * does not have. See rebore-protocol(7), EXTENSIONS.
 */
#ifndef REBORE_WIRE_MESSAGE_EXTENSIONS_H
#define REBORE_WIRE_MESSAGE_EXTENSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"

/* What an announced peer can do; a set of bits. */
enum message_ability {
	MESSAGE_CAN_HEARTBEAT = 1,
	MESSAGE_CAN_LEASE = 2,
	MESSAGE_CAN_SPARE = 4,
	/* A client: Spare has the key of its control connection. */
	MESSAGE_CAN_KEY = 8,
	/* Data connections carry frames (stream/stream_frame.h). */
	MESSAGE_CAN_STREAM = 16,
};

/* The most data connections that one Dial asks for, or one Full refuses. */
#define MESSAGE_DIAL_MOST 64

/* Who a peer is, beyond what bore's protocol says. */
struct message_announce {
	unsigned can;
	/* A client: its instance and the number of its attempt. */
	bool has_instance;
	struct uuid instance;
	uint64_t attempt;
	/* A client: identifies its process. */
	bool has_process;
	struct uuid process;
	/* A server: what it grants. */
	uint32_t lease_ms;
	/* A server: how many it grants; a client with MESSAGE_CAN_STREAM: how
	 * many are to stay when no visitors come. */
	uint32_t spares;
	/* A server: identifies this control connection; for Spare. */
	bool has_key;
	struct uuid key;
	/* How long a stream may be interrupted: a client, what it wants; a
	 * server, what holds; 0: not at all. */
	uint32_t resume_ms;
};

/* A server: the data connection of this attempt of a stream is lost, or the
 * stream has ended. */
struct message_lost {
	struct uuid id;
	uint32_t attempt;
};

/* Why the sender ends the connection on purpose. */
struct message_bye {
	/* A server: another connection of the same instance has replaced this
	 * one. */
	bool displaced;
	/* A server: the port was given to another client, after this one had
	 * been silent for silent_ms. */
	bool taken;
	uint32_t silent_ms;
	/* A server, after an Error: another process uses the client's instance
	 * and was heard just now, so the client's state file must be a copy. */
	bool copy;
	/* A server, after an Error: the highest attempt of the client's
	 * instance that it knows; 0: not said. */
	uint64_t attempt;
	/* A server: when the client should come back; 0: not said. */
	uint32_t retry_ms;
};

#endif

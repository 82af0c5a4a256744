/*
 * message - the messages of the protocol as JSON text and as a struct.
 *
 * Pure. See rebore-protocol(7), MESSAGES.
 */
#ifndef REBORE_WIRE_MESSAGE_H
#define REBORE_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

/* The most bytes of JSON in a frame, without the NUL that ends it. */
#define MESSAGE_JSON_MOST 256
/* How deeply arrays and objects may be nested. More is refused without the
 * parser, which recurses. The protocol itself needs 3. */
#define MESSAGE_NESTING_MOST 8

enum message_kind {
	/* Client to server */
	MESSAGE_AUTHENTICATE, /* text: the tag */
	MESSAGE_ACCEPT,       /* uuid */
	MESSAGE_SPARE,        /* uuid: the key; ours, not bore's */
	MESSAGE_TAKEN,        /* nothing; ours, not bore's */
	/* Both ways */
	MESSAGE_HELLO,    /* port */
	MESSAGE_ANNOUNCE, /* announce; ours, not bore's */
	MESSAGE_BYE,      /* bye; ours, not bore's */
	/* Server to client */
	MESSAGE_CHALLENGE,  /* uuid */
	MESSAGE_HEARTBEAT,  /* nothing; between rebore's, both ways */
	MESSAGE_CONNECTION, /* uuid */
	MESSAGE_ERROR,      /* text: for people */
	/* Well-formed, but not known, as of a later version; text: its name */
	MESSAGE_UNKNOWN,
};

/* What an announced peer can do; a set of bits. */
enum message_ability {
	MESSAGE_CAN_HEARTBEAT = 1,
	MESSAGE_CAN_LEASE = 2,
	MESSAGE_CAN_SPARE = 4,
	/* A client: Spare has the key of its control connection. */
	MESSAGE_CAN_KEY = 8,
};

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
	uint32_t spares;
	/* A server: identifies this control connection; for Spare. */
	bool has_key;
	struct uuid key;
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

struct message {
	enum message_kind kind;
	union {
		uint16_t port;
		struct uuid uuid;
		char text[MESSAGE_JSON_MOST + 1];
		struct message_announce announce;
		struct message_bye bye;
	} as;
};

/*
 * Decode one message.
 *
 * json: size bytes, without the NUL of the frame.
 * Returns ERROR_PROTOCOL when they are not exactly one well-formed message, or
 * ERROR_MEMORY.
 */
enum error message_decode(
    const char *json, size_t size, struct message *message);

/*
 * Encode one frame: the message and a NUL.
 *
 * message: any kind but MESSAGE_UNKNOWN. A text is cut where the frame would
 * become too long, or where it is not UTF-8.
 * Returns the size of the frame with its NUL, or 0 when there is no memory.
 */
size_t message_encode(
    const struct message *message, char frame[static MESSAGE_JSON_MOST + 1]);

/* Returns the name that a kind has on the wire, a constant. */
const char *message_name(enum message_kind kind);

#endif

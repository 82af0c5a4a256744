/*
 * message - the messages of the protocol as JSON text and as a struct.
 *
 * Pure: bytes to message and back. See rebore-protocol(7), MESSAGES.
 */
#ifndef REBORE_WIRE_MESSAGE_H
#define REBORE_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

/* The most bytes of JSON in a frame, without the NUL behind them. */
#define MESSAGE_JSON_MOST 256
/* Arrays and objects within each other; more is refused before the parser,
 * which recurses, sees it. The protocol itself needs 3. */
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
	MESSAGE_HEARTBEAT,  /* nothing; of ours, both ways */
	MESSAGE_CONNECTION, /* uuid */
	MESSAGE_ERROR,      /* text: for people */
	/* Well-formed, but of a later version: text is its name */
	MESSAGE_UNKNOWN,
};

/* What an announced peer can do; a set of bits. */
enum message_ability {
	MESSAGE_CAN_HEARTBEAT = 1,
	MESSAGE_CAN_LEASE = 2,
	MESSAGE_CAN_SPARE = 4,
	/* A client: its spares name the key of their control connection. */
	MESSAGE_CAN_KEY = 8,
};

/* Who a peer is, beyond what bore's protocol says. */
struct message_announce {
	unsigned can;
	/* A client: its instance and the number of its attempt. */
	bool has_instance;
	struct uuid instance;
	uint64_t attempt;
	/* The same, until its process ends. */
	bool has_process;
	struct uuid process;
	/* A server: what it grants. */
	uint32_t lease_ms;
	uint32_t spares;
	/* A server: the name of this control connection, for its spares. */
	bool has_key;
	struct uuid key;
};

/* The sender ends on purpose. */
struct message_bye {
	/* A server: another connection with the client's instance took its
	 * place. */
	bool displaced;
	/* A server: another client took the port, after so long a silence. */
	bool taken;
	uint32_t silent_ms;
	/* A server, behind an Error: the client's instance is in use by another
	 * process that is heard, so its state file is a copy. */
	bool copy;
	/* A server, behind an Error: the highest attempt of the client's instance
	 * that it knows; 0: it does not say. */
	uint64_t attempt;
	/* A server: come back in so many ms; 0: it does not say. */
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
 * Read one message.
 *
 * json: size bytes, without the NUL of the frame.
 * Returns ERROR_PROTOCOL when it is not exactly one well-formed message, or
 * ERROR_MEMORY.
 */
enum error message_decode(
    const char *json, size_t size, struct message *message);

/*
 * Write one frame: the message and its NUL.
 *
 * message: any kind but MESSAGE_UNKNOWN. An error's text is cut where the frame
 * would be too long, and so is what is no UTF-8.
 * Returns the bytes written, NUL included; 0: out of memory.
 */
size_t message_encode(
    const struct message *message, char frame[static MESSAGE_JSON_MOST + 1]);

/* Returns the name of a kind as on the wire, a constant. */
const char *message_name(enum message_kind kind);

#endif

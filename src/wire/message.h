/*
 * message - the messages of the protocol as JSON text and as a struct.
 *
 * Pure: bytes to message and back. See rebore-protocol(7), MESSAGES.
 */
#ifndef REBORE_WIRE_MESSAGE_H
#define REBORE_WIRE_MESSAGE_H

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
	/* Both ways */
	MESSAGE_HELLO, /* port */
	/* Server to client */
	MESSAGE_CHALLENGE,  /* uuid */
	MESSAGE_HEARTBEAT,  /* nothing */
	MESSAGE_CONNECTION, /* uuid */
	MESSAGE_ERROR,      /* text: for people */
	/* Well-formed, but of a later version: text is its name */
	MESSAGE_UNKNOWN,
};

struct message {
	enum message_kind kind;
	union {
		uint16_t port;
		struct uuid uuid;
		char text[MESSAGE_JSON_MOST + 1];
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

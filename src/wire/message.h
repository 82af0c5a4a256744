/*
 * message - the messages of the protocol as JSON text and as a struct.
 *
 * Pure. See rebore-protocol(7), MESSAGES.
 */
#ifndef REBORE_WIRE_MESSAGE_H
#define REBORE_WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "wire/announcement.h"
#include "wire/message_extensions.h"

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
	MESSAGE_STREAM,       /* uuid: the key; ours, not bore's */
	MESSAGE_RESUME,       /* uuid: the key; ours, not bore's */
	MESSAGE_NO_STREAM,    /* uuid: of a stream; ours, not bore's */
	MESSAGE_FULL,         /* count; ours, not bore's */
	/* Both ways */
	MESSAGE_HELLO,    /* port */
	MESSAGE_ANNOUNCE, /* announce; ours, not bore's */
	MESSAGE_BYE,      /* bye; ours, not bore's */
	/* Server to client */
	MESSAGE_CHALLENGE,  /* uuid */
	MESSAGE_HEARTBEAT,  /* nothing; between rebore's, both ways */
	MESSAGE_CONNECTION, /* announcement */
	MESSAGE_ERROR,      /* text: for people */
	MESSAGE_DIAL,       /* count; ours, not bore's */
	MESSAGE_LOST,       /* lost; ours, not bore's */
	/* Well-formed, but of an unknown kind, as from a later version; text:
	 * its name */
	MESSAGE_UNKNOWN,
};

struct message {
	enum message_kind kind;
	union {
		uint16_t port;
		struct uuid uuid;
		char text[MESSAGE_JSON_MOST + 1];
		struct announcement announcement;
		struct message_announce announce;
		struct message_bye bye;
		struct message_lost lost;
		unsigned count; /* 1 to MESSAGE_DIAL_MOST */
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
 * message: any kind except MESSAGE_UNKNOWN. A text is cut where the frame would
 * become too long, or where it is not UTF-8.
 * Returns the size of the frame with its NUL, or 0 when there is no memory.
 */
size_t message_encode(
    const struct message *message, char frame[static MESSAGE_JSON_MOST + 1]);

/* Returns the name that a kind has on the wire, a constant. */
const char *message_name(enum message_kind kind);

#endif

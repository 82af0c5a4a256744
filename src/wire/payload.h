/*
 * payload - the objects within our own messages, Announce and Bye, as JSON.
 *
 * Of message.h alone. Pure. Unknown keys are ignored, so that the messages can
 * grow; known keys must be right. See rebore-protocol(7), EXTENSIONS.
 */
#ifndef REBORE_WIRE_PAYLOAD_H
#define REBORE_WIRE_PAYLOAD_H

#include <jansson.h>

#include "wire/message.h"

/* The version that this program speaks and announces. */
#define PAYLOAD_VERSION 1

/* Return false when value is not such an object. */
bool payload_read_announce(
    const json_t *value, struct message_announce *announce);
bool payload_read_bye(const json_t *value, struct message_bye *bye);

/* Return a new object, the caller's reference, or NULL: out of memory. */
json_t *payload_write_announce(const struct message_announce *announce);
json_t *payload_write_bye(const struct message_bye *bye);

#endif

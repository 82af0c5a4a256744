/*
 * payload - the objects in Announce, Bye and Lost (message_extensions.h) as
 * JSON.
 *
 * For message.c alone. Pure. Unknown keys are ignored, so that the messages can
 * be extended; known ones must be right. See rebore-protocol(7), EXTENSIONS.
 */
#ifndef REBORE_WIRE_PAYLOAD_H
#define REBORE_WIRE_PAYLOAD_H

#include <jansson.h>
#include <stdbool.h>

#include "wire/message_extensions.h"

/* The version that this program speaks and announces. */
#define PAYLOAD_VERSION 1

/* Decode an object. Return false when value is not a valid one. */
bool payload_read_announce(
    const json_t *value, struct message_announce *announce);
bool payload_read_bye(const json_t *value, struct message_bye *bye);
bool payload_read_lost(const json_t *value, struct message_lost *lost);

/* Return a new object, whose reference is the caller's, or NULL when there is
 * no memory. */
json_t *payload_write_announce(const struct message_announce *announce);
json_t *payload_write_bye(const struct message_bye *bye);
json_t *payload_write_lost(const struct message_lost *lost);

#endif

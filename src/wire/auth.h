/*
 * auth - lets a client prove that it knows the secret, without sending it.
 *
 * The server sends a random UUID (Challenge); the client answers with the
 * HMAC-SHA-256 of its 16 bytes, keyed by the SHA-256 of the secret, in hex
 * (Authenticate). See rebore-protocol(7), AUTHENTICATION.
 */
#ifndef REBORE_WIRE_AUTH_H
#define REBORE_WIRE_AUTH_H

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "wire/channel.h"
#include "wire/message.h"

/* The text of the Error that a server without a secret sends to a peer that
 * says nothing and may be waiting for a challenge. The connection goes on. */
#define AUTH_NO_SECRET "this server has no secret and asks for none"

#define AUTH_TAG_BYTES 32
/* 64 digits and NUL */
#define AUTH_TAG_TEXT_SIZE 65

/* A key, with the part of the HMAC's work that is the same for all messages
 * done. To be wiped after use: it is as good as the secret. */
struct auth_key {
	br_hmac_key_context prepared;
};

/* Derive the key of a secret. An empty one is valid, and differs from having
 * none. */
void auth_key_derive(const void *secret, size_t size, struct auth_key *key);

/* Compute the answer to challenge. */
void auth_tag(const struct auth_key *key, const struct uuid *challenge,
    char tag[static AUTH_TAG_TEXT_SIZE]);

/* Check an answer, in constant time. tag: any text. */
bool auth_tag_valid(
    const struct auth_key *key, const struct uuid *challenge, const char *tag);

/* Returns whether both were derived from the same secret, in constant time. */
bool auth_key_equal(const struct auth_key *a, const struct auth_key *b);

/*
 * The server's side: send a new challenge, the first message on a connection,
 * without waiting.
 *
 * challenge: set to the one that was sent.
 * Returns what channel_flush() does.
 */
enum error auth_challenge(struct channel *channel, struct uuid *challenge);

/*
 * Wait for the answer. Its text is the tag, which the caller has to check.
 *
 * Returns ERROR_INVALID when another message came, or the connection ended
 * within one; else what channel_receive() does.
 */
enum error auth_await_answer(
    struct channel *channel, struct message *answer, int64_t deadline_ms);

/*
 * The client's side: queue the answer to a challenge. It goes out in one write
 * with the message that follows.
 *
 * Returns what channel_put() does.
 */
enum error auth_answer(struct channel *channel, const struct auth_key *key,
    const struct uuid *challenge);

#endif

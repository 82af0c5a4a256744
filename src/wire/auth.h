/*
 * auth - proves that both ends know the secret, without sending it.
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

/* What a server without a secret says in an Error to a peer that waits, perhaps for
 * a challenge. The connection goes on. */
#define AUTH_NO_SECRET "this server has no secret and asks for none"

#define AUTH_TAG_BYTES 32
/* 64 digits and NUL */
#define AUTH_TAG_TEXT_SIZE 65

/* As good as the secret: wipe it when it is done with. Half of the work of each
 * HMAC is done in it. */
struct auth_key {
	br_hmac_key_context prepared;
};

/* Derive the key. The empty secret is valid, and is not the same as none. */
void auth_key_derive(const void *secret, size_t size, struct auth_key *key);

/* Make the answer to challenge. */
void auth_tag(const struct auth_key *key, const struct uuid *challenge,
    char tag[static AUTH_TAG_TEXT_SIZE]);

/* Check an answer, in constant time. tag: any text. */
bool auth_tag_valid(
    const struct auth_key *key, const struct uuid *challenge, const char *tag);

/* Whether both are of the same secret, in constant time. */
bool auth_key_equal(const struct auth_key *a, const struct auth_key *b);

/*
 * The server's side: send a challenge, the first message on a connection, without
 * waiting.
 *
 * challenge: made here.
 * Returns as channel_flush().
 */
enum error auth_challenge(struct channel *channel, struct uuid *challenge);

/*
 * Wait for the answer; its text is the tag, to be checked.
 *
 * Returns ERROR_INVALID: another message came, or a part of one and the end; else
 * as channel_receive().
 */
enum error auth_await_answer(
    struct channel *channel, struct message *answer, int64_t deadline_ms);

/*
 * The client's side: answer the challenge that has come. Only queues the
 * answer, so that what follows goes out in the same write.
 *
 * Returns as channel_put().
 */
enum error auth_answer(struct channel *channel, const struct auth_key *key,
    const struct uuid *challenge);

#endif

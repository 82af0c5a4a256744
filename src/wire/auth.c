/* auth - see auth.h */
#include "wire/auth.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/random.h"
#include "base/secret.h"

void
auth_key_derive(const void *secret, size_t size, struct auth_key *key)
{
	uint8_t digest[br_sha256_SIZE];
	br_sha256_context context;

	br_sha256_init(&context);
	br_sha256_update(&context, secret, size);
	br_sha256_out(&context, digest);
	br_hmac_key_init(
	    &key->prepared, &br_sha256_vtable, digest, sizeof digest);
	secret_wipe_stack(); /* the last block of the hash is a copy */
	secret_wipe(digest, sizeof digest);
	secret_wipe(&context, sizeof context);
}

/* Compute the HMAC of the 16 bytes of challenge. */
static void
compute_tag(const struct auth_key *key, const struct uuid *challenge,
    uint8_t tag[static AUTH_TAG_BYTES])
{
	br_hmac_context context;

	br_hmac_init(&context, &key->prepared, 0);
	br_hmac_update(&context, challenge->bytes, sizeof challenge->bytes);
	br_hmac_out(&context, tag);
	secret_wipe(&context, sizeof context);
}

void
auth_tag(const struct auth_key *key, const struct uuid *challenge,
    char tag[static AUTH_TAG_TEXT_SIZE])
{
	uint8_t bytes[AUTH_TAG_BYTES];

	compute_tag(key, challenge, bytes);
	hex_print(bytes, sizeof bytes, tag);
}

bool
auth_tag_valid(
    const struct auth_key *key, const struct uuid *challenge, const char *tag)
{
	uint8_t expected[AUTH_TAG_BYTES];
	uint8_t claimed[AUTH_TAG_BYTES];
	bool valid;

	compute_tag(key, challenge, expected);
	valid = hex_parse(tag, claimed, sizeof claimed) &&
	        secret_equal(expected, claimed, sizeof expected);
	secret_wipe(expected, sizeof expected);
	return valid;
}

bool
auth_key_equal(const struct auth_key *a, const struct auth_key *b)
{
	static const struct uuid zero;
	uint8_t tag_a[AUTH_TAG_BYTES];
	uint8_t tag_b[AUTH_TAG_BYTES];

	compute_tag(a, &zero, tag_a);
	compute_tag(b, &zero, tag_b);
	return secret_equal(tag_a, tag_b, sizeof tag_a);
}

enum error
auth_challenge(struct channel *channel, struct uuid *challenge)
{
	struct message message = {.kind = MESSAGE_CHALLENGE};
	enum error error;

	*challenge = random_uuid();
	message.as.uuid = *challenge;
	error = channel_put(channel, &message);
	return error ? error : channel_flush(channel);
}

enum error
auth_await_answer(
    struct channel *channel, struct message *answer, int64_t deadline_ms)
{
	enum error error = channel_receive(channel, answer, deadline_ms);
	size_t begun;

	channel_rest(channel, &begun);
	if (error == ERROR_CLOSED && begun > 0)
		return ERROR_INVALID;
	if (error)
		return error;
	return answer->kind == MESSAGE_AUTHENTICATE ? ERROR_NONE
	                                            : ERROR_INVALID;
}

enum error
auth_answer(struct channel *channel, const struct auth_key *key,
    const struct uuid *challenge)
{
	struct message message = {.kind = MESSAGE_AUTHENTICATE};

	auth_tag(key, challenge, message.as.text);
	return channel_put(channel, &message);
}

/* What auth.h promises: the vectors in tests/vectors/auth.txt, and both sides. */
#include <ctype.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "sockets.h"
#include "suite.h"
#include "vectors.h"
#include "wire/auth.h"

/* The protocol's test vector */
#define CHALLENGE "00112233-4455-4677-8899-aabbccddeeff"
#define TAG       "e2afac13563de627a8968ad0b198480ca50b4347292a062fc3f99c418dcb68d8"

static struct auth_key key;
static struct uuid challenge;

static void
start(void)
{
	auth_key_derive("abc", 3, &key);
	ck_assert(uuid_parse(CHALLENGE, &challenge));
	ck_assert_int_eq(random_start(), ERROR_NONE);
}

START_TEST(every_vector_gives_its_tag)
{
	struct vectors vectors;
	char tag[AUTH_TAG_TEXT_SIZE];

	start();
	vectors_open(&vectors, "auth.txt");
	while (vectors_next(&vectors)) {
		auth_key_derive(vectors.fields[0], vectors.sizes[0], &key);
		ck_assert(uuid_parse(vectors.fields[1], &challenge));
		auth_tag(&key, &challenge, tag);
		ck_assert_str_eq(tag, vectors.fields[2]);
		ck_assert(auth_tag_valid(&key, &challenge, vectors.fields[2]));
	}
}
END_TEST

START_TEST(the_protocols_own_vector_holds)
{
	char tag[AUTH_TAG_TEXT_SIZE];

	start();
	auth_tag(&key, &challenge, tag);
	ck_assert_str_eq(tag, TAG);
}
END_TEST

/* The tag of the challenge, by a key that is given */
static void
tag_by(const uint8_t hash[static 32], char tag[static AUTH_TAG_TEXT_SIZE])
{
	br_hmac_key_context prepared;
	br_hmac_context context;
	uint8_t bytes[AUTH_TAG_BYTES];

	br_hmac_key_init(&prepared, &br_sha256_vtable, hash, 32);
	br_hmac_init(&context, &prepared, 0);
	br_hmac_update(&context, challenge.bytes, sizeof challenge.bytes);
	br_hmac_out(&context, bytes);
	hex_print(bytes, sizeof bytes, tag);
}

START_TEST(the_key_is_the_hash_of_the_secret)
{
	/* FIPS 180-2, B.1; and the hash of nothing */
	static const struct {
		const char *secret;
		uint8_t hash[32];
	} rows[] = {
	    {"abc", {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
			0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61,
			0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
			0xf2, 0x00, 0x15, 0xad}},
	    {"", {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb,
		     0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4,
		     0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
		     0xb8, 0x55}},
	};
	char expected[AUTH_TAG_TEXT_SIZE];
	char tag[AUTH_TAG_TEXT_SIZE];

	start();
	for (size_t i = 0; i < SUITE_LENGTH(rows); i++) {
		auth_key_derive(rows[i].secret, strlen(rows[i].secret), &key);
		auth_tag(&key, &challenge, tag);
		tag_by(rows[i].hash, expected);
		ck_assert_str_eq(tag, expected);
	}
}
END_TEST

START_TEST(a_tag_with_one_wrong_digit_is_refused)
{
	char tag[] = TAG;

	start();
	ck_assert(auth_tag_valid(&key, &challenge, tag));
	for (size_t i = 0; i < sizeof tag - 1; i++) {
		char right = tag[i];

		tag[i] = right == '0' ? '1' : '0';
		ck_assert(!auth_tag_valid(&key, &challenge, tag));
		tag[i] = right;
	}
}
END_TEST

START_TEST(what_is_no_tag_is_refused)
{
	static const char zeros[] = "0000000000000000000000000000000000000000"
				    "000000000000000000000000";
	static const char *const bad[] = {"", "e2", "e", TAG "00", TAG "0",
	    TAG " ", " " TAG, "0x" TAG, "zz", zeros,
	    "e2afac13563de627a8968ad0b198480ca50b4347292a062fc3f99c418dcb68d",
	    "e2afac13563de627a8968ad0b198480ca50b4347292a062fc3f99c418dcb68",
	    "e2afac13563de627a8968ad0b198480ca50b4347292a062fc3f99c418dcb68dg",
	    "e2afac13563de627a8968ad0b198480ca50b4347292a062fc3f99c418dcb68\xc3"
	    "\xa9"};

	start();
	for (size_t i = 0; i < SUITE_LENGTH(bad); i++)
		ck_assert_msg(!auth_tag_valid(&key, &challenge, bad[i]),
		    "accepted: %s", bad[i]);
}
END_TEST

/* As bore's server, which decodes either case */
START_TEST(a_tag_in_capitals_is_the_same_tag)
{
	char tag[] = TAG;

	start();
	for (size_t i = 0; tag[i] != '\0'; i++)
		tag[i] = (char)toupper((unsigned char)tag[i]);
	ck_assert(auth_tag_valid(&key, &challenge, tag));
}
END_TEST

START_TEST(a_tag_is_good_for_its_key_and_its_challenge_alone)
{
	struct auth_key other;

	start();
	auth_key_derive("", 0, &other);
	ck_assert(!auth_tag_valid(&other, &challenge, TAG));
	challenge.bytes[15] ^= 1;
	ck_assert(!auth_tag_valid(&key, &challenge, TAG));
	challenge.bytes[15] ^= 1;
	challenge.bytes[0] ^= 0x80;
	ck_assert(!auth_tag_valid(&key, &challenge, TAG));
}
END_TEST

/* The server's side in a thread; the case plays the client on theirs. */
struct server {
	pthread_t thread;
	struct channel channel;
	struct channel client;
	int ours, theirs;
	int64_t deadline_ms;
	enum error error;
};

static struct server server;

static void *
serve(void *argument)
{
	struct message answer;
	struct uuid sent;

	(void)argument;
	server.error = auth_challenge(&server.channel, &sent);
	if (server.error == ERROR_NONE)
		server.error = auth_await_answer(
		    &server.channel, &answer, server.deadline_ms);
	if (server.error == ERROR_NONE &&
	    !auth_tag_valid(&key, &sent, answer.as.text))
		server.error = ERROR_DENIED;
	return NULL;
}

static void
start_server(int patience_ms)
{
	start();
	sockets_tcp(&server.ours, &server.theirs, 0);
	channel_init(&server.channel, transport_of(server.ours));
	channel_init(&server.client, transport_of(server.theirs));
	server.deadline_ms = clock_now_ms() + patience_ms;
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static enum error
end_server(void)
{
	pthread_join(server.thread, NULL);
	close(server.ours);
	close(server.theirs);
	return server.error;
}

static struct message
hear_challenge(void)
{
	struct message message;

	ck_assert_int_eq(channel_receive(&server.client, &message,
			     clock_now_ms() + SOCKETS_PATIENCE_MS),
	    ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_CHALLENGE);
	/* Version 4, RFC 9562 */
	ck_assert_uint_eq(message.as.uuid.bytes[6] >> 4, 4);
	ck_assert_uint_eq(message.as.uuid.bytes[8] >> 6, 2);
	return message;
}

static void
answer(const struct message *message)
{
	ck_assert_int_eq(channel_send(&server.client, message,
			     clock_now_ms() + SOCKETS_PATIENCE_MS),
	    ERROR_NONE);
}

START_TEST(the_right_answer_is_let_in)
{
	struct message message;

	start_server(SOCKETS_PATIENCE_MS);
	message = hear_challenge();
	ck_assert_int_eq(
	    auth_answer(&server.client, &key, &message.as.uuid), ERROR_NONE);
	/* Only queued: what follows goes out in the same write. */
	ck_assert_uint_gt(channel_queued(&server.client), 64);
	answer(NULL);
	ck_assert_int_eq(end_server(), ERROR_NONE);
}
END_TEST

START_TEST(what_comes_behind_the_answer_is_kept)
{
	struct message message;

	start_server(SOCKETS_PATIENCE_MS);
	message = hear_challenge();
	ck_assert_int_eq(
	    auth_answer(&server.client, &key, &message.as.uuid), ERROR_NONE);
	message = (struct message){.kind = MESSAGE_HELLO, .as.port = 4711};
	answer(&message);
	pthread_join(server.thread, NULL);
	ck_assert_int_eq(server.error, ERROR_NONE);
	ck_assert_int_eq(
	    channel_receive(&server.channel, &message, server.deadline_ms),
	    ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_HELLO);
	ck_assert_uint_eq(message.as.port, 4711);
}
END_TEST

START_TEST(every_challenge_is_another)
{
	struct message first, second;

	start_server(SOCKETS_PATIENCE_MS);
	first = hear_challenge();
	close(server.theirs);
	server.theirs = -1;
	ck_assert_int_eq(end_server(), ERROR_CLOSED);
	start_server(SOCKETS_PATIENCE_MS);
	second = hear_challenge();
	close(server.theirs);
	server.theirs = -1;
	ck_assert_int_eq(end_server(), ERROR_CLOSED);
	ck_assert(!uuid_equal(&first.as.uuid, &second.as.uuid));
}
END_TEST

START_TEST(a_wrong_answer_is_denied)
{
	struct message message;
	struct auth_key wrong;

	start_server(SOCKETS_PATIENCE_MS);
	message = hear_challenge();
	auth_key_derive("abd", 3, &wrong);
	ck_assert_int_eq(
	    auth_answer(&server.client, &wrong, &message.as.uuid), ERROR_NONE);
	answer(NULL);
	ck_assert_int_eq(end_server(), ERROR_DENIED);

	start_server(SOCKETS_PATIENCE_MS);
	hear_challenge();
	message = (struct message){.kind = MESSAGE_AUTHENTICATE};
	answer(&message);
	ck_assert_int_eq(end_server(), ERROR_DENIED);
}
END_TEST

START_TEST(another_message_is_no_answer)
{
	struct message message = {.kind = MESSAGE_HELLO, .as.port = 80};

	start_server(SOCKETS_PATIENCE_MS);
	answer(&message);
	ck_assert_int_eq(end_server(), ERROR_INVALID);

	start_server(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(write(server.theirs, "\"Later\"", 8), 8);
	ck_assert_int_eq(end_server(), ERROR_INVALID);

	start_server(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(write(server.theirs, "{\"Auth", 6), 6);
	ck_assert_int_eq(shutdown(server.theirs, SHUT_WR), 0);
	ck_assert_int_eq(end_server(), ERROR_INVALID);
}
END_TEST

START_TEST(bytes_that_are_no_message_are_a_protocol_error)
{
	start_server(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(write(server.theirs, "GET / HTTP/1.1\r\n", 17), 17);
	ck_assert_int_eq(end_server(), ERROR_PROTOCOL);
}
END_TEST

START_TEST(silence_lasts_until_the_deadline)
{
	start_server(150);
	hear_challenge();
	ck_assert_int_eq(end_server(), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), server.deadline_ms);
	ck_assert_int_lt(
	    clock_now_ms(), server.deadline_ms + SOCKETS_PATIENCE_MS);
}
END_TEST

SUITE_MAIN("auth", every_vector_gives_its_tag, the_protocols_own_vector_holds,
    the_key_is_the_hash_of_the_secret, a_tag_with_one_wrong_digit_is_refused,
    what_is_no_tag_is_refused, a_tag_in_capitals_is_the_same_tag,
    a_tag_is_good_for_its_key_and_its_challenge_alone,
    the_right_answer_is_let_in, what_comes_behind_the_answer_is_kept,
    every_challenge_is_another, a_wrong_answer_is_denied,
    another_message_is_no_answer,
    bytes_that_are_no_message_are_a_protocol_error,
    silence_lasts_until_the_deadline)

/* What data_connection.h promises; the case plays the server. */
#include "base/clock.h"
#include "base/protocol_times.h"
#include "client/data_connection.h"
#include "os/wakeup.h"
#include "sockets.h"
#include "suite.h"
#include "wire/auth.h"

static const char challenge[] =
    "{\"Challenge\":\"7fc6d0ae-3a2b-4e0c-9e54-4f5bd6f7a9a1\"}";
static const struct message accept_message = {.kind = MESSAGE_ACCEPT};

static struct data_connection connection;
static struct data_connection_server server;
static struct keyring keys;
static struct dial beside;
static int listener, theirs;

/* With a secret: as rebore local --secret. */
static void
start(bool has_secret)
{
	struct auth_key key;

	listener = sockets_listen(&server.address, 4);
	keyring_init(&keys);
	auth_key_derive("secret", 6, &key);
	ck_assert_int_eq(keyring_replace(&keys, &key, 1), ERROR_NONE);
	server.keys = has_secret ? &keys : NULL;
	dial_none(&beside);
	data_connection_init(&connection, &server, -1);
}

static void
open_connection(void)
{
	data_connection_dial(&connection, PROTOCOL_CONNECT_MS);
	ck_assert_int_eq(
	    data_connection_wait(&connection, &beside), ERROR_NONE);
	theirs = accept(listener, NULL, NULL);
	ck_assert_int_ne(theirs, -1);
}

static void
finish(void)
{
	data_connection_end(&connection);
	data_connection_end(&connection);
	keyring_destroy(&keys);
}

/* The server sends a frame. */
static void
say(const char *json)
{
	size_t size = strlen(json) + 1;

	ck_assert_int_eq(send(theirs, json, size, MSG_NOSIGNAL), (ssize_t)size);
}

START_TEST(it_is_opened_and_closed)
{
	char byte;

	start(false);
	open_connection();
	ck_assert(transport_is_open(&connection.transport));
	/* It has one owner. */
	ck_assert_int_eq(connection.dial.fd, -1);
	finish();
	ck_assert(!transport_is_open(&connection.transport));
	ck_assert_int_eq(sockets_read(theirs, &byte, 1), 0);
}
END_TEST

START_TEST(what_goes_on_beside_it_is_driven_and_not_waited_for)
{
	struct resolve_list list = {.count = 1};
	int other = sockets_listen(&list.addresses[0], 4);

	start(false);
	dial_start(&beside, &list, clock_now_ms() + SOCKETS_PATIENCE_MS);
	open_connection();
	ck_assert(beside.state == DIAL_GOING || beside.state == DIAL_DONE);
	finish();
	dial_end(&beside);
	close(other);
}
END_TEST

START_TEST(a_server_that_refuses_is_named)
{
	char text[ADDRESS_TEXT_SIZE];

	start(false);
	close(listener);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, &server.address.socket.generic,
			     server.address.length),
	    0);
	data_connection_dial(&connection, PROTOCOL_CONNECT_MS);
	ck_assert_int_eq(
	    data_connection_wait(&connection, &beside), ERROR_TIMEOUT);
	address_print(&server.address, text);
	ck_assert_msg(
	    strstr(connection.reason, text) != NULL, "%s", connection.reason);
	finish();
}
END_TEST

START_TEST(the_challenge_is_answered_in_one_write_with_what_follows)
{
	struct uuid sent;
	struct auth_key key;
	char got[512], tag[AUTH_TAG_TEXT_SIZE];
	ssize_t size;

	start(true);
	open_connection();
	say(challenge);
	ck_assert_int_eq(data_connection_authenticate(&connection), ERROR_NONE);
	ck_assert(!sockets_is_readable(theirs));
	ck_assert_int_eq(
	    data_connection_say(&connection, &accept_message), ERROR_NONE);
	size = sockets_read(theirs, got, sizeof got - 1);
	ck_assert_int_gt(size, 0);
	auth_key_derive("secret", 6, &key);
	ck_assert(uuid_parse("7fc6d0ae-3a2b-4e0c-9e54-4f5bd6f7a9a1", &sent));
	auth_tag(&key, &sent, tag);
	ck_assert_msg(strstr(got, tag) != NULL, "%s", got);
	ck_assert_str_eq(got + strlen(got) + 1,
	    "{\"Accept\":\"00000000-0000-0000-0000-000000000000\"}");
	finish();
}
END_TEST

START_TEST(without_a_secret_nothing_is_waited_for)
{
	start(false);
	open_connection();
	ck_assert_int_eq(data_connection_authenticate(&connection), ERROR_NONE);
	finish();
}
END_TEST

START_TEST(what_is_no_challenge_is_refused)
{
	start(true);
	open_connection();
	say("\"Heartbeat\"");
	ck_assert_int_eq(
	    data_connection_authenticate(&connection), ERROR_PROTOCOL);
	ck_assert_msg(strstr(connection.reason, "challenge") != NULL, "%s",
	    connection.reason);
	finish();
}
END_TEST

START_TEST(what_cannot_be_said_is_named)
{
	start(false);
	open_connection();
	sockets_reset(theirs);
	sockets_expect_broken(transport_fd(&connection.transport));
	ck_assert_int_ne(
	    data_connection_say(&connection, &accept_message), ERROR_NONE);
	ck_assert_msg(strstr(connection.reason, "Accept") != NULL, "%s",
	    connection.reason);
	finish();
}
END_TEST

START_TEST(an_idle_one_is_told_of_its_visitor)
{
	struct announcement announcement;
	char text[UUID_TEXT_SIZE];

	start(false);
	open_connection();
	say("{\"Connection\":\"7fc6d0ae-3a2b-4e0c-9e54-4f5bd6f7a9a1\"}");
	ck_assert_int_eq(
	    data_connection_await_visitor(&connection, &announcement),
	    ERROR_NONE);
	uuid_print(&announcement.uuid, text);
	ck_assert_str_eq(text, "7fc6d0ae-3a2b-4e0c-9e54-4f5bd6f7a9a1");
	ck_assert_uint_eq(announcement.visitor.length, 0);
	say("\"Heartbeat\"");
	ck_assert_int_eq(
	    data_connection_await_visitor(&connection, &announcement),
	    ERROR_PROTOCOL);
	close(theirs);
	ck_assert_int_eq(
	    data_connection_await_visitor(&connection, &announcement),
	    ERROR_CLOSED);
	finish();
}
END_TEST

START_TEST(it_is_dialled_again_while_it_could_be_in_time)
{
	ck_assert(data_connection_tries_again(1000, 1000));
	ck_assert(data_connection_tries_again(
	    1000 + PROTOCOL_ACCEPT_MS - 1000, 1000));
	ck_assert(!data_connection_tries_again(
	    1001 + PROTOCOL_ACCEPT_MS - 1000, 1000));
}
END_TEST

START_TEST(a_stop_ends_the_dial)
{
	struct wakeup stop = WAKEUP_INITIALIZER;

	start(false);
	ck_assert_int_eq(wakeup_open(&stop), ERROR_NONE);
	data_connection_init(&connection, &server, stop.read_fd);
	wakeup_send(&stop);
	data_connection_dial(&connection, PROTOCOL_CONNECT_MS);
	if (connection.dial.state == DIAL_GOING)
		ck_assert_int_eq(
		    data_connection_wait(&connection, &beside), ERROR_STOPPED);
	finish();
	wakeup_close(&stop);
}
END_TEST

START_TEST(one_that_was_never_dialled_closes_nothing)
{
	memset(&connection, 0, sizeof connection);
	data_connection_init(&connection, &server, -1);
	data_connection_end(&connection);
	ck_assert_int_ne(fcntl(STDIN_FILENO, F_GETFD), -1);
}
END_TEST

SUITE_MAIN("data_connection", it_is_opened_and_closed,
    what_goes_on_beside_it_is_driven_and_not_waited_for,
    a_server_that_refuses_is_named,
    the_challenge_is_answered_in_one_write_with_what_follows,
    without_a_secret_nothing_is_waited_for, what_is_no_challenge_is_refused,
    what_cannot_be_said_is_named, an_idle_one_is_told_of_its_visitor,
    it_is_dialled_again_while_it_could_be_in_time, a_stop_ends_the_dial,
    one_that_was_never_dialled_closes_nothing)

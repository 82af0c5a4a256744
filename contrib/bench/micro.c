/*
 * micro - calls hot functions many times, for bench-micro to count their
 * instructions under callgrind: figures that no neighbour on the machine
 * changes.
 *
 *	micro
 *		List the cases: a name, and the function that is counted.
 *	micro NAME COUNT
 *		Play one case, so that its function is called COUNT times.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "net/roster.h"
#include "os/fd.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "relay/relay_flow.h"
#include "server/pending.h"
#include "wire/auth.h"
#include "wire/frame.h"
#include "wire/message.h"

/* So many wait or are entered while one more comes and goes. */
#define OTHERS 1000

static const char connection[] =
    "{\"Connection\":\"123e4567-e89b-12d3-a456-426614174000\"}";
static const char announce[] =
    "{\"Announce\":{\"version\":1,\"instance\":\"123e4567-e89b-12d3-a456-"
    "426614174000\",\"attempt\":7,\"can\":[\"heartbeat\",\"lease\",\"spare\"]"
    "}}";

static void
check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* --- The wire */

static void
take_frames(unsigned count)
{
	static struct frame_buffer buffer;
	const char *json;
	size_t room, size;

	frame_init(&buffer);
	for (unsigned i = 0; i < count; i++) {
		char *space = frame_space(&buffer, &room);

		check(room >= sizeof connection, "frame_space");
		memcpy(space, connection, sizeof connection);
		frame_put(&buffer, sizeof connection);
		check(frame_next(&buffer, &json, &size) == ERROR_NONE,
		    "frame_next");
	}
}

static void
decode(const char *json, unsigned count)
{
	struct message message;

	for (unsigned i = 0; i < count; i++)
		check(
		    message_decode(json, strlen(json), &message) == ERROR_NONE,
		    "message_decode");
}

static void
decode_connection(unsigned count)
{
	decode(connection, count);
}

static void
decode_announce(unsigned count)
{
	decode(announce, count);
}

static void
encode_connection(unsigned count)
{
	struct message message = {.kind = MESSAGE_CONNECTION};
	char frame[MESSAGE_JSON_MOST + 1];

	for (unsigned i = 0; i < count; i++)
		check(message_encode(&message, frame) > 0, "message_encode");
}

static void
make_tags(unsigned count)
{
	struct uuid challenge = {.bytes = {1}};
	char tag[AUTH_TAG_TEXT_SIZE];
	struct auth_key key;

	auth_key_derive("secret", 6, &key);
	for (unsigned i = 0; i < count; i++)
		auth_tag(&key, &challenge, tag);
}

/* --- Visitors */

static struct pending pending;
static struct pending_group group;

static void
put_visitor(struct pending_visitor *visitor, unsigned number)
{
	memset(visitor, 0, sizeof *visitor);
	/* Names are random, and so spread over the buckets. */
	for (size_t i = 0; i < sizeof visitor->uuid.bytes; i++) {
		number = number * 1664525u + 1013904223u;
		visitor->uuid.bytes[i] = (uint8_t)(number >> 24);
	}
	pending_put(&pending, &group, visitor);
}

static void
put_and_take(unsigned count)
{
	static struct pending_visitor others[OTHERS], visitor;

	pending_init(&pending);
	pending_group_init(&group);
	for (unsigned i = 0; i < OTHERS; i++)
		put_visitor(&others[i], i);
	for (unsigned i = 0; i < count; i++) {
		put_visitor(&visitor, OTHERS + i);
		check(
		    pending_take(&pending, &visitor.uuid) == &visitor, "taken");
	}
}

static void
enter_and_leave(unsigned count)
{
	static struct roster_entry others[OTHERS], entry;
	static struct roster roster;

	roster_init(&roster);
	for (unsigned i = 0; i < OTHERS; i++)
		roster_enter(&roster, &others[i], -1, -1);
	for (unsigned i = 0; i < count; i++) {
		check(roster_enter(&roster, &entry, -1, -1) > 0, "entered");
		roster_leave(&roster, &entry);
	}
}

/* --- The relay */

/* What is written to near can be read from the fd it returns, and back. */
static int
pair_of(bool is_tcp, int *near)
{
	struct address address;
	int fds[2], listener;

	if (!is_tcp) {
		check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "pair");
		*near = fds[0];
		return fds[1];
	}
	listener = socket(AF_INET, SOCK_STREAM, 0);
	check(
	    address_parse("127.0.0.1", 0, &address) &&
		bind(listener, &address.socket.generic, address.length) == 0 &&
		listen(listener, 1) == 0 &&
		address_of_socket(listener, &address),
	    "listen");
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(fds[0], &address.socket.generic, address.length) == 0,
	    "connect");
	fds[1] = accept(listener, NULL, NULL);
	check(fds[1] != -1, "accept");
	close(listener);
	*near = fds[0];
	return fds[1];
}

/* One message of size bytes at a time; splices: it has been seen that much
 * flows. */
static void
relay(unsigned count, size_t size, bool splices)
{
	static char bytes[BUFFERS_BYTES];
	struct relay_flow flow;
	int in, out, from = pair_of(splices, &in), to = pair_of(splices, &out);

	check(fd_prepare(from) == ERROR_NONE && fd_prepare(to) == ERROR_NONE,
	    "fd_prepare");
	relay_flow_init(&flow, transport_of(from), transport_of(to));
	for (unsigned i = 0; i < count; i++) {
		uint64_t moved = flow.moved + size;
		ssize_t got;

		check(write(in, bytes, size) == (ssize_t)size, "write");
		poll(&(struct pollfd){.fd = from, .events = POLLIN}, 1, -1);
		flow.splicing = splices;
		check(
		    relay_flow_step(&flow) == ERROR_NONE && flow.moved == moved,
		    "relay_flow_step");
		for (size_t left = size; left > 0; left -= (size_t)got) {
			got = read(out, bytes, left);
			check(got > 0, "read");
		}
	}
	relay_flow_end(&flow);
}

static void
copy_byte(unsigned count)
{
	relay(count, 1, false);
}

static void
copy_much(unsigned count)
{
	relay(count, 32768, false);
}

static void
splice_much(unsigned count)
{
	relay(count, 32768, true);
}

static const struct {
	const char *name;
	const char *function;
	void (*play)(unsigned count);
} cases[] = {
    {"frame-next", "frame_next", take_frames},
    {"decode-connection", "message_decode", decode_connection},
    {"decode-announce", "message_decode", decode_announce},
    {"encode-connection", "message_encode", encode_connection},
    {"authenticate", "auth_tag", make_tags},
    {"visitor-put", "pending_put", put_and_take},
    {"visitor-take", "pending_take", put_and_take},
    {"roster-enter", "roster_enter", enter_and_leave},
    {"roster-leave", "roster_leave", enter_and_leave},
    {"relay-copy-1", "relay_flow_step", copy_byte},
    {"relay-copy-32768", "relay_flow_step", copy_much},
    {"relay-splice-32768", "relay_flow_step", splice_much},
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (argc == 1)
			printf("%s %s\n", cases[i].name, cases[i].function);
		else if (argc == 3 && strcmp(argv[1], cases[i].name) == 0) {
			cases[i].play((unsigned)atoi(argv[2]));
			return 0;
		}
	return argc == 1 ? 0 : 2;
}

/*
 * What ports.h promises: the port asked for, or any of the range. ports.c is part
 * of this program, so that the ports that it tries to open are counted.
 */
#include <unistd.h>

#include "net/listen.h"

static enum error listen_counted(
    const struct address *address, struct listener *listener);

#define listen_open listen_counted
#include "server/ports.c" /* NOLINT(bugprone-suspicious-include) */
#undef listen_open

#include "base/random.h"
#include "net/tcp.h"
#include "server/ports.h"
#include "sockets.h"
#include "suite.h"

/* Ports of a range that this process has for itself, as good as that goes: such
 * tests may run at the same time, and none of these is the system's own. */
#define RANGE      400
#define RANGE_LOW  ((uint16_t)(10000 + getpid() % 50 * RANGE))
#define RANGE_HIGH ((uint16_t)(RANGE_LOW + RANGE - 1))

static struct port_memory port_memory;
static struct ports ports;
static struct address here;
static uint16_t given;
static int fd;

static unsigned opened;

static enum error
listen_counted(const struct address *address, struct listener *listener)
{
	opened++;
	return listen_open(address, listener);
}

static void
start(void)
{
	pid_t holder;

	ck_assert_int_eq(random_start(), ERROR_NONE);
	ck_assert_int_eq(
	    port_memory_start(&port_memory, NULL, &holder), ERROR_NONE);
	ck_assert(address_parse("127.0.0.1", 9, &here));
}

/* Ask for a port of min to max. */
static enum error
ask(uint16_t min, uint16_t max, uint16_t asked)
{
	const struct ports_range range = {min, max};

	struct listener listener = {{4711, 4711}, 0};
	enum error error;

	given = 0;
	opened = 0;
	if (ports.range.min != min || ports.range.max != max)
		ports_init(&ports, &here, &range, &port_memory);
	error = ports_open(&ports, asked, &listener, &given);
	fd = listener.fds[0];
	ck_assert_int_eq(listener.fds[1], -1);
	return error;
}

/* A listener at a port that the system chooses. */
static int
take_one(uint16_t *port)
{
	struct address address;
	int taken = sockets_listen(&address, 1);

	*port = address_port(&address);
	return taken;
}

/* A port that is free; for now, so the caller tries again if it is not. */
static uint16_t
find_free(void)
{
	uint16_t port;

	close(take_one(&port));
	return port;
}

START_TEST(the_port_asked_for_is_opened)
{
	struct address is;

	start();
	do {
		uint16_t port = find_free();

		if (ask(1, 65535, port) == ERROR_NONE)
			ck_assert_uint_eq(given, port);
	} while (fd == -1);
	ck_assert(address_of_socket(fd, &is));
	ck_assert_uint_eq(address_port(&is), given);
	ck_assert_int_eq(
	    is.socket.v4.sin_addr.s_addr, here.socket.v4.sin_addr.s_addr);
	/* It listens. */
	ck_assert_int_eq(ask(1, 65535, given), ERROR_IN_USE);
}
END_TEST

START_TEST(a_range_of_one_port_is_a_range)
{
	start();
	do {
		uint16_t port = find_free();

		if (ask(port, port, port) != ERROR_NONE)
			continue;
		close(fd);
		if (ask(port, port, 0) == ERROR_NONE)
			ck_assert_uint_eq(given, port);
	} while (fd == -1);
	close(fd);
}
END_TEST

START_TEST(a_port_out_of_the_range_is_refused)
{
	start();
	ck_assert_int_eq(ask(2000, 3000, 1999), ERROR_INVALID);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(ask(2000, 3000, 3001), ERROR_INVALID);
	ck_assert_int_eq(ask(2000, 3000, 1), ERROR_INVALID);
	ck_assert_int_eq(ask(2000, 3000, 65535), ERROR_INVALID);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(a_port_that_is_taken_is_in_use)
{
	uint16_t port;
	int taken;

	start();
	taken = take_one(&port);
	ck_assert_int_eq(ask(1, 65535, port), ERROR_IN_USE);
	ck_assert_int_eq(fd, -1);
	close(taken);
	ck_assert_int_eq(ask(1, 65535, port), ERROR_NONE);
	close(fd);
}
END_TEST

START_TEST(zero_gives_any_port_of_the_range)
{
	start();
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(ask(RANGE_LOW, RANGE_HIGH, 0), ERROR_NONE);
		ck_assert_uint_ge(given, RANGE_LOW);
		ck_assert_uint_le(given, RANGE_HIGH);
		ck_assert_int_ne(fd, -1);
		/* Kept open: each is another. */
	}
}
END_TEST

/* Of two, with one taken, the other; with both, none. */
START_TEST(zero_finds_the_last_free_port_and_says_when_there_is_none)
{
	uint16_t first, second;
	int taken, last;

	start();
	do {
		taken = take_one(&first);
		second = (uint16_t)(first + 1);
		if (first == 65535 || ask(first, second, second)) {
			close(taken);
			continue;
		}
		close(fd);
	} while (fd == -1);
	ck_assert_int_eq(ask(first, second, 0), ERROR_NONE);
	ck_assert_uint_eq(given, second);
	last = fd;
	ck_assert_int_eq(ask(first, second, 0), ERROR_IN_USE);
	ck_assert_int_eq(fd, -1);
	close(taken);
	ck_assert_int_eq(ask(first, second, 0), ERROR_NONE);
	ck_assert_uint_eq(given, first);
	close(last);
}
END_TEST

/* The one port that is left of many is found without luck. */
START_TEST(a_range_that_is_almost_full_is_searched_to_its_end)
{
	static bool seen[RANGE];

	start();
	for (int i = 0; i < RANGE; i++) {
		enum error error = ask(RANGE_LOW, RANGE_HIGH, 0);

		if (error == ERROR_IN_USE)
			break; /* others may have some of them */
		ck_assert_int_eq(error, ERROR_NONE);
		ck_assert(!seen[given - RANGE_LOW]);
		seen[given - RANGE_LOW] = true;
	}
	ck_assert_int_eq(ask(RANGE_LOW, RANGE_HIGH, 0), ERROR_IN_USE);
	for (uint16_t port = RANGE_LOW; port <= RANGE_HIGH; port++)
		ck_assert_int_eq(
		    ask(RANGE_LOW, RANGE_HIGH, port), ERROR_IN_USE);
}
END_TEST

START_TEST(zero_is_random)
{
	bool differs = false;
	uint16_t before;

	start();
	ck_assert_int_eq(ask(10000, 29999, 0), ERROR_NONE);
	before = given;
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(ask(10000, 29999, 0), ERROR_NONE);
		/* Neither the same again nor the next one. */
		differs |= given < before || given > before + 16;
	}
	ck_assert(differs);
}
END_TEST

START_TEST(zero_leaves_the_systems_own_ports_as_long_as_it_can)
{
	start();
	/* Linux: 32768 to 60999, unless somebody has set it otherwise. */
	for (int i = 0; i < 100; i++) {
		uint16_t low, high;

		tcp_ephemeral_ports(&low, &high);
		if (low <= 1100 || high < low)
			return;
		ck_assert_int_eq(
		    ask((uint16_t)(low - 100), high, 0), ERROR_NONE);
		ck_assert_uint_lt(given, low);
		close(fd);
		/* Where there are no others it takes them. */
		ck_assert_int_eq(
		    ask(low, (uint16_t)(low + 999), 0), ERROR_NONE);
		ck_assert_uint_ge(given, low);
		close(fd);
	}
}
END_TEST

/* The system's own ports are a gap of thousands in the range. */
START_TEST(a_port_behind_a_gap_is_as_likely_as_others)
{
	uint16_t low, high;
	unsigned behind = 0;

	start();
	tcp_ephemeral_ports(&low, &high);
	ck_assert_uint_gt(low, RANGE + 1024);
	ck_assert_uint_lt(high, UINT16_MAX - RANGE);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(ask(low - RANGE, high + RANGE, 0), ERROR_NONE);
		behind += given > high && given <= high + 4;
		close(fd);
	}
	/* One, by chance; it was 95 of them. */
	ck_assert_uint_le(behind, 20);
}
END_TEST

START_TEST(what_our_tunnels_have_is_not_asked_for)
{
	start();
	for (unsigned port = 1; port <= UINT16_MAX; port++)
		port_memory_add(&port_memory, (uint16_t)port);
	ck_assert_int_eq(ask(1, UINT16_MAX, 0), ERROR_IN_USE);
	ck_assert_uint_eq(opened, 0);
	/* All but one, at the ends of words and of the range too. */
	for (uint16_t port = RANGE_LOW; port <= RANGE_HIGH; port++) {
		port_memory_remove(&port_memory, port);
		/* Another program may have it: then it is asked for again. */
		if (ask(RANGE_LOW, RANGE_HIGH, 0) == ERROR_NONE) {
			ck_assert_uint_eq(given, port);
			ck_assert_uint_le(opened, 2);
		} else {
			ck_assert_uint_le(opened, ASK_AGAIN_MOST + 1);
		}
		close(fd);
		ck_assert_uint_ge(opened, 1);
		port_memory_add(&port_memory, port);
		ck_assert_int_eq(ask(RANGE_LOW, RANGE_HIGH, 0), ERROR_IN_USE);
		ck_assert_uint_eq(opened, 0);
	}
}
END_TEST

/* A range that is full of others' ports is searched once. */
START_TEST(what_others_have_is_remembered)
{
	start();
	while (ask(RANGE_LOW, RANGE_HIGH, 0) == ERROR_NONE)
		;
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(ask(RANGE_LOW, RANGE_HIGH, 0), ERROR_IN_USE);
		ck_assert_uint_le(opened, ASK_AGAIN_MOST);
	}
}
END_TEST

START_TEST(what_others_have_given_back_is_found_by_and_by)
{
	int taken[RANGE];
	unsigned count = 0;
	bool found = false;

	start();
	while (ask(RANGE_LOW, RANGE_HIGH, 0) == ERROR_NONE)
		taken[count++] = fd;
	ck_assert_uint_gt(count, 0);
	close(taken[count / 2]);
	for (int i = 0; i < RANGE / ASK_AGAIN_MOST + 1 && !found; i++)
		found = ask(RANGE_LOW, RANGE_HIGH, 0) == ERROR_NONE;
	ck_assert(found);
}
END_TEST

START_TEST(the_number_of_the_control_port_is_nobodys)
{
	uint16_t port;

	start();
	ck_assert_int_eq(ask(RANGE_LOW, RANGE_LOW + 3, 0), ERROR_NONE);
	port = given;
	close(fd);
	ports_keep_control(&ports, port);
	ck_assert_int_eq(ask(RANGE_LOW, RANGE_LOW + 3, port), ERROR_IN_USE);
	ck_assert_int_eq(fd, -1);
	while (ask(RANGE_LOW, RANGE_LOW + 3, 0) == ERROR_NONE)
		ck_assert_uint_ne(given, port);
}
END_TEST

START_TEST(reserved_ports_are_given_last)
{
	start();
	port_memory.before[RANGE_LOW / 64] |= (uint64_t)1 << RANGE_LOW % 64;
	port_memory.reserved_until_ms = INT64_MAX;
	for (int i = 0; i < 20; i++)
		if (ask(RANGE_LOW, RANGE_LOW + 1, 0) == ERROR_NONE) {
			ck_assert_uint_eq(given, RANGE_LOW + 1);
			close(fd);
		}
	port_memory_add(&port_memory, (uint16_t)(RANGE_LOW + 1));
	if (ask(RANGE_LOW, RANGE_LOW + 1, 0) == ERROR_NONE)
		ck_assert_uint_eq(given, RANGE_LOW);
}
END_TEST

START_TEST(a_refusal_is_told_in_bores_words)
{
	static const struct {
		enum error error;
		uint16_t asked;
		const char *text;
	} rows[] = {
	    {ERROR_INVALID, 80, "client port number not in allowed range"},
	    {ERROR_IN_USE, 80, "port already in use"},
	    {ERROR_DENIED, 80, "permission denied"},
	    {ERROR_SYSTEM, 80, "failed to bind to port"},
	    {ERROR_RESOURCES, 80, "failed to bind to port"},
	    {ERROR_IN_USE, 0, "failed to find an available port"},
	    {ERROR_DENIED, 0, "failed to find an available port"},
	    {ERROR_RESOURCES, 0, "failed to find an available port"},
	};

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++)
		ck_assert_str_eq(
		    ports_refusal(rows[i].error, rows[i].asked), rows[i].text);
}
END_TEST

SUITE_MAIN("ports", the_port_asked_for_is_opened,
    a_range_of_one_port_is_a_range, a_port_out_of_the_range_is_refused,
    a_port_that_is_taken_is_in_use, zero_gives_any_port_of_the_range,
    zero_finds_the_last_free_port_and_says_when_there_is_none,
    a_range_that_is_almost_full_is_searched_to_its_end, zero_is_random,
    a_port_behind_a_gap_is_as_likely_as_others,
    zero_leaves_the_systems_own_ports_as_long_as_it_can,
    what_our_tunnels_have_is_not_asked_for, what_others_have_is_remembered,
    what_others_have_given_back_is_found_by_and_by,
    the_number_of_the_control_port_is_nobodys, reserved_ports_are_given_last,
    a_refusal_is_told_in_bores_words)

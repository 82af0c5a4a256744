/*
 * What door.h promises: who is let in, who waits, who is announced, and who is
 * dropped. door.c is part of this program: its sweeps are counted, and its clock
 * is the case's, so that nothing is due before a case says so.
 */
#include "base/clock.h"
#include "server/spares.h"

static int64_t clock_of_case(void);
static void spares_sweep_counted(struct spares *spares);

#define clock_now_ms clock_of_case
#define spares_sweep spares_sweep_counted
#include "server/door.c" /* NOLINT(bugprone-suspicious-include) */
#undef clock_now_ms
#undef spares_sweep

#include "server/tunnel.h"
#include "sockets.h"
#include "suite.h"

#define HOLD_MS 300

static struct budget budget;
static struct server_options options;
static struct server_state server;
static struct spares spares;
static struct door door;
static struct address public_address;
static unsigned sweeps;
static int64_t time_ms;

static int64_t
clock_of_case(void)
{
	return time_ms;
}

static void
spares_sweep_counted(struct spares *unused)
{
	(void)unused;
	sweeps++;
}

static void
set_up(unsigned waiting_most, unsigned hold_ms)
{
	struct listener listener;
	struct address any;

	ck_assert_int_eq(random_start(), ERROR_NONE);
	time_ms = clock_now_ms();
	memset(&server, 0, sizeof server);
	server.tunnels = &tunnel_calls;
	options = (struct server_options){
	    .budget = &budget, .max_waiting = waiting_most, .hold_ms = hold_ms};
	server.options = &options;
	pending_init(&server.pending);
	registry_init(&server.registry, &tunnel_calls);
	keyring_init(&server.keys);
	budget_init(&budget, 1024);
	ck_assert(shares_init(&server.shares, 1024, 1));
	roster_init(&server.active);
	object_cache_init(&server.visitors, sizeof(struct pending_visitor));
	notices_init(&server.notices, 1);
	spares_init(&spares, &budget, SPARES_MOST);
	ck_assert(address_parse("127.0.0.1", 0, &any));
	ck_assert_int_eq(listen_open(&any, &listener), ERROR_NONE);
	ck_assert(listen_address(&listener, &public_address));
	ck_assert(door_open(&door, &server, NULL, &spares, &listener,
	    address_port(&public_address)));
	sweeps = 0;
}

/* Returns a visitor that has connected, and is not let in yet. */
static int
come(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(
	    connect(fd, &public_address.socket.generic, public_address.length),
	    0);
	return fd;
}

/* One turn of the tunnel's thread, to which a visitor has come. */
static void
serve(void)
{
	struct pollfd slots[DOOR_SLOTS];

	door_poll(&door, slots);
	ck_assert_int_gt(poll(slots, DOOR_SLOTS, SOCKETS_PATIENCE_MS), 0);
	door_serve(&door, slots);
	door_sweep(&door);
}

/* Returns a visitor that was let in, or was turned away. */
static int
visit(void)
{
	int fd = come();

	serve();
	return fd;
}

static void
expect_reset(int fd)
{
	char byte;

	ck_assert_int_ne(sockets_wait(fd, POLLIN, SOCKETS_PATIENCE_MS), 0);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}

static void
expect_patience(int fd)
{
	ck_assert_int_eq(sockets_wait(fd, POLLIN, 0), 0);
}

/* A control connection; theirs: the client's end. */
static struct link *
make_link(int *theirs)
{
	struct channel channel;
	struct link *link;
	int ours;

	sockets_tcp(&ours, theirs, 0);
	channel_init(&channel, transport_of(ours));
	budget_force(&budget, BUDGET_SESSION);
	link =
	    link_create(&server, transport_of(ours), &channel, &public_address);
	ck_assert_ptr_nonnull(link);
	return link;
}

/* Returns how many visitors were announced to link. */
static unsigned
announced(struct link *link, int theirs)
{
	char bytes[4096];
	unsigned count = 0;
	ssize_t got;

	ck_assert_int_eq(link_do_due(link), ERROR_NONE);
	ck_assert_int_ne(sockets_wait(theirs, POLLIN, SOCKETS_PATIENCE_MS), 0);
	got = recv(theirs, bytes, sizeof bytes - 1, 0);
	ck_assert_int_gt(got, 0);
	for (ssize_t i = 0; i < got; i++)
		if (bytes[i] == '\0')
			bytes[i] = ' ';
	bytes[got] = '\0';
	for (const char *at = strstr(bytes, "Connection"); at != NULL;
	     at = strstr(at + 1, "Connection"))
		count++;
	return count;
}

START_TEST(while_the_client_is_away_visitors_wait)
{
	int first;
	int second;

	set_up(10, 60000);
	ck_assert(!door_is_useful(&door));
	ck_assert_int_eq(door_due_ms(&door), CLOCK_NEVER);
	first = visit();
	second = visit();
	ck_assert_uint_eq(door_count(&door), 2);
	ck_assert(door_is_useful(&door));
	ck_assert_int_le(door_due_ms(&door), time_ms + SWEEP_MS);
	expect_patience(first);
	expect_patience(second);
	door_destroy(&door);
	expect_reset(first);
	expect_reset(second);
}
END_TEST

START_TEST(all_are_announced_to_the_client_that_comes)
{
	struct link *link;
	int theirs;

	set_up(10, 60000);
	visit();
	visit();
	link = make_link(&theirs);
	door_attach(&door, link);
	ck_assert_uint_eq(announced(link, theirs), 2);
	/* And whoever comes then is at once. */
	visit();
	ck_assert_uint_eq(announced(link, theirs), 1);
	/* The next client has not heard of any. */
	door_detach(&door);
	link_destroy(link);
	link = make_link(&theirs);
	door_attach(&door, link);
	ck_assert_uint_eq(announced(link, theirs), 3);
	door_destroy(&door);
	link_destroy(link);
}
END_TEST

START_TEST(a_full_waiting_room_turns_away)
{
	int first;
	int third;

	set_up(2, 60000);
	first = visit();
	visit();
	third = visit();
	expect_reset(third);
	expect_patience(first);
	ck_assert_uint_eq(door_count(&door), 2);
	door_destroy(&door);
}
END_TEST

START_TEST(one_that_has_ended_in_silence_makes_room)
{
	int first;
	int second;
	int third;

	set_up(2, 60000);
	first = visit();
	second = visit();
	shutdown(first, SHUT_WR);
	sockets_wait_for_end(transport_fd(&door.visitors.oldest->transport));
	third = visit();
	expect_reset(first);
	expect_patience(second);
	expect_patience(third);
	ck_assert_uint_eq(door_count(&door), 2);
	door_destroy(&door);
}
END_TEST

START_TEST(with_a_client_there_is_no_waiting_room)
{
	struct link *link;
	int theirs;

	set_up(1, 60000);
	link = make_link(&theirs);
	door_attach(&door, link);
	expect_patience(visit());
	expect_patience(visit());
	ck_assert_uint_eq(door_count(&door), 2);
	door_destroy(&door);
	link_destroy(link);
}
END_TEST

START_TEST(whoever_has_waited_too_long_is_dropped)
{
	int fd;

	set_up(10, HOLD_MS);
	fd = visit();
	ck_assert_int_eq(door_due_ms(&door), time_ms + HOLD_MS);
	time_ms += HOLD_MS - 1;
	door_sweep(&door);
	ck_assert_uint_eq(door_count(&door), 1);
	expect_patience(fd);
	time_ms++;
	door_sweep(&door);
	ck_assert_uint_eq(door_count(&door), 0);
	expect_reset(fd);
	door_destroy(&door);
}
END_TEST

START_TEST(whoever_has_left_is_found_by_a_sweep)
{
	struct linger at_once = {.l_onoff = 1};
	int left;

	set_up(10, 60000);
	left = visit();
	visit();
	ck_assert_int_eq(
	    setsockopt(left, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
	    0);
	close(left);
	sockets_expect_broken(transport_fd(&door.visitors.oldest->transport));
	door_sweep(&door); /* has been done just now */
	ck_assert_uint_eq(door_count(&door), 2);
	ck_assert_int_eq(door_due_ms(&door), time_ms + SWEEP_MS);
	time_ms = door_due_ms(&door);
	door_sweep(&door);
	ck_assert_uint_eq(door_count(&door), 1);
	door_destroy(&door);
}
END_TEST

START_TEST(spares_are_not_swept_on_each_turn)
{
	struct link *link;
	int theirs;

	set_up(10, 60000);
	door_sweep(&door);
	ck_assert_uint_eq(sweeps, 0); /* without a client there are none */
	time_ms += SWEEP_MS;
	link = make_link(&theirs);
	door_attach(&door, link);
	for (int i = 0; i < 100; i++)
		door_sweep(&door);
	ck_assert_uint_eq(sweeps, 1);
	time_ms += SWEEP_MS;
	door_sweep(&door);
	ck_assert_uint_eq(sweeps, 2);
	door_destroy(&door);
	link_destroy(link);
}
END_TEST

START_TEST(a_client_that_reads_nothing_is_told_of_no_more)
{
	const struct message filler = {.kind = MESSAGE_HEARTBEAT};
	struct pollfd slots[DOOR_SLOTS];
	struct link *link;
	int theirs;

	set_up(10, 60000);
	link = make_link(&theirs);
	door_attach(&door, link);
	while (link_has_room(link))
		link_put(link, &filler);
	come();
	door_poll(&door, slots);
	for (int i = 0; i < DOOR_SLOTS; i++)
		ck_assert_int_eq(slots[i].fd, -1);
	/* The system holds those who come meanwhile. */
	ck_assert_int_eq(link_do_due(link), ERROR_NONE);
	serve();
	ck_assert_uint_eq(door_count(&door), 1);
	door_destroy(&door);
	link_destroy(link);
}
END_TEST

START_TEST(at_the_end_those_who_wait_are_held)
{
	int late = socket(AF_INET, SOCK_STREAM, 0);
	int fd;

	set_up(10, HOLD_MS);
	fd = visit();
	door_hold(&door);
	time_ms += 2 * HOLD_MS + SWEEP_MS;
	door_sweep(&door);
	expect_patience(fd);
	ck_assert_uint_eq(door_count(&door), 1);
	/* And nobody turns round and round for them. */
	ck_assert_int_eq(door_due_ms(&door), CLOCK_NEVER);
	ck_assert_int_eq(connect(late, &public_address.socket.generic,
			     public_address.length),
	    -1);
	door_destroy(&door);
	expect_reset(fd);
}
END_TEST

START_TEST(visitors_are_for_the_principal_of_the_client)
{
	struct auth_key keys[2];
	struct pending_visitor *visitor;
	char tag[AUTH_TAG_TEXT_SIZE];
	struct uuid challenge = {{3}};
	struct link *link;
	int theirs;
	bool is_valid;

	set_up(10, 60000);
	auth_key_derive("red", 3, &keys[0]);
	auth_key_derive("blue", 4, &keys[1]);
	ck_assert_int_eq(keyring_replace(&server.keys, keys, 2), ERROR_NONE);
	visit();
	visitor = door.visitors.oldest;
	ck_assert_ptr_null(visitor->principal);
	link = make_link(&theirs);
	auth_tag(&keys[1], &challenge, tag);
	link->key = keyring_find(&server.keys, &challenge, tag, &is_valid);
	ck_assert_ptr_nonnull(link->key);
	door_attach(&door, link);
	ck_assert_ptr_eq(visitor->principal, link_principal(link));
	visit();
	ck_assert_ptr_eq(door.visitors.newest->principal, link_principal(link));
	ck_assert_ptr_null(
	    pending_accept(&server.pending, &visitor->uuid, NULL));
	door_destroy(&door);
	link_destroy(link);
}
END_TEST

START_TEST(one_that_is_given_back_waits_and_is_announced_again)
{
	struct pending_visitor *visitor;
	struct link *link;
	int theirs;

	set_up(10, 60000);
	link = make_link(&theirs);
	door_attach(&door, link);
	visit();
	ck_assert_uint_eq(announced(link, theirs), 1);
	visitor = pending_take(&server.pending, &door.visitors.oldest->uuid);
	ck_assert_uint_eq(door_count(&door), 0);
	ck_assert(door_readmit(&door, visitor));
	ck_assert_uint_eq(door_count(&door), 1);
	door_announce(&door);
	ck_assert_uint_eq(announced(link, theirs), 1);
	door_destroy(&door);
	link_destroy(link);
}
END_TEST

SUITE_MAIN("door", while_the_client_is_away_visitors_wait,
    all_are_announced_to_the_client_that_comes, a_full_waiting_room_turns_away,
    one_that_has_ended_in_silence_makes_room,
    with_a_client_there_is_no_waiting_room,
    whoever_has_waited_too_long_is_dropped,
    whoever_has_left_is_found_by_a_sweep, spares_are_not_swept_on_each_turn,
    a_client_that_reads_nothing_is_told_of_no_more,
    at_the_end_those_who_wait_are_held,
    visitors_are_for_the_principal_of_the_client,
    one_that_is_given_back_waits_and_is_announced_again)

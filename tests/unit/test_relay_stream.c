/*
 * What relay_stream.h promises, with both ends of streams in one thread: a user
 * at each end, who writes and reads what can be checked to the byte, and data
 * connections that are cut at random places.
 */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "relay/relay_stream.h"
#include "sockets.h"
#include "suite.h"

#define PATIENCE_MS 20000

enum { SERVER, CLIENT };

/* Who is at an end: writes total bytes, each of which is known by its place,
 * and reads what comes. */
struct user {
	int fd;
	uint64_t seed;
	uint64_t total;
	uint64_t written;
	uint64_t got;
	bool ended;     /* has ended its side */
	bool heard_end; /* has read the other's end */
	bool is_reset;
	bool is_paused;
	bool keeps_open; /* does not end after total */
};

static struct relay_stream relays[2];
static struct user users[2];
static struct stream_open open_frame;
static unsigned dials;
static unsigned interruptions;
static unsigned resumptions;
static unsigned burials;
static bool is_dead_path; /* no dial succeeds */
static struct transport parted[2];

static uint8_t
byte_at(uint64_t seed, uint64_t place)
{
	uint64_t x = (place / 8 + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)((x ^ x >> 31) >> place % 8 * 8);
}

static void
let_go(void *owner, bool is_end)
{
	(void)owner;
	(void)is_end;
}

static void
tcp_pair(int *a, int *b, int buffers)
{
	sockets_tcp(a, b, buffers);
	ck_assert_int_eq(fd_prepare(*b), ERROR_NONE);
}

static struct stream_options
options_of(int side, uint32_t resume_ms)
{
	return (struct stream_options){
	    .role = side == SERVER ? STREAM_SERVER : STREAM_CLIENT,
	    .resume_ms = resume_ms,
	    .dead_ms = STREAM_DEAD_MS,
	    .offer_ms = 500,
	    .wait_ms = 10000,
	    .window_most = STREAM_WINDOW_NEAR,
	};
}

/* What was attached is not kept waiting for another event. */
static void
assert_speaks_first(const struct relay_stream *relay)
{
	if (transport_is_open(&relay->data))
		ck_assert_int_eq(clock_left_ms(relay_stream_due_ms(relay)), 0);
}

static void
describe_stream(const void *owner, struct stream_open *open)
{
	(void)owner;
	*open = open_frame;
}

static void
init_relay(int side)
{
	struct relay_stream *relay = &relays[side];

	relay->id = open_frame.id;
	relay->describe = describe_stream;
	relay->let_go = let_go;
	relay->owner = NULL;
	relay->entry = NULL;
	relay_stream_init(relay);
}

/* Give an end its user. */
static void
give_end(int side, uint64_t total, uint64_t seed, int buffers)
{
	int fd;

	users[side] = (struct user){.total = total, .seed = seed};
	tcp_pair(&fd, &users[side].fd, buffers);
	relay_stream_set_end(&relays[side], transport_of(fd));
}

/* Read the frame that opens a data connection at the side that has not begun
 * it. Returns its length. */
static size_t
read_frame(int fd, uint8_t *bytes, struct stream_head *head)
{
	size_t size = 0;
	size_t whole = STREAM_HEAD_BYTES;

	while (size < whole) {
		ssize_t got = sockets_read(fd, bytes + size, whole - size);

		ck_assert_int_gt(got, 0);
		size += (size_t)got;
		if (size == STREAM_HEAD_BYTES && whole == STREAM_HEAD_BYTES) {
			ck_assert_int_eq(
			    stream_frame_decode_head(bytes, head), ERROR_NONE);
			whole += head->length;
		}
	}
	return size;
}

static void
serve_quietly(int side)
{
	struct pollfd slots[RELAY_STREAM_SLOTS];

	relay_stream_poll(&relays[side], slots);
	relay_stream_serve(&relays[side], slots);
}

/* The server offers its visitor on a new data connection, and the client takes
 * it. */
static void
open_stream(uint32_t resume_ms, int buffers)
{
	struct stream_options server = options_of(SERVER, resume_ms);
	struct stream_options client = options_of(CLIENT, resume_ms);
	struct stream_event event = {.kind = STREAM_EVENT_IDLE};
	uint8_t bytes[STREAM_HEAD_BYTES + STREAM_OPEN_MOST];
	struct stream_head head;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(random_start(), ERROR_NONE);
	dials = interruptions = resumptions = burials = 0;
	is_dead_path = false;
	parted[0] = parted[1] = (struct transport)TRANSPORT_INITIALIZER;
	open_frame = (struct stream_open){.id = random_uuid()};
	stream_init_server(&relays[SERVER].stream, &server, clock_now_ms());
	init_relay(SERVER);
	tcp_pair(&fds[SERVER], &fds[CLIENT], buffers);
	relay_stream_attach(&relays[SERVER], transport_of(fds[SERVER]), &event);
	assert_speaks_first(&relays[SERVER]);
	ck_assert_uint_eq(relays[SERVER].stream.connection, event.connection);
	serve_quietly(SERVER);
	read_frame(fds[CLIENT], bytes, &head);
	ck_assert_int_eq(head.type, STREAM_OPEN);
	stream_init_client(
	    &relays[CLIENT].stream, &client, 1, &head, clock_now_ms());
	init_relay(CLIENT);
	relay_stream_begin(&relays[CLIENT], transport_of(fds[CLIENT]));
}

/* The server's stream has ended, and left a tombstone: that answers. */
static void
answer_for_the_dead(uint32_t attempt, int fd)
{
	struct stream_options options = options_of(SERVER, 30000);
	enum stream_fate fate = relays[SERVER].stream.fate;

	ck_assert_uint_eq(burials, 1);
	relay_stream_destroy(&relays[SERVER]);
	stream_init_answer(
	    &relays[SERVER].stream, &options, fate, attempt, 1, clock_now_ms());
	init_relay(SERVER);
	relay_stream_begin(&relays[SERVER], transport_of(fd));
}

/* The client dials anew: RESUME comes at once, and the server is given it. */
static void
resume(void)
{
	struct stream_event event = {.kind = STREAM_EVENT_DIALLED};
	struct stream_resume said;
	uint8_t bytes[STREAM_HEAD_BYTES + STREAM_OPEN_MOST];
	struct stream_head head;
	int fds[2];

	dials++;
	if (is_dead_path) {
		relay_stream_step(&relays[CLIENT],
		    (struct stream_event){.kind = STREAM_EVENT_DIAL_FAILED});
		return;
	}
	tcp_pair(&fds[SERVER], &fds[CLIENT], 0);
	relay_stream_attach(&relays[CLIENT], transport_of(fds[CLIENT]), &event);
	assert_speaks_first(&relays[CLIENT]);
	serve_quietly(CLIENT);
	if (relays[CLIENT].stream.connection != event.connection) {
		close(fds[SERVER]);
		return;
	}
	read_frame(fds[SERVER], bytes, &head);
	ck_assert_int_eq(head.type, STREAM_RESUME);
	ck_assert_int_eq(stream_frame_decode_resume(
			     bytes + STREAM_HEAD_BYTES, head.length, &said),
	    ERROR_NONE);
	ck_assert(uuid_equal(&said.id, &open_frame.id));
	if (relays[SERVER].stream.ended) {
		answer_for_the_dead(said.attempt, fds[SERVER]);
		return;
	}
	event = (struct stream_event){.kind = STREAM_EVENT_RESUME,
	    .attempt = said.attempt,
	    .place = said.place};
	relay_stream_attach(&relays[SERVER], transport_of(fds[SERVER]), &event);
	assert_speaks_first(&relays[SERVER]);
}

static void
do_actions(int side)
{
	unsigned actions = relay_stream_actions(&relays[side]);

	if (actions & STREAM_DO_INTERRUPTED)
		interruptions++;
	if (actions & STREAM_DO_RESUMED)
		resumptions++;
	if (actions & STREAM_DO_BURY)
		burials++;
	if (actions & STREAM_DO_DIAL)
		resume();
}

/* --- Users */

static void
user_writes(struct user *user)
{
	static char bytes[100000];
	size_t size = sizeof bytes;
	ssize_t sent;

	if (size > user->total - user->written)
		size = (size_t)(user->total - user->written);
	if (size == 0) {
		if (!user->ended && !user->keeps_open)
			ck_assert_int_eq(shutdown(user->fd, SHUT_WR), 0);
		user->ended = true;
		return;
	}
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)byte_at(user->seed, user->written + i);
	sent = send(user->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent == -1 && errno != EAGAIN)
		user->is_reset = true;
	if (sent > 0)
		user->written += (uint64_t)sent;
}

static void
user_reads(struct user *user, const struct user *other)
{
	static char bytes[100000];
	static char expected[sizeof bytes];
	ssize_t got = recv(user->fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (got == -1 && errno != EAGAIN)
		user->is_reset = true;
	if (got == 0)
		user->heard_end = true;
	for (ssize_t i = 0; i < got; i++)
		expected[i] =
		    (char)byte_at(other->seed, user->got + (uint64_t)i);
	if (got > 0) {
		ck_assert_mem_eq(bytes, expected, (size_t)got);
		user->got += (uint64_t)got;
	}
}

static struct pollfd
slot_of_user(const struct user *user)
{
	struct pollfd slot = {.fd = user->fd};

	if (!user->heard_end && !user->is_paused)
		slot.events |= POLLIN;
	if (!user->ended)
		slot.events |= POLLOUT;
	if (slot.events == 0 || user->is_reset)
		slot.fd = -1;
	return slot;
}

static void
user_acts(int side, short revents)
{
	struct user *user = &users[side];

	if (user->fd == -1 || user->is_reset)
		return;
	if (revents & (POLLIN | POLLHUP | POLLERR))
		user_reads(user, &users[!side]);
	if ((revents & POLLOUT) && !user->is_reset)
		user_writes(user);
}

/* --- Playing */

static int64_t
due_of_all(void)
{
	int64_t due_ms = clock_now_ms() + 50;

	for (int side = 0; side < 2; side++)
		if (!relay_stream_is_over(&relays[side]))
			due_ms = clock_earlier(
			    due_ms, relay_stream_due_ms(&relays[side]));
	return due_ms;
}

static void
turn(void)
{
	struct pollfd slots[2 * RELAY_STREAM_SLOTS + 2];

	for (int side = 0; side < 2; side++) {
		relay_stream_poll(
		    &relays[side], slots + side * RELAY_STREAM_SLOTS);
		slots[2 * RELAY_STREAM_SLOTS + side] =
		    slot_of_user(&users[side]);
	}
	poll(slots, sizeof slots / sizeof *slots, clock_left_ms(due_of_all()));
	for (int side = 0; side < 2; side++) {
		relay_stream_serve(
		    &relays[side], slots + side * RELAY_STREAM_SLOTS);
		do_actions(side);
		user_acts(side, slots[2 * RELAY_STREAM_SLOTS + side].revents);
	}
}

static bool
is_over(void)
{
	return relay_stream_is_over(&relays[SERVER]) &&
	       relay_stream_is_over(&relays[CLIENT]);
}

static void
play_to_the_end(void)
{
	int64_t end_ms = clock_now_ms() + PATIENCE_MS;

	while (!is_over()) {
		turn();
		ck_assert_msg(clock_now_ms() < end_ms,
		    "not over: server %d/%d, client %d/%d, %llu of %llu, "
		    "%llu of %llu",
		    relays[SERVER].stream.phase, relays[SERVER].stream.link,
		    relays[CLIENT].stream.phase, relays[CLIENT].stream.link,
		    (unsigned long long)users[CLIENT].got,
		    (unsigned long long)users[SERVER].total,
		    (unsigned long long)users[SERVER].got,
		    (unsigned long long)users[CLIENT].total);
	}
}

static void
expect_whole(void)
{
	for (int side = 0; side < 2; side++) {
		int64_t end_ms = clock_now_ms() + PATIENCE_MS;

		/* What the relay has handed to the system may still be on its
		 * way. */
		while (!users[side].heard_end && clock_now_ms() < end_ms &&
		       !users[side].is_reset)
			if (sockets_wait(users[side].fd, POLLIN, 1000))
				user_reads(&users[side], &users[!side]);
		ck_assert(!users[side].is_reset);
		ck_assert(users[side].heard_end);
		ck_assert_uint_eq(users[side].got, users[!side].total);
	}
}

static void
finish(void)
{
	for (int side = 0; side < 2; side++) {
		parted[side] = relay_stream_part(&relays[side]);
		relay_stream_destroy(&relays[side]);
		close(users[side].fd);
		transport_close(&parted[side]);
	}
	stream_retain_tidy();
}

/* The data connection of now ends for both, as by a reset on the way. */
static void
cut(void)
{
	if (transport_is_open(&relays[SERVER].data))
		shutdown(transport_fd(&relays[SERVER].data), SHUT_RDWR);
}

static void
play_with_cuts(unsigned cuts)
{
	uint64_t all = users[SERVER].total + users[CLIENT].total;
	int64_t end_ms = clock_now_ms() + PATIENCE_MS;

	for (unsigned i = 1; i <= cuts; i++) {
		uint64_t at = all / (cuts + 1) * i;

		while (
		    users[SERVER].got + users[CLIENT].got < at && !is_over()) {
			turn();
			ck_assert_int_lt(clock_now_ms(), end_ms);
		}
		cut();
	}
	play_to_the_end();
}

/* --- Tests */

static const uint64_t sizes[] = {
    0, 1, 1000, 65535, 65536, 65537, 300000, 5000000};

#define SIZES (int)(sizeof sizes / sizeof *sizes)

START_TEST(all_arrives_both_ways)
{
	open_stream(30000, 0);
	give_end(SERVER, sizes[_i % SIZES], 1, 0);
	give_end(CLIENT, sizes[_i / SIZES], 2, 0);
	play_to_the_end();
	expect_whole();
	ck_assert_uint_eq(interruptions, 0);
	ck_assert_uint_eq(
	    relay_stream_from_end(&relays[SERVER]), users[SERVER].total);
	ck_assert_uint_eq(
	    relay_stream_to_end(&relays[SERVER]), users[CLIENT].total);
	ck_assert_uint_eq(
	    relay_stream_to_end(&relays[CLIENT]), users[SERVER].total);
	finish();
	/* Both ends may use it again. */
	ck_assert_int_ne(parted[0].fd, 0);
}
END_TEST

/* The visitor has said all and ended before the service is connected. */
START_TEST(the_service_may_come_late)
{
	int64_t end_ms = clock_now_ms() + PATIENCE_MS;

	open_stream(30000, 0);
	give_end(SERVER, sizes[_i], 1, 0);
	while (!relays[CLIENT].stream.in.ended) {
		turn();
		ck_assert_int_lt(clock_now_ms(), end_ms);
	}
	give_end(CLIENT, 1000, 2, 0);
	play_to_the_end();
	expect_whole();
	finish();
}
END_TEST

START_TEST(the_data_connection_is_idle_again)
{
	char byte;

	open_stream(_i == 0 ? 30000 : 0, 0);
	give_end(SERVER, 100000, 1, 0);
	give_end(CLIENT, 5, 2, 0);
	play_to_the_end();
	expect_whole();
	for (int side = 0; side < 2; side++) {
		parted[side] = relay_stream_part(&relays[side]);
		ck_assert(transport_is_open(&parted[side]));
	}
	/* Nothing of the stream is left on it. */
	ck_assert_int_eq(send(transport_fd(&parted[0]), "x", 1, 0), 1);
	ck_assert_int_eq(sockets_read(transport_fd(&parted[1]), &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	ck_assert(!sockets_is_readable(transport_fd(&parted[0])));
	transport_close(&parted[0]);
	transport_close(&parted[1]);
	finish();
}
END_TEST

START_TEST(nothing_is_kept_where_nothing_can_be_resumed)
{
	open_stream(0, 0);
	give_end(SERVER, sizes[_i % SIZES] * 4, 1, 0);
	give_end(CLIENT, sizes[_i / SIZES] * 4, 2, 0);
	play_to_the_end();
	expect_whole();
	finish();
}
END_TEST

START_TEST(it_goes_on_after_cuts)
{
	unsigned cuts = 1 + (unsigned)_i % 5;

	open_stream(30000, 0);
	give_end(SERVER, 1000000 + (uint64_t)_i * 77777, 1, 0);
	give_end(CLIENT, 1500000 + (uint64_t)_i * 33333, 2, 0);
	play_with_cuts(cuts);
	expect_whole();
	ck_assert_uint_ge(interruptions, 2);
	ck_assert_uint_ge(dials, 1);
	ck_assert_uint_eq(resumptions, interruptions);
	finish();
}
END_TEST

START_TEST(it_goes_on_where_users_are_slow)
{
	open_stream(30000, 8192);
	give_end(SERVER, 700000, 1, 8192);
	give_end(CLIENT, 700000, 2, 8192);
	play_with_cuts(4);
	expect_whole();
	finish();
}
END_TEST

START_TEST(one_that_writes_before_it_reads_is_no_deadlock)
{
	int64_t end_ms = clock_now_ms() + PATIENCE_MS;

	open_stream(30000, 0);
	give_end(SERVER, 3000000, 1, 16384);
	give_end(CLIENT, 3000000, 2, 16384);
	users[CLIENT].is_paused = true;
	/* The visitor reads all, while the service reads nothing. */
	while (users[SERVER].got < users[CLIENT].total) {
		turn();
		ck_assert_int_lt(clock_now_ms(), end_ms);
	}
	users[CLIENT].is_paused = false;
	play_to_the_end();
	expect_whole();
	finish();
}
END_TEST

START_TEST(a_break_is_a_reset_where_nothing_can_be_resumed)
{
	int64_t end_ms = clock_now_ms() + PATIENCE_MS;

	open_stream(0, 0);
	give_end(SERVER, 50000000, 1, 0);
	give_end(CLIENT, 50000000, 2, 0);
	while (users[SERVER].got < 1000000) {
		turn();
		ck_assert_int_lt(clock_now_ms(), end_ms);
	}
	cut();
	play_to_the_end();
	for (int side = 0; side < 2; side++) {
		while (!users[side].is_reset && !users[side].heard_end)
			if (sockets_wait(users[side].fd, POLLIN, PATIENCE_MS))
				user_reads(&users[side], &users[!side]);
		ck_assert(users[side].is_reset);
	}
	finish();
}
END_TEST

START_TEST(what_is_not_resumed_in_time_is_reset)
{
	open_stream(300, 0);
	give_end(SERVER, 1000, 1, 0);
	give_end(CLIENT, 1000, 2, 0);
	users[SERVER].keeps_open = users[CLIENT].keeps_open = true;
	while (users[SERVER].got < 1000 || users[CLIENT].got < 1000)
		turn();
	is_dead_path = true;
	cut();
	play_to_the_end();
	for (int side = 0; side < 2; side++) {
		while (!users[side].is_reset && !users[side].heard_end)
			if (sockets_wait(users[side].fd, POLLIN, PATIENCE_MS))
				user_reads(&users[side], &users[!side]);
		ck_assert(users[side].is_reset);
	}
	ck_assert_uint_eq(burials, 1);
	finish();
}
END_TEST

START_TEST(a_reset_is_passed_on_behind_what_was_said)
{
	const struct linger linger = {1, 0};
	int from = _i % 2;
	int to = !from;

	open_stream(_i / 2 == 0 ? 30000 : 0, 0);
	give_end(SERVER, from == SERVER ? 500 : 0, 1, 0);
	give_end(CLIENT, from == CLIENT ? 500 : 0, 2, 0);
	users[SERVER].keeps_open = users[CLIENT].keeps_open = true;
	while (users[to].got < 500)
		turn();
	setsockopt(
	    users[from].fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(users[from].fd);
	users[from].fd = -1;
	users[from].is_reset = true;
	play_to_the_end();
	while (!users[to].is_reset && !users[to].heard_end)
		if (sockets_wait(users[to].fd, POLLIN, PATIENCE_MS))
			user_reads(&users[to], &users[from]);
	ck_assert(users[to].is_reset);
	/* It was said in frames: the data connection lives. */
	parted[to] = relay_stream_part(&relays[to]);
	ck_assert(transport_is_open(&parted[to]));
	transport_close(&parted[to]);
	finish();
}
END_TEST

START_TEST(what_comes_before_the_service_waits_for_it)
{
	int64_t end_ms = clock_now_ms() + 300;

	open_stream(_i == 0 ? 30000 : 0, 0);
	users[CLIENT] = (struct user){.fd = -1};
	give_end(SERVER, 5000, 1, 0);
	/* The visitor has said all and ended. */
	while (clock_now_ms() < end_ms)
		turn();
	ck_assert(users[SERVER].ended);
	give_end(CLIENT, 100, 2, 0);
	play_to_the_end();
	expect_whole();
	finish();
}
END_TEST

START_TEST(an_idle_stream_waits_for_nothing)
{
	struct pollfd slots[RELAY_STREAM_SLOTS];
	int64_t end_ms = clock_now_ms() + 1000;

	open_stream(30000, 0);
	give_end(SERVER, 1000, 1, 0);
	give_end(CLIENT, 1000, 2, 0);
	users[SERVER].keeps_open = users[CLIENT].keeps_open = true;
	while (users[SERVER].got < 1000 || users[CLIENT].got < 1000 ||
	       clock_now_ms() < end_ms)
		turn();
	for (int side = 0; side < 2; side++) {
		ck_assert_int_eq(
		    relay_stream_due_ms(&relays[side]), CLOCK_NEVER);
		ck_assert_ptr_null(relays[side].outward.kept.first);
		ck_assert_ptr_null(relays[side].inward.held.first);
		relay_stream_poll(&relays[side], slots);
		ck_assert_int_eq(relay_stream_wait_ms(slots, CLOCK_NEVER), -1);
	}
	users[SERVER].keeps_open = users[CLIENT].keeps_open = false;
	users[SERVER].ended = users[CLIENT].ended = false;
	play_to_the_end();
	expect_whole();
	finish();
}
END_TEST

int
main(void)
{
	TCase *many = tcase_create("many");
	Suite *suite = suite_create("relay_stream");

	tcase_set_timeout(many, 120);
	tcase_add_loop_test(many, all_arrives_both_ways, 0, SIZES * SIZES);
	tcase_add_loop_test(many, the_data_connection_is_idle_again, 0, 2);
	tcase_add_loop_test(many, nothing_is_kept_where_nothing_can_be_resumed,
	    0, SIZES * SIZES);
	tcase_add_loop_test(many, the_service_may_come_late, 0, 2);
	tcase_add_loop_test(many, it_goes_on_after_cuts, 0, 20);
	tcase_add_test(many, it_goes_on_where_users_are_slow);
	tcase_add_test(many, one_that_writes_before_it_reads_is_no_deadlock);
	tcase_add_test(many, a_break_is_a_reset_where_nothing_can_be_resumed);
	tcase_add_test(many, what_is_not_resumed_in_time_is_reset);
	tcase_add_loop_test(
	    many, a_reset_is_passed_on_behind_what_was_said, 0, 4);
	tcase_add_loop_test(
	    many, what_comes_before_the_service_waits_for_it, 0, 2);
	tcase_add_test(many, an_idle_stream_waits_for_nothing);
	suite_add_tcase(suite, many);
	return suite_finish(suite);
}

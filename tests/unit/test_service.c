/*
 * What service.h promises: a way to the local service that makes nobody wait
 * for longer than he wants to. service.c is part of this program: look-ups
 * answer when the case says so, and dials are counted.
 */
#include "net/dial.h"
#include "net/resolve.h"

static enum error resolve_begin_told(
    struct resolve *resolve, struct resolve_ticket *ticket);
static enum error resolve_finish_told(struct resolve *resolve,
    struct resolve_ticket *ticket, int64_t deadline_ms,
    struct resolve_list *list, const char **reason);
static void dial_start_counted(
    struct dial *dial, const struct resolve_list *list, int64_t deadline_ms);

#define resolve_begin  resolve_begin_told
#define resolve_finish resolve_finish_told
#define dial_start     dial_start_counted
#include "client/service.c" /* NOLINT(bugprone-suspicious-include) */
#undef resolve_begin
#undef resolve_finish
#undef dial_start
#include "os/wakeup.h"
#include "sockets.h"
#include "suite.h"

static struct service service;
static struct address_name name = {.host = "service.test", .port = 80};

/* What a look-up answers; ERROR_AGAIN: nothing until its deadline. */
static struct {
	enum error begin, finish;
	struct address address;
	unsigned calls;
	/* The longest that a call would have waited for. */
	int64_t longest_ms;
} lookup;

static unsigned dials;
/* Not listening before this dial. */
static unsigned up_at_dial;
static int listener = -1;

static enum error
resolve_begin_told(struct resolve *resolve, struct resolve_ticket *ticket)
{
	(void)resolve;
	(void)ticket;
	return lookup.begin;
}

static enum error
resolve_finish_told(struct resolve *resolve, struct resolve_ticket *ticket,
    int64_t deadline_ms, struct resolve_list *list, const char **reason)
{
	int64_t left_ms = deadline_ms - clock_now_ms();

	(void)resolve;
	(void)ticket;
	lookup.calls++;
	if (left_ms > lookup.longest_ms)
		lookup.longest_ms = left_ms;
	*reason = "no such name";
	if (lookup.finish == ERROR_AGAIN)
		return ERROR_TIMEOUT;
	if (lookup.finish == ERROR_NONE) {
		list->addresses[0] = lookup.address;
		list->count = 1;
	}
	return lookup.finish;
}

static void
dial_start_counted(
    struct dial *dial, const struct resolve_list *list, int64_t deadline_ms)
{
	if (++dials == up_at_dial)
		ck_assert_int_eq(listen(listener, 4), 0);
	dial_start(dial, list, deadline_ms);
}

/* A port that refuses until somebody listens. */
static void
start(int stop_fd)
{
	listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert(address_parse("127.0.0.1", 0, &lookup.address));
	ck_assert_int_eq(bind(listener, &lookup.address.socket.generic,
			     lookup.address.length),
	    0);
	ck_assert(address_of_socket(listener, &lookup.address));
	service_init(&service, &name, NULL, stop_fd);
}

static void
assert_reason(const char *part)
{
	char text[SERVICE_REASON_SIZE];

	service_reason(&service, text);
	ck_assert_msg(strstr(text, part) != NULL, "%s", text);
}

START_TEST(a_service_that_listens_is_connected)
{
	struct transport taken;
	struct address peer;

	start(-1);
	up_at_dial = 1;
	service_call(&service);
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_NONE);
	ck_assert(service_is_connected(&service));
	taken = service_take(&service);
	service_end(&service);
	ck_assert(address_of_peer(transport_fd(&taken), &peer));
	ck_assert(address_equal(&peer, &lookup.address));
	ck_assert(address_equal(&service.dial.peer, &lookup.address));
	transport_close(&taken);
}
END_TEST

START_TEST(one_that_refuses_has_failed_and_says_where)
{
	start(-1);
	service_call(&service);
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_NONE);
	ck_assert(!service_is_connected(&service));
	assert_reason("cannot reach the local service at 127.0.0.1:");
	assert_reason("Connection refused");
	service_end(&service);
}
END_TEST

START_TEST(a_name_that_hangs_makes_nobody_wait)
{
	int64_t now_ms = clock_now_ms();

	start(-1);
	lookup.finish = ERROR_AGAIN;
	service_call(&service);
	ck_assert_uint_eq(lookup.calls, 1);
	ck_assert_int_le(lookup.longest_ms, 0);
	ck_assert_int_eq(service_wait(&service, now_ms + 1000), ERROR_TIMEOUT);
	ck_assert_int_le(lookup.longest_ms, 1000);
	ck_assert(!service_is_connected(&service));
	/* It answers after all. */
	lookup.finish = ERROR_NONE;
	up_at_dial = 1;
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_NONE);
	ck_assert(service_is_connected(&service));
	service_end(&service);
}
END_TEST

START_TEST(a_name_that_hangs_is_given_up_in_the_end)
{
	start(-1);
	lookup.finish = ERROR_AGAIN;
	service_call(&service);
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_NONE);
	ck_assert_int_le(lookup.longest_ms, PROTOCOL_HANDSHAKE_MS);
	ck_assert(!service_is_connected(&service));
	assert_reason("local service service.test:80: ");
	ck_assert_uint_eq(dials, 0);
	service_end(&service);
}
END_TEST

START_TEST(a_name_that_is_not_known_says_so)
{
	start(-1);
	lookup.finish = ERROR_NAME;
	service_call(&service);
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_NONE);
	ck_assert(!service_is_connected(&service));
	assert_reason("local service service.test:80: no such name");
	/* The next call begins afresh. */
	lookup.finish = ERROR_NONE;
	service_call(&service);
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_NONE);
	assert_reason("Connection refused");
	service_end(&service);
}
END_TEST

START_TEST(a_look_up_that_cannot_begin_is_a_failure)
{
	start(-1);
	lookup.begin = ERROR_RESOURCES;
	service_call(&service);
	ck_assert_uint_eq(lookup.calls, 0);
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_NONE);
	ck_assert(!service_is_connected(&service));
	assert_reason(error_text(ERROR_RESOURCES));
	service_end(&service);
}
END_TEST

START_TEST(it_is_tried_again_for_as_long_as_was_asked_for)
{
	ck_assert(!service_tries_again(1000, 1000, 0));
	ck_assert(service_tries_again(1000, 1000, 1));
	ck_assert(service_tries_again(10999, 1000, 10000));
	ck_assert(!service_tries_again(11000, 1000, 10000));
	ck_assert(
	    service_tries_again(INT64_C(5000000000), 1000000000, UINT32_MAX));
	ck_assert(!service_tries_again(INT64_C(4294967301), 0, 10000));
}
END_TEST

START_TEST(one_that_comes_up_is_reached)
{
	int ours, theirs;
	struct transport visitor;

	sockets_tcp(&ours, &theirs, 0);
	visitor = transport_of(ours);
	start(-1);
	up_at_dial = 3;
	service_call(&service);
	ck_assert_int_eq(service_reach(&service, &visitor, clock_now_ms(),
			     SOCKETS_PATIENCE_MS),
	    ERROR_NONE);
	ck_assert(service_is_connected(&service));
	ck_assert_uint_eq(dials, 3);
	service_end(&service);
}
END_TEST

START_TEST(without_retry_one_failure_is_the_end)
{
	int ours, theirs;
	struct transport visitor;

	sockets_tcp(&ours, &theirs, 0);
	visitor = transport_of(ours);
	start(-1);
	service_call(&service);
	ck_assert_int_eq(service_reach(&service, &visitor, clock_now_ms(), 0),
	    ERROR_TIMEOUT);
	ck_assert_uint_eq(dials, 1);
	service_end(&service);
}
END_TEST

START_TEST(for_a_visitor_who_has_left_it_is_not_tried_again)
{
	int ours, theirs;
	struct transport visitor;

	sockets_tcp(&ours, &theirs, 0);
	visitor = transport_of(ours);
	sockets_reset(theirs);
	ck_assert_int_ne(sockets_wait(ours, 0, SOCKETS_PATIENCE_MS), 0);
	start(-1);
	service_call(&service);
	ck_assert_int_eq(service_reach(&service, &visitor, clock_now_ms(),
			     SOCKETS_PATIENCE_MS),
	    ERROR_RESET);
	ck_assert_uint_eq(dials, 1);
	service_end(&service);
}
END_TEST

START_TEST(a_stop_ends_the_wait)
{
	struct wakeup stop = WAKEUP_INITIALIZER;
	int ours, theirs;
	struct transport visitor;

	sockets_tcp(&ours, &theirs, 0);
	visitor = transport_of(ours);
	ck_assert_int_eq(wakeup_open(&stop), ERROR_NONE);
	start(stop.read_fd);
	service_call(&service);
	wakeup_send(&stop);
	ck_assert_int_eq(service_reach(&service, &visitor, clock_now_ms(),
			     SOCKETS_PATIENCE_MS),
	    ERROR_STOPPED);
	lookup.finish = ERROR_STOPPED;
	service_call(&service);
	ck_assert_int_eq(service_wait(&service, CLOCK_NEVER), ERROR_STOPPED);
	service_end(&service);
	wakeup_close(&stop);
}
END_TEST

START_TEST(one_that_was_never_called_closes_nothing)
{
	memset(&service, 0, sizeof service);
	service_init(&service, &name, NULL, -1);
	service_end(&service);
	ck_assert_int_ne(fcntl(STDIN_FILENO, F_GETFD), -1);
}
END_TEST

SUITE_MAIN("service", a_service_that_listens_is_connected,
    one_that_refuses_has_failed_and_says_where,
    a_name_that_hangs_makes_nobody_wait,
    a_name_that_hangs_is_given_up_in_the_end, a_name_that_is_not_known_says_so,
    a_look_up_that_cannot_begin_is_a_failure,
    it_is_tried_again_for_as_long_as_was_asked_for,
    one_that_comes_up_is_reached, without_retry_one_failure_is_the_end,
    for_a_visitor_who_has_left_it_is_not_tried_again, a_stop_ends_the_wait,
    one_that_was_never_called_closes_nothing)

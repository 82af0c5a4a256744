/*
 * What resolve.h promises. This program has a getaddrinfo() of its own, so that
 * a name server can be silent, slow or say anything; numeric hosts go to the
 * real one.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/resolve.h"
#include "os/lock.h"
#include "sockets.h"
#include "suite.h"

static struct resolve *resolve;
static struct resolve_list list;
static const char *reason;

/* The name server of this test. */
static struct {
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	unsigned asked;    /* look-ups that have begun */
	unsigned answered; /* and those that have ended */
	bool silent;
	unsigned held; /* so many of the first stay without an answer */
	int failure;
	/* Numeric, parted by spaces. */
	char answer[256];
} server;

/* Fill one with a numeric host. Returns false when it is none. */
static bool
fill(struct addrinfo *one, const char *host, const char *service)
{
	struct sockaddr_storage *storage = calloc(1, sizeof *storage);
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
	in_port_t port = htons((uint16_t)atoi(service));

	if (storage == NULL)
		abort();
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		one->ai_addrlen = sizeof *v4;
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		one->ai_addrlen = sizeof *v6;
	} else {
		free(storage);
		return false;
	}
	one->ai_family = storage->ss_family;
	one->ai_addr = (struct sockaddr *)storage;
	return true;
}

static struct addrinfo **
append(struct addrinfo **end, const char *host, const char *service)
{
	*end = calloc(1, sizeof **end);
	if (*end == NULL || !fill(*end, host, service))
		abort();
	return &(*end)->ai_next;
}

static int
answer(const char *service, struct addrinfo **found)
{
	char copy[sizeof server.answer];
	char *rest = copy, *host;
	struct addrinfo **end = found;
	unsigned number;
	int failure;

	lock_take(&server.lock);
	number = ++server.asked;
	lock_condition_tell(&server.changed);
	while (server.silent || number <= server.held)
		lock_condition_wait(&server.changed, &server.lock, CLOCK_NEVER);
	failure = server.failure;
	memcpy(copy, server.answer, sizeof copy);
	server.answered++;
	lock_condition_tell(&server.changed);
	lock_give(&server.lock);
	if (failure != 0)
		return failure;
	while ((host = strsep(&rest, " ")) != NULL)
		end = append(end, host, service);
	return 0;
}

/* The thread of the test alone has these: numeric hosts that were read, and what
 * %link is, 0: there is none. */
static unsigned numeric;
static uint32_t link_id;

/* Read fe80::1%link. */
static bool
fill_scoped(struct addrinfo *one, const char *host, const char *service)
{
	char plain[64];
	size_t length = strcspn(host, "%");

	if (host[length] != '\0' && (strcmp(host + length, "%link") != 0 ||
					link_id == 0 || length >= sizeof plain))
		return false;
	snprintf(plain, sizeof plain, "%.*s", (int)length, host);
	if (!fill(one, plain, service))
		return false;
	if (host[length] != '\0')
		((struct sockaddr_in6 *)(void *)one->ai_addr)->sin6_scope_id =
		    link_id;
	return true;
}

/* In place of the system's */
int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
    struct addrinfo **found)
{
	if ((hints->ai_flags & AI_NUMERICHOST) == 0)
		return answer(service, found);
	numeric++;
	*found = calloc(1, sizeof **found);
	if (*found != NULL && fill_scoped(*found, host, service))
		return 0;
	free(*found);
	return EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *one)
{
	while (one != NULL) {
		struct addrinfo *next = one->ai_next;

		free(one->ai_addr);
		free(one);
		one = next;
	}
}

static void
start(const char *host, int64_t max_age_ms)
{
	struct address_name name = {.port = 7835};

	lock_init(&server.lock, LOCK_RANK_OF_TESTS);
	lock_condition_init(&server.changed);
	snprintf(name.host, sizeof name.host, "%s", host);
	snprintf(server.answer, sizeof server.answer, "192.0.2.7");
	resolve = resolve_create(&name, max_age_ms);
	ck_assert_ptr_nonnull(resolve);
	memset(&name, 0, sizeof name); /* it has a copy */
}

static void
set_silent(bool silent)
{
	lock_take(&server.lock);
	server.silent = silent;
	lock_condition_tell(&server.changed);
	lock_give(&server.lock);
}

static void
set_held(unsigned count)
{
	lock_take(&server.lock);
	server.held = count;
	lock_condition_tell(&server.changed);
	lock_give(&server.lock);
}

static void
set_answer(int failure, const char *hosts)
{
	lock_take(&server.lock);
	server.failure = failure;
	snprintf(server.answer, sizeof server.answer, "%s", hosts);
	lock_give(&server.lock);
}

static unsigned
asked(void)
{
	unsigned count;

	lock_take(&server.lock);
	count = server.asked;
	lock_give(&server.lock);
	return count;
}

static void
wait_for(const unsigned *counter, unsigned value)
{
	lock_take(&server.lock);
	while (*counter < value)
		ck_assert(lock_condition_wait(&server.changed, &server.lock,
		    clock_now_ms() + SOCKETS_PATIENCE_MS));
	lock_give(&server.lock);
}

static enum error
look_up(int patience_ms)
{
	memset(&list, 0x5a, sizeof list);
	reason = NULL;
	return resolve_lookup(
	    resolve, clock_now_ms() + patience_ms, &list, &reason);
}

/* Expect these addresses, in this order. */
static void
assert_list(const char *const *expected, unsigned count)
{
	ck_assert_uint_eq(list.count, count);
	for (unsigned i = 0; i < count; i++) {
		char text[ADDRESS_TEXT_SIZE];

		address_print(&list.addresses[i], text);
		ck_assert_str_eq(text, expected[i]);
	}
}

#define ASSERT_LIST(...)                                                       \
	assert_list((const char *const[]){__VA_ARGS__},                        \
	    SUITE_LENGTH(((const char *const[]){__VA_ARGS__})))

START_TEST(localhost_is_never_asked_for)
{
	start("localhost", 0);
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ASSERT_LIST("127.0.0.1:7835", "[::1]:7835");
	resolve_release(resolve);
	start("LocalHost", 0);
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ASSERT_LIST("127.0.0.1:7835", "[::1]:7835");
	resolve_release(resolve);
	ck_assert_uint_eq(asked(), 0);
}
END_TEST

START_TEST(a_numeric_host_is_never_asked_for)
{
	start("192.0.2.1", 0);
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ASSERT_LIST("192.0.2.1:7835");
	resolve_release(resolve);
	start("2001:db8::1", 0);
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ASSERT_LIST("[2001:db8::1]:7835");
	resolve_release(resolve);
	ck_assert_uint_eq(asked(), 0);
}
END_TEST

START_TEST(what_the_name_tells_is_read_once)
{
	static const char *const hosts[] = {
	    "192.0.2.1", "2001:db8::1", "localhost"};

	for (size_t i = 0; i < SUITE_LENGTH(hosts); i++) {
		struct resolve_list first;
		unsigned before;

		start(hosts[i], 0);
		before = numeric;
		ck_assert_uint_gt(before, 0);
		ck_assert_int_eq(look_up(0), ERROR_NONE);
		first = list;
		ck_assert_int_eq(look_up(0), ERROR_NONE);
		ck_assert_uint_eq(numeric, before);
		ck_assert_uint_eq(list.count, first.count);
		for (unsigned k = 0; k < list.count; k++)
			ck_assert(address_equal(
			    &list.addresses[k], &first.addresses[k]));
		resolve_release(resolve);
	}
	ck_assert_uint_eq(asked(), 0);
}
END_TEST

static uint32_t
scope(void)
{
	ck_assert_uint_eq(list.count, 1);
	ck_assert_int_eq(list.addresses[0].socket.generic.sa_family, AF_INET6);
	return list.addresses[0].socket.v6.sin6_scope_id;
}

START_TEST(the_link_of_an_address_is_read_each_time)
{
	start("fe80::1%link", 60000);
	set_answer(EAI_NONAME, "");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NAME);
	ck_assert_str_eq(reason, gai_strerror(EAI_NONAME));
	/* It comes, another comes in its place, and goes. */
	link_id = 7;
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ck_assert_uint_eq(scope(), 7);
	link_id = 8;
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ck_assert_uint_eq(scope(), 8);
	ck_assert_uint_eq(asked(), 1);
	link_id = 0;
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NAME);
	ck_assert_uint_eq(asked(), 2);
	resolve_release(resolve);
	/* Also where it is there from the start. */
	link_id = 9;
	start("fe80::1%link", 60000);
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ck_assert_uint_eq(scope(), 9);
	link_id = 10;
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ck_assert_uint_eq(scope(), 10);
	resolve_release(resolve);
}
END_TEST

START_TEST(a_name_is_looked_up_each_time)
{
	start("example.org", 0);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.7:7835");
	set_answer(0, "192.0.2.8");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.8:7835");
	ck_assert_uint_eq(asked(), 2);
	resolve_release(resolve);
}
END_TEST

START_TEST(families_take_turns_from_the_first_on)
{
	start("example.org", 0);
	set_answer(0, "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1 2001:db8::2");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.1:7835", "[2001:db8::1]:7835", "192.0.2.2:7835",
	    "[2001:db8::2]:7835", "192.0.2.3:7835");
	set_answer(0, "2001:db8::1 2001:db8::2 2001:db8::3 192.0.2.1");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("[2001:db8::1]:7835", "192.0.2.1:7835",
	    "[2001:db8::2]:7835", "[2001:db8::3]:7835");
	resolve_release(resolve);
}
END_TEST

START_TEST(more_than_eight_addresses_are_ignored)
{
	start("example.org", 0);
	set_answer(0, "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 "
		      "192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9 2001:db8::1");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.1:7835", "[2001:db8::1]:7835", "192.0.2.2:7835",
	    "192.0.2.3:7835", "192.0.2.4:7835", "192.0.2.5:7835",
	    "192.0.2.6:7835", "192.0.2.7:7835");
	resolve_release(resolve);
}
END_TEST

START_TEST(an_unknown_name_says_why)
{
	start("nowhere.invalid", 0);
	set_answer(EAI_NONAME, "");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NAME);
	ck_assert_str_eq(reason, gai_strerror(EAI_NONAME));
	set_answer(EAI_AGAIN, "");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NAME);
	ck_assert_str_eq(reason, gai_strerror(EAI_AGAIN));
	set_answer(0, "192.0.2.9");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.9:7835");
	resolve_release(resolve);
}
END_TEST

START_TEST(a_silent_name_server_costs_no_more_than_the_deadline)
{
	int64_t end_ms = clock_now_ms() + 150;

	start("example.org", 0);
	set_silent(true);
	ck_assert_int_eq(look_up(150), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), end_ms);
	/* Asked again, but not twice at a time. */
	ck_assert_int_eq(look_up(10), ERROR_TIMEOUT);
	ck_assert_int_eq(look_up(0), ERROR_TIMEOUT);
	wait_for(&server.asked, 1);
	ck_assert_uint_eq(asked(), 1);
	/* What comes late serves whoever waits then. */
	set_silent(false);
	wait_for(&server.answered, 1);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.7:7835");
	resolve_release(resolve);
}
END_TEST

/* One of several that wait. */
struct waiter {
	pthread_t thread;
	struct resolve_list list;
	enum error error;
};

static void *
wait_for_answer(void *argument)
{
	struct waiter *waiter = argument;
	const char *why;

	waiter->error = resolve_lookup(
	    resolve, clock_now_ms() + SOCKETS_PATIENCE_MS, &waiter->list, &why);
	return NULL;
}

static void
begin_waiting(struct waiter *waiters, int count)
{
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(pthread_create(&waiters[i].thread, NULL,
				     wait_for_answer, &waiters[i]),
		    0);
	wait_for(&server.asked, 1);
	/* Those that have not begun to wait yet find the same in the end. */
	poll(NULL, 0, 50);
}

START_TEST(all_who_wait_share_one_look_up)
{
	struct waiter waiters[4];

	start("example.org", 60000);
	set_silent(true);
	begin_waiting(waiters, 4);
	ck_assert_uint_eq(asked(), 1);
	set_silent(false);
	for (int i = 0; i < 4; i++) {
		pthread_join(waiters[i].thread, NULL);
		ck_assert_int_eq(waiters[i].error, ERROR_NONE);
		ck_assert_uint_eq(waiters[i].list.count, 1);
	}
	ck_assert_uint_eq(asked(), 1);
	resolve_release(resolve);
}
END_TEST

START_TEST(a_stop_ends_all_waiting_now_and_later)
{
	struct waiter waiters[2];

	start("example.org", 0);
	set_silent(true);
	begin_waiting(waiters, 2);
	resolve_stop(resolve);
	for (int i = 0; i < 2; i++) {
		pthread_join(waiters[i].thread, NULL);
		ck_assert_int_eq(waiters[i].error, ERROR_STOPPED);
	}
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_STOPPED);
	/* The look-up that hangs does not miss what it uses. */
	resolve_release(resolve);
	set_silent(false);
	wait_for(&server.answered, 1);
}
END_TEST

START_TEST(a_young_answer_is_used_again)
{
	start("example.org", 60000);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	set_answer(0, "192.0.2.8");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.7:7835");
	ck_assert_int_eq(look_up(0), ERROR_NONE);
	ck_assert_uint_eq(asked(), 1);
	resolve_release(resolve);
}
END_TEST

START_TEST(an_old_answer_is_not_used_again)
{
	start("example.org", 30);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	set_answer(0, "192.0.2.8");
	poll(NULL, 0, 60);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.8:7835");
	resolve_release(resolve);
}
END_TEST

START_TEST(a_failure_is_never_used_again)
{
	start("example.org", 60000);
	set_answer(EAI_AGAIN, "");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NAME);
	set_answer(0, "192.0.2.8");
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.8:7835");
	resolve_release(resolve);
	resolve_release(NULL);
}
END_TEST

START_TEST(after_a_change_of_the_network_another_is_begun)
{
	start("example.org", 0);
	set_held(1);
	ck_assert_int_eq(look_up(0), ERROR_TIMEOUT);
	wait_for(&server.asked, 1);
	/* Without a change it is shared, also by a later one. */
	ck_assert_int_eq(look_up(0), ERROR_TIMEOUT);
	ck_assert_uint_eq(asked(), 1);
	resolve_network_changed(resolve);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.7:7835");
	ck_assert_uint_eq(asked(), 2);
	resolve_release(resolve);
	set_held(0);
}
END_TEST

static void *
change_the_network(void *argument)
{
	(void)argument;
	wait_for(&server.asked, 1);
	resolve_network_changed(resolve);
	return NULL;
}

START_TEST(who_waits_while_the_network_changes_asks_anew)
{
	pthread_t thread;

	start("example.org", 0);
	set_held(1);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, change_the_network, NULL), 0);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.7:7835");
	ck_assert_uint_eq(asked(), 2);
	pthread_join(thread, NULL);
	set_held(0);
	resolve_release(resolve);
}
END_TEST

/* Have the first look-up answer, and all that follows from it be done. */
static void
let_the_first_end(void)
{
	unsigned before;

	lock_take(&server.lock);
	before = server.answered;
	server.held = 0;
	lock_condition_tell(&server.changed);
	lock_give(&server.lock);
	wait_for(&server.answered, before + 1);
	poll(NULL, 0, 50); /* it has no more to wait for */
}

START_TEST(an_answer_of_before_the_change_is_not_used)
{
	struct resolve_ticket ticket;

	start("example.org", 60000);
	set_held(1);
	ck_assert_int_eq(look_up(0), ERROR_TIMEOUT);
	wait_for(&server.asked, 1);
	resolve_network_changed(resolve);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	set_answer(0, "198.51.100.1");
	let_the_first_end();
	/* Neither in place of the later one, ... */
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.7:7835");
	ck_assert_uint_eq(asked(), 2);
	/* ... nor where it was there already, and is young: another is begun at
	 * once. */
	resolve_network_changed(resolve);
	ck_assert_int_eq(resolve_begin(resolve, &ticket), ERROR_NONE);
	wait_for(&server.asked, 3);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("198.51.100.1:7835");
	ck_assert_uint_eq(asked(), 3);
	resolve_release(resolve);
}
END_TEST

START_TEST(an_answer_of_before_the_change_ends_no_wait)
{
	struct resolve_ticket ticket;

	start("example.org", 0);
	set_held(2);
	ck_assert_int_eq(look_up(0), ERROR_TIMEOUT);
	wait_for(&server.asked, 1);
	resolve_network_changed(resolve);
	ck_assert_int_eq(resolve_begin(resolve, &ticket), ERROR_NONE);
	wait_for(&server.asked, 2);
	/* The first two are alike to the name server: both end. */
	resolve_network_changed(resolve);
	let_the_first_end();
	ck_assert_int_eq(
	    resolve_finish(resolve, &ticket,
		clock_now_ms() + SOCKETS_PATIENCE_MS, &list, &reason),
	    ERROR_NONE);
	ck_assert_uint_eq(asked(), 3);
	resolve_release(resolve);
}
END_TEST

START_TEST(few_hang_however_often_the_network_changes)
{
	unsigned before;

	start("example.org", 0);
	set_held(UINT_MAX);
	for (unsigned i = 0; i < 3 * RESOLVE_HANGING_MOST; i++) {
		ck_assert_int_eq(look_up(0), ERROR_TIMEOUT);
		resolve_network_changed(resolve);
	}
	wait_for(&server.asked, RESOLVE_HANGING_MOST);
	ck_assert_int_eq(look_up(50), ERROR_TIMEOUT);
	ck_assert_uint_eq(asked(), RESOLVE_HANGING_MOST);
	/* The last is one that counts; when they have ended all is as ever. */
	set_held(0);
	wait_for(&server.answered, RESOLVE_HANGING_MOST);
	ck_assert_int_eq(look_up(SOCKETS_PATIENCE_MS), ERROR_NONE);
	set_held(UINT_MAX);
	before = asked();
	/* They may not have told yet that they have ended. */
	for (int64_t end_ms = clock_now_ms() + SOCKETS_PATIENCE_MS;
	     asked() < before + 2 && clock_now_ms() < end_ms;
	     poll(NULL, 0, 1)) {
		resolve_network_changed(resolve);
		ck_assert_int_eq(look_up(0), ERROR_TIMEOUT);
	}
	ck_assert_uint_ge(asked(), before + 2);
	resolve_release(resolve);
	set_held(0);
}
END_TEST

static enum error
finish(struct resolve_ticket *ticket, int patience_ms)
{
	memset(&list, 0x5a, sizeof list);
	return resolve_finish(
	    resolve, ticket, clock_now_ms() + patience_ms, &list, &reason);
}

START_TEST(what_was_begun_can_be_waited_for_later)
{
	struct resolve_ticket ticket;

	start("example.org", 0);
	set_held(1);
	ck_assert_int_eq(resolve_begin(resolve, &ticket), ERROR_NONE);
	ck_assert_int_eq(finish(&ticket, 0), ERROR_TIMEOUT);
	ck_assert_int_eq(finish(&ticket, 20), ERROR_TIMEOUT);
	set_held(0);
	ck_assert_int_eq(finish(&ticket, SOCKETS_PATIENCE_MS), ERROR_NONE);
	ASSERT_LIST("192.0.2.7:7835");
	/* Nobody waited when it came, and it is asked for no more. */
	ck_assert_int_eq(finish(&ticket, 0), ERROR_NONE);
	ck_assert_uint_eq(asked(), 1);
	resolve_release(resolve);
}
END_TEST

START_TEST(a_failure_that_came_meanwhile_counts)
{
	struct resolve_ticket ticket;

	start("example.org", 60000);
	set_answer(EAI_NONAME, "");
	ck_assert_int_eq(resolve_begin(resolve, &ticket), ERROR_NONE);
	wait_for(&server.answered, 1);
	poll(NULL, 0, 50);
	ck_assert_int_eq(finish(&ticket, SOCKETS_PATIENCE_MS), ERROR_NAME);
	ck_assert_str_eq(reason, gai_strerror(EAI_NONAME));
	ck_assert_uint_eq(asked(), 1);
	resolve_release(resolve);
}
END_TEST

START_TEST(what_the_name_tells_is_there_at_once)
{
	struct resolve_ticket ticket;

	start("localhost", 0);
	ck_assert_int_eq(resolve_begin(resolve, &ticket), ERROR_NONE);
	ck_assert_int_eq(finish(&ticket, 0), ERROR_NONE);
	ASSERT_LIST("127.0.0.1:7835", "[::1]:7835");
	ck_assert_uint_eq(asked(), 0);
	resolve_release(resolve);
}
END_TEST

SUITE_MAIN("resolve", localhost_is_never_asked_for,
    a_numeric_host_is_never_asked_for, what_the_name_tells_is_read_once,
    the_link_of_an_address_is_read_each_time, a_name_is_looked_up_each_time,
    families_take_turns_from_the_first_on,
    more_than_eight_addresses_are_ignored, an_unknown_name_says_why,
    a_silent_name_server_costs_no_more_than_the_deadline,
    all_who_wait_share_one_look_up, a_stop_ends_all_waiting_now_and_later,
    a_young_answer_is_used_again, an_old_answer_is_not_used_again,
    a_failure_is_never_used_again,
    after_a_change_of_the_network_another_is_begun,
    who_waits_while_the_network_changes_asks_anew,
    an_answer_of_before_the_change_is_not_used,
    an_answer_of_before_the_change_ends_no_wait,
    few_hang_however_often_the_network_changes,
    what_was_begun_can_be_waited_for_later,
    a_failure_that_came_meanwhile_counts, what_the_name_tells_is_there_at_once)

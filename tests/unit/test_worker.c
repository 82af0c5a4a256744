/*
 * What a worker owes to others on its way: a drain waits for its visitor from
 * the announcement on, and the server's Challenge does not wait for a name
 * server. worker.c and service.c are part of this program: threads are late,
 * and look-ups hang.
 */
#include "base/random.h"
#include "net/resolve.h"
#include "os/thread_pool.h"

static enum error thread_pool_run_late(
    struct thread_pool *threads, void (*run)(void *argument), void *argument);
static enum error resolve_begin_hanging(
    struct resolve *resolve, struct resolve_ticket *ticket);
static enum error resolve_finish_hanging(struct resolve *resolve,
    struct resolve_ticket *ticket, int64_t deadline_ms,
    struct resolve_list *list, const char **reason);

#define thread_pool_run thread_pool_run_late
#define resolve_begin   resolve_begin_hanging
#define resolve_finish  resolve_finish_hanging
#include "client/service.c" /* NOLINT(bugprone-suspicious-include) */
#include "client/worker.c"  /* NOLINT(bugprone-suspicious-include) */
#undef thread_pool_run
#undef resolve_begin
#undef resolve_finish
#include "os/wakeup.h"
#include "sockets.h"
#include "suite.h"

static struct budget budget;
static struct client_options options;
static struct worker_shared shared;
static struct worker_session *session;
static struct roster roster;
static struct keyring keys;
static struct wakeup stop = WAKEUP_INITIALIZER;
static int listener;
static int theirs = -1;
static const struct announcement announcement = {.uuid = {{1, 2, 3}}};

static enum error pool_error;
static void (*job)(void *argument);
static void *job_argument;

static unsigned waits;

static enum error
thread_pool_run_late(
    struct thread_pool *threads, void (*do_it)(void *argument), void *argument)
{
	(void)threads;
	job = do_it;
	job_argument = argument;
	return pool_error;
}

static enum error
resolve_begin_hanging(struct resolve *resolve, struct resolve_ticket *ticket)
{
	(void)resolve;
	(void)ticket;
	return ERROR_NONE;
}

/* Whether the server has read what the worker says on its data connection. */
static bool
has_said_all(void)
{
	return theirs != -1 && sockets_is_readable(theirs);
}

/* The server sends its Challenge as soon as the connection is there. */
static void
play_server(void)
{
	static const char json[] =
	    "{\"Challenge\":\"7fc6d0ae-3a2b-4e0c-9e54-4f5bd6f7a9a1\"}";

	if (theirs != -1 || !sockets_is_readable(listener))
		return;
	theirs = accept(listener, NULL, NULL);
	ck_assert_int_eq(send(theirs, json, sizeof json, MSG_NOSIGNAL),
	    (ssize_t)sizeof json);
}

static enum error
resolve_finish_hanging(struct resolve *resolve, struct resolve_ticket *ticket,
    int64_t deadline_ms, struct resolve_list *list, const char **reason)
{
	int64_t left_ms = deadline_ms - clock_now_ms();

	(void)resolve;
	(void)ticket;
	(void)list;
	waits += left_ms > 0;
	*reason = "";
	/* Nothing that the server waits for may wait longer than this. */
	if (!has_said_all())
		ck_assert_int_le(left_ms, ACCEPT_DELAY_MS);
	play_server();
	return ERROR_TIMEOUT;
}

static void
start(bool has_secret)
{
	struct address address;
	struct auth_key key;

	listener = sockets_listen(&address, 4);
	budget_init(&budget, 1024);
	options.budget = &budget;
	snprintf(options.local.host, sizeof options.local.host, "service.test");
	options.local.port = 80;
	keyring_init(&keys);
	auth_key_derive("secret", 6, &key);
	ck_assert_int_eq(keyring_replace(&keys, &key, 1), ERROR_NONE);
	roster_init(&roster);
	ck_assert_int_eq(wakeup_open(&stop), ERROR_NONE);
	shared.options = &options;
	shared.keys = has_secret ? &keys : NULL;
	shared.roster = &roster;
	shared.stop_fd = stop.read_fd;
	ck_assert_int_eq(random_start(), ERROR_NONE);
	ck_assert_int_eq(
	    worker_shared_init(&shared, worker_order_size()), ERROR_NONE);
	session = worker_session_create(&shared, &address, 4711);
	ck_assert_ptr_nonnull(session);
	pool_error = ERROR_NONE;
}

static void
finish(void)
{
	worker_session_release(session);
	worker_shared_destroy(&shared);
	roster_destroy(&roster);
	keyring_destroy(&keys);
	wakeup_close(&stop);
	ck_assert_uint_eq(budget_excess(&budget, 0), 0);
}

START_TEST(a_drain_waits_for_an_announced_visitor)
{
	start(false);
	worker_start(&shared, session, &announcement);
	/* Its thread has not begun yet. */
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 1);
	wakeup_send(&stop);
	job(job_argument);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 0);
	finish();
}
END_TEST

START_TEST(and_not_for_one_without_a_thread)
{
	start(false);
	pool_error = ERROR_RESOURCES;
	worker_start(&shared, session, &announcement);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 0);
	/* It may come again. */
	pool_error = ERROR_NONE;
	worker_start(&shared, session, &announcement);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 1);
	/* The same one, announced twice, is one. */
	worker_start(&shared, session, &announcement);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 1);
	wakeup_send(&stop);
	job(job_argument);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 0);
	finish();
}
END_TEST

START_TEST(a_challenge_is_answered_while_the_name_hangs)
{
	char got[512];
	ssize_t size;

	start(true);
	worker_start(&shared, session, &announcement);
	job(job_argument);
	ck_assert_uint_ge(waits, 1);
	ck_assert_int_ne(theirs, -1);
	size = sockets_read(theirs, got, sizeof got - 1);
	ck_assert_int_gt(size, 0);
	ck_assert_msg(strstr(got, "Authenticate") != NULL, "%s", got);
	ck_assert_str_eq(got + strlen(got) + 1,
	    "{\"Accept\":\"01020300-0000-0000-0000-000000000000\"}");
	/* Then there is no service: a reset. */
	ck_assert_int_eq(sockets_read(theirs, got, sizeof got), -ECONNRESET);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 0);
	finish();
}
END_TEST

SUITE_MAIN("worker", a_drain_waits_for_an_announced_visitor,
    and_not_for_one_without_a_thread,
    a_challenge_is_answered_while_the_name_hangs)

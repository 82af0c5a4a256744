/*
 * A stop that waits for the visitors who are served (--drain) waits for one that
 * has left those who wait and is not relayed yet, too. session.c and
 * handout.c are part of this program: what they do between the two is looked at
 * from inside.
 */
#include "os/thread_pool.h"

static enum error thread_pool_run_later(
    struct thread_pool *threads, void (*run)(void *argument), void *argument);

#define thread_pool_run thread_pool_run_later
#include "server/handout.c" /* NOLINT(bugprone-suspicious-include) */
#undef thread_pool_run
#include "server/session.c" /* NOLINT(bugprone-suspicious-include) */
#include "server/tunnel.h"
#include "sockets.h"
#include "suite.h"

static struct server_state server;
static struct pending_group group;
static struct budget budget;
static const struct server_options options = {.budget = &budget};
static struct pending_visitor *visitor;
/* The visitor's socket, and that of the client's data connection: ours and
 * theirs. */
static int visitors[2], data_ends[2];

static void (*job)(void *argument);
static void *job_argument;

/* The thread is late. */
static enum error
thread_pool_run_later(
    struct thread_pool *threads, void (*do_it)(void *argument), void *argument)
{
	(void)threads;
	job = do_it;
	job_argument = argument;
	return ERROR_NONE;
}

static void
ignore(struct tunnel *tunnel)
{
	(void)tunnel;
}

static const struct tunnel_calls calls = {.hold = ignore, .release = ignore};

static void
set_up(void)
{
	memset(&server, 0, sizeof server);
	pending_init(&server.pending);
	pending_group_init(&group);
	server.options = &options;
	server.tunnels = &calls;
	registry_init(&server.registry, &calls);
	object_cache_init(&server.handouts, sizeof(struct handout_order));
	keyring_init(&server.keys);
	budget_init(&budget, 1024);
	ck_assert(shares_init(&server.shares, 1024, 1));
	roster_init(&server.active);
	object_cache_init(&server.visitors, sizeof(struct pending_visitor));
	notices_init(&server.notices, 1);
	sockets_tcp(&visitors[0], &visitors[1], 0);
	sockets_tcp(&data_ends[0], &data_ends[1], 0);
	visitor = object_cache_take(&server.visitors);
	memset(visitor, 0, sizeof *visitor);
	visitor->uuid.bytes[3] = 7;
	visitor->transport = transport_of(visitors[0]);
	ck_assert(shares_enter(&server.shares, shares_open(&server.shares, 80),
	    &visitor->seat, 1));
	budget_force(&budget, BUDGET_VISITOR);
	ck_assert_uint_eq(roster_wait_empty(&server.active, 0), 0);
}

/* The visitor and the client have said all that they had to say. */
static void
end_both(int data)
{
	ck_assert_int_eq(write(visitors[1], "in", 2), 2);
	shutdown(visitors[1], SHUT_WR);
	shutdown(data, SHUT_WR);
}

START_TEST(an_accepted_visitor_is_waited_for)
{
	struct session session = {.server = &server};
	struct proxy proxy = {.is_entered = false};
	char bytes[8];

	set_up();
	session.transport = transport_of(data_ends[0]);
	channel_init(&session.channel, session.transport);
	budget_force(&budget, BUDGET_SESSION);
	ck_assert(pending_put(&server.pending, &group, visitor));
	ck_assert(be_proxy(&session, &visitor->uuid, &proxy));
	ck_assert_uint_eq(pending_count(&server.pending, &group), 0);
	ck_assert_uint_eq(roster_wait_empty(&server.active, 0), 1);
	end_both(data_ends[1]);
	proxy_run(&proxy); /* to the end of both */
	ck_assert_int_eq(read(data_ends[1], bytes, sizeof bytes), 2);
	ck_assert_uint_eq(roster_wait_empty(&server.active, 0), 0);
}
END_TEST

START_TEST(one_that_does_not_wait_is_not_waited_for)
{
	struct session session = {.server = &server};
	struct proxy proxy = {.is_entered = false};
	struct uuid unknown = {{1}};

	set_up();
	session.transport = transport_of(data_ends[0]);
	channel_init(&session.channel, session.transport);
	budget_force(&budget, BUDGET_SESSION);
	ck_assert(!be_proxy(&session, &unknown, &proxy));
	ck_assert_uint_eq(roster_wait_empty(&server.active, 0), 0);
}
END_TEST

START_TEST(a_visitor_on_a_spare_is_waited_for)
{
	static const char taken[] = "\"Taken\"";
	struct spare given = {.serial = 0};
	char bytes[256];

	set_up();
	given.transport = transport_of(data_ends[0]);
	ck_assert_int_eq(
	    handout_start(&server, NULL, visitor, &given, 0), ERROR_NONE);
	/* Its thread has not begun yet. */
	ck_assert_uint_eq(roster_wait_empty(&server.active, 0), 1);
	ck_assert_int_gt(read(data_ends[1], bytes, sizeof bytes), 0);
	ck_assert_int_eq(
	    write(data_ends[1], taken, sizeof taken), (ssize_t)sizeof taken);
	end_both(data_ends[1]);
	job(job_argument);
	ck_assert_uint_eq(roster_wait_empty(&server.active, 0), 0);
	ck_assert_int_eq(read(data_ends[1], bytes, sizeof bytes), 2);
}
END_TEST

SUITE_MAIN("drain", a_visitor_on_a_spare_is_waited_for,
    an_accepted_visitor_is_waited_for, one_that_does_not_wait_is_not_waited_for)

/*
 * A stop that waits for the visitors who are served (--drain) waits for one that
 * has left those who wait and is not relayed yet, too. session.c and
 * handout.c are part of this program: what they do between the two is looked at
 * from inside.
 */
#include "os/crew.h"

static enum error crew_do_later(
    struct crew *crew, void (*run)(void *argument), void *argument);

#define crew_do crew_do_later
#include "server/handout.c" /* NOLINT(bugprone-suspicious-include) */
#undef crew_do
#include "server/session.c" /* NOLINT(bugprone-suspicious-include) */
#include "server/tunnel.h"
#include "sockets.h"
#include "suite.h"

static struct context context;
static struct pending_group group;
static struct budget budget;
static struct pending_visitor *visitor;
/* The visitor's socket, and that of the client's data connection: ours and
 * theirs. */
static int visitors[2], data_ends[2];

static void (*job)(void *argument);
static void *job_argument;

/* The thread is late. */
static enum error
crew_do_later(struct crew *crew, void (*do_it)(void *argument), void *argument)
{
	(void)crew;
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
	memset(&context, 0, sizeof context);
	pending_init(&context.pending);
	pending_group_init(&group);
	context.tunnels = &calls;
	registry_init(&context.registry, &calls);
	shelf_init(&context.handouts, sizeof(struct handout_order));
	keyring_init(&context.keys);
	budget_init(&budget, 1024);
	context.budget = &budget;
	ck_assert(shares_init(&context.shares, 1024));
	roster_init(&context.active);
	shelf_init(&context.visitors, sizeof(struct pending_visitor));
	notices_init(&context.notices, 1);
	sockets_tcp(&visitors[0], &visitors[1], 0);
	sockets_tcp(&data_ends[0], &data_ends[1], 0);
	visitor = shelf_take(&context.visitors);
	memset(visitor, 0, sizeof *visitor);
	visitor->uuid.bytes[3] = 7;
	visitor->transport = transport_of(visitors[0]);
	ck_assert(shares_enter(&context.shares,
	    shares_open(&context.shares, 80), &visitor->seat, 1));
	budget_force(context.budget, BUDGET_VISITOR);
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 0);
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
	struct session session = {.context = &context};
	struct proxy proxy = {.is_entered = false};
	char bytes[8];

	set_up();
	session.transport = transport_of(data_ends[0]);
	channel_init(&session.channel, session.transport);
	budget_force(context.budget, BUDGET_SESSION);
	ck_assert(pending_put(&context.pending, &group, visitor));
	ck_assert(be_proxy(&session, &visitor->uuid, &proxy));
	ck_assert_uint_eq(pending_count(&context.pending, &group), 0);
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 1);
	end_both(data_ends[1]);
	proxy_run(&proxy); /* to the end of both */
	ck_assert_int_eq(read(data_ends[1], bytes, sizeof bytes), 2);
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 0);
}
END_TEST

START_TEST(one_that_does_not_wait_is_not_waited_for)
{
	struct session session = {.context = &context};
	struct proxy proxy = {.is_entered = false};
	struct uuid unknown = {{1}};

	set_up();
	session.transport = transport_of(data_ends[0]);
	channel_init(&session.channel, session.transport);
	budget_force(context.budget, BUDGET_SESSION);
	ck_assert(!be_proxy(&session, &unknown, &proxy));
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 0);
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
	    handout_start(&context, NULL, visitor, &given, 0), ERROR_NONE);
	/* Its thread has not begun yet. */
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 1);
	ck_assert_int_gt(read(data_ends[1], bytes, sizeof bytes), 0);
	ck_assert_int_eq(
	    write(data_ends[1], taken, sizeof taken), (ssize_t)sizeof taken);
	end_both(data_ends[1]);
	job(job_argument);
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 0);
	ck_assert_int_eq(read(data_ends[1], bytes, sizeof bytes), 2);
}
END_TEST

SUITE_MAIN("drain", a_visitor_on_a_spare_is_waited_for,
    an_accepted_visitor_is_waited_for, one_that_does_not_wait_is_not_waited_for)

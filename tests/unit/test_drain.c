/*
 * A stop that waits for the visitors who are served (--drain) waits for one that
 * has left those who wait and is not relayed yet, too. session.c is
 * part of this program: what it does between the two is looked at from inside.
 */
#define start start_session
#include "server/session.c" /* NOLINT(bugprone-suspicious-include) */
#undef start

#include "sockets.h"
#include "suite.h"

static struct context context;
static struct pending_group group;
static struct budget budget;
static struct pending_visitor *visitor;
/* The visitor's socket, and that of the client's data connection: ours and
 * theirs. */
static int visitors[2], datas[2];

static void
set_up(void)
{
	memset(&context, 0, sizeof context);
	pending_init(&context.pending);
	pending_group_init(&group);
	registry_init(&context.registry, &tunnel_calls);
	keyring_init(&context.keys);
	budget_init(&budget, 1024);
	context.budget = &budget;
	ck_assert(shares_init(&context.shares, 1024));
	roster_init(&context.active);
	shelf_init(&context.visitors, sizeof(struct pending_visitor));
	notices_init(&context.notices, 1);
	sockets_tcp(&visitors[0], &visitors[1], 0);
	sockets_tcp(&datas[0], &datas[1], 0);
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
	session.transport = transport_of(datas[0]);
	channel_init(&session.channel, session.transport);
	budget_force(context.budget, BUDGET_SESSION);
	ck_assert(pending_put(&context.pending, &group, visitor));
	ck_assert(be_proxy(&session, &visitor->uuid, &proxy));
	ck_assert_uint_eq(pending_count(&context.pending, &group), 0);
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 1);
	end_both(datas[1]);
	proxy_run(&proxy); /* to the end of both */
	ck_assert_int_eq(read(datas[1], bytes, sizeof bytes), 2);
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 0);
}
END_TEST

START_TEST(one_that_does_not_wait_is_not_waited_for)
{
	struct session session = {.context = &context};
	struct proxy proxy = {.is_entered = false};
	struct uuid unknown = {{1}};

	set_up();
	session.transport = transport_of(datas[0]);
	channel_init(&session.channel, session.transport);
	budget_force(context.budget, BUDGET_SESSION);
	ck_assert(!be_proxy(&session, &unknown, &proxy));
	ck_assert_uint_eq(roster_wait_empty(&context.active, 0), 0);
}
END_TEST

SUITE_MAIN("drain", an_accepted_visitor_is_waited_for,
    one_that_does_not_wait_is_not_waited_for)

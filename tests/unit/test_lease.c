/* What lease.h promises: who may have a port, and whose state file is a copy. */
#include "base/clock.h"
#include "server/lease.h"
#include "suite.h"

#define VERDICT(...) lease_judge(&(const struct lease_claim){__VA_ARGS__})
#define TWIN(...)    lease_judge_twin(&(const struct lease_twin){__VA_ARGS__})
#define ADMITS(...)  lease_admits(&(const struct lease_return){__VA_ARGS__})

static const enum tcp_verdict every_tcp[] = {
    TCP_ALIVE, TCP_DOUBTFUL, TCP_GONE, TCP_UNKNOWN};

START_TEST(a_tunnel_that_has_ended_stops_nobody)
{
	ck_assert_int_eq(VERDICT(.ended = true), LEASE_ENDS);
	ck_assert_int_eq(VERDICT(.ended = true, .attached = true,
			     .announced = true, .tcp = TCP_ALIVE),
	    LEASE_ENDS);
	ck_assert_int_eq(VERDICT(.ended = true, .announced = true,
			     .same_instance = true, .newer = true),
	    LEASE_ENDS);
}
END_TEST

START_TEST(the_same_instance_goes_on_with_a_higher_attempt_at_once)
{
	for (size_t i = 0; i < SUITE_LENGTH(every_tcp); i++)
		for (int trusted = 0; trusted <= 1; trusted++)
			ck_assert_int_eq(
			    VERDICT(.attached = true, .tcp = every_tcp[i],
				.announced = true, .same_instance = true,
				.newer = true, .trusted = trusted),
			    LEASE_YIELDS);
	ck_assert_int_eq(
	    VERDICT(.announced = true, .same_instance = true, .newer = true),
	    LEASE_YIELDS);
	/* Attempts of different instances are not to be compared. */
	ck_assert_int_eq(VERDICT(.attached = true, .tcp = TCP_ALIVE,
			     .announced = true, .newer = true, .trusted = true),
	    LEASE_STAYS);
}
END_TEST

START_TEST(a_holder_that_lives_stays)
{
	for (int trusted = 0; trusted <= 1; trusted++)
		for (int same = 0; same <= 1; same++) {
			ck_assert_int_eq(
			    VERDICT(.attached = true, .tcp = TCP_ALIVE,
				.announced = true, .same_instance = same,
				.trusted = trusted),
			    LEASE_STAYS);
			ck_assert_int_eq(
			    VERDICT(.attached = true, .tcp = TCP_UNKNOWN,
				.announced = true, .same_instance = same,
				.trusted = trusted),
			    LEASE_STAYS);
			ck_assert_int_eq(
			    VERDICT(.attached = true, .tcp = TCP_DOUBTFUL,
				.announced = true, .same_instance = same,
				.trusted = trusted),
			    LEASE_DOUBTS);
		}
}
END_TEST

START_TEST(what_an_absent_holder_leaves_is_for_who_is_trusted)
{
	/* On lease, and found gone */
	for (int attached = 0; attached <= 1; attached++) {
		ck_assert_int_eq(VERDICT(.attached = attached, .tcp = TCP_GONE,
				     .announced = true, .trusted = true),
		    LEASE_YIELDS);
		ck_assert_int_eq(VERDICT(.attached = attached, .tcp = TCP_GONE,
				     .announced = true),
		    LEASE_STAYS);
		/* Of bore: there is no lease. */
		ck_assert_int_eq(VERDICT(.attached = attached, .tcp = TCP_GONE,
				     .trusted = true),
		    LEASE_YIELDS);
		ck_assert_int_eq(VERDICT(.attached = attached, .tcp = TCP_GONE),
		    LEASE_CONDEMNS);
	}
}
END_TEST

START_TEST(a_state_file_that_was_put_back_is_told_the_attempt)
{
	for (int attached = 0; attached <= 1; attached++) {
		ck_assert_int_eq(VERDICT(.attached = attached, .tcp = TCP_GONE,
				     .announced = true, .same_instance = true,
				     .trusted = true),
		    LEASE_STALE);
		ck_assert_int_eq(VERDICT(.attached = attached, .tcp = TCP_GONE,
				     .announced = true, .same_instance = true),
		    LEASE_STAYS);
	}
}
END_TEST

START_TEST(no_process_is_a_copy_of_itself_or_of_who_does_not_tell)
{
	ck_assert_int_eq(
	    TWIN(.processes_known = true, .same_process = true,
		.waited_ms = 5000, .silent_ms = 10, .tcp = TCP_ALIVE),
	    LEASE_NO_COPY);
	ck_assert_int_eq(
	    TWIN(.waited_ms = 5000, .silent_ms = 10, .tcp = TCP_ALIVE),
	    LEASE_NO_COPY);
}
END_TEST

START_TEST(who_is_heard_after_the_newcomer_came_is_alive)
{
	const int64_t settled = LEASE_SETTLED_MS;

	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = settled + 1,
			     .silent_ms = settled, .tcp = TCP_ALIVE),
	    LEASE_COPY);
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = settled + 1,
			     .silent_ms = settled, .tcp = TCP_UNKNOWN),
	    LEASE_COPY);
	/* Its last words were read late: it has ended meanwhile. */
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = settled + 1,
			     .silent_ms = settled, .tcp = TCP_GONE),
	    LEASE_NO_COPY);
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = settled,
			     .silent_ms = settled, .tcp = TCP_ALIVE,
			     .unacknowledged_ms = settled),
	    LEASE_UNCLEAR);
}
END_TEST

/* What a process that has ended has said may come late, and its end behind that. */
START_TEST(what_is_heard_counts_once_no_end_has_followed)
{
	const int64_t settled = LEASE_SETTLED_MS;
	const int64_t trips = LEASE_PROOF_ROUND_TRIPS;

	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 2 * settled,
			     .silent_ms = settled - 1, .tcp = TCP_ALIVE),
	    LEASE_UNCLEAR);
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 1000,
			     .silent_ms = settled + trips * 150 - 1,
			     .tcp = TCP_ALIVE, .rtt_ms = 150),
	    LEASE_UNCLEAR);
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 1000,
			     .silent_ms = settled + trips * 150,
			     .tcp = TCP_ALIVE, .rtt_ms = 150),
	    LEASE_COPY);
	/* An acknowledgement that comes with it says no more. */
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 2 * settled,
			     .silent_ms = settled - 1, .tcp = TCP_ALIVE,
			     .unacknowledged_ms = settled - 1),
	    LEASE_UNCLEAR);
}
END_TEST

START_TEST(who_acknowledges_after_the_newcomer_came_is_alive)
{
	const int64_t coarse = LEASE_COARSE_MS;

	ck_assert_int_eq(
	    TWIN(.processes_known = true, .waited_ms = 100, .silent_ms = 900,
		.tcp = TCP_ALIVE, .unacknowledged_ms = 100 - coarse),
	    LEASE_UNCLEAR);
	ck_assert_int_eq(
	    TWIN(.processes_known = true, .waited_ms = 100, .silent_ms = 900,
		.tcp = TCP_ALIVE, .unacknowledged_ms = 99 - coarse),
	    LEASE_COPY);
	/* Also where the next acknowledgement is late */
	ck_assert_int_eq(
	    TWIN(.processes_known = true, .waited_ms = 500, .silent_ms = 900,
		.tcp = TCP_DOUBTFUL, .unacknowledged_ms = 400),
	    LEASE_COPY);
	/* The system does not tell: what it says is no evidence. */
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 500,
			     .silent_ms = 900, .tcp = TCP_UNKNOWN),
	    LEASE_UNCLEAR);
}
END_TEST

START_TEST(who_acknowledges_nothing_is_not_waited_for_long)
{
	const int64_t proof = LEASE_PROOF_MS;
	const int64_t trips = LEASE_PROOF_ROUND_TRIPS;

	/* A host without power acknowledges nothing, until it is back. */
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = proof - 1,
			     .silent_ms = 2 * proof, .tcp = TCP_DOUBTFUL,
			     .unacknowledged_ms = proof),
	    LEASE_UNCLEAR);
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = proof,
			     .silent_ms = 2 * proof, .tcp = TCP_DOUBTFUL,
			     .unacknowledged_ms = proof),
	    LEASE_NO_COPY);
	ck_assert_int_eq(
	    TWIN(.processes_known = true, .waited_ms = proof + trips * 100 - 1,
		.silent_ms = 3 * proof, .tcp = TCP_ALIVE, .rtt_ms = 100,
		.unacknowledged_ms = 3 * proof),
	    LEASE_UNCLEAR);
	ck_assert_int_eq(
	    TWIN(.processes_known = true, .waited_ms = proof + trips * 100,
		.silent_ms = 3 * proof, .tcp = TCP_ALIVE, .rtt_ms = 100,
		.unacknowledged_ms = 3 * proof),
	    LEASE_NO_COPY);
}
END_TEST

START_TEST(who_was_not_heard_for_long_is_no_evidence)
{
	for (size_t i = 0; i < SUITE_LENGTH(every_tcp); i++)
		ck_assert_int_eq(
		    TWIN(.processes_known = true, .waited_ms = 1000,
			.silent_ms = LEASE_HEARD_MS, .tcp = every_tcp[i]),
		    LEASE_NO_COPY);
}
END_TEST

START_TEST(a_port_that_is_reserved_is_for_its_owner)
{
	ck_assert(ADMITS(.reserved = false));
	ck_assert(!ADMITS(.reserved = true));
	ck_assert(ADMITS(.reserved = true, .same_instance = true));
	ck_assert(ADMITS(.reserved = true, .trusted = true));
}
END_TEST

/* Two clients that have announced themselves, and one that has not. */
static const struct lease_client anna = {
    .announced = true, .instance = {{1}}, .attempt = 7};
static const struct lease_client bert = {
    .announced = true, .instance = {{2}}, .attempt = 3};
static const struct lease_client of_bore;

#define STEP(lease, ...)                                                       \
	lease_step((lease), &(const struct lease_event){__VA_ARGS__})

/* Leases in every state, at 1000 ms; what is kept is kept until 6000 ms. */
static struct lease
make_lease(enum lease_state state, bool promised)
{
	struct lease lease;

	lease_init(&lease, &anna);
	if (state == LEASE_LEASED || state == LEASE_OVER)
		STEP(&lease, .kind = LEASE_LOSE, .now_ms = 1000,
		    .length_ms = 5000);
	if (state == LEASE_PARTED)
		STEP(&lease, .kind = LEASE_PART, .now_ms = 1000);
	if (state == LEASE_OVER)
		STEP(&lease, .kind = LEASE_LOOK, .now_ms = 6000);
	if (promised)
		STEP(&lease, .kind = LEASE_PROMISE, .now_ms = 1000,
		    .client = bert);
	return lease;
}

START_TEST(each_event_leads_from_each_state_to_one)
{
	static const struct {
		struct lease_event event;
		enum lease_state follows[4];
	} table[] = {
	    /* From ATTACHED, LEASED, PARTED, OVER */
	    {{.kind = LEASE_PROMISE,
		 .now_ms = 1000,
		 .client = {.announced = true}},
		{LEASE_ATTACHED, LEASE_LEASED, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_ANNOUNCE,
		 .now_ms = 1000,
		 .client = {.announced = true}},
		{LEASE_ATTACHED, LEASE_LEASED, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_CONDEMN, .now_ms = 1000},
		{LEASE_ATTACHED, LEASE_LEASED, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_HEAR, .now_ms = 9000},
		{LEASE_ATTACHED, LEASE_LEASED, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_LOSE, .now_ms = 1000, .length_ms = 5000},
		{LEASE_LEASED, LEASE_LEASED, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_PART, .now_ms = 1000},
		{LEASE_PARTED, LEASE_PARTED, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_LOOK, .now_ms = 5999},
		{LEASE_ATTACHED, LEASE_LEASED, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_LOOK, .now_ms = 6000},
		{LEASE_ATTACHED, LEASE_OVER, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_LOOK, .now_ms = 1000, .gives_way = true},
		{LEASE_ATTACHED, LEASE_OVER, LEASE_PARTED, LEASE_OVER}},
	    {{.kind = LEASE_LOOK, .now_ms = 1000, .ending = true},
		{LEASE_ATTACHED, LEASE_LEASED, LEASE_OVER, LEASE_OVER}},
	};

	for (size_t i = 0; i < SUITE_LENGTH(table); i++)
		for (int from = LEASE_ATTACHED; from <= LEASE_OVER; from++) {
			struct lease lease =
			    make_lease((enum lease_state)from, false);

			ck_assert_int_eq(lease.state, from);
			ck_assert_msg(lease_step(&lease, &table[i].event) ==
					  table[i].follows[from],
			    "row %zu from %d leads to %d", i, from,
			    lease.state);
			ck_assert_int_eq(lease.state, table[i].follows[from]);
		}
}
END_TEST

START_TEST(who_returns_is_attached)
{
	for (int from = LEASE_ATTACHED; from < LEASE_OVER; from++) {
		struct lease lease = make_lease((enum lease_state)from, true);

		STEP(&lease, .kind = LEASE_ATTACH, .client = bert);
		ck_assert_int_eq(lease.state,
		    from == LEASE_PARTED ? LEASE_PARTED : LEASE_ATTACHED);
		ck_assert(!lease.promised);
		ck_assert(lease_same_instance(&lease.holder, &bert));
	}
}
END_TEST

START_TEST(a_port_that_is_promised_is_not_free)
{
	struct lease lease = make_lease(LEASE_LEASED, true);

	ck_assert_int_eq(lease_due_ms(&lease), CLOCK_NEVER);
	ck_assert_int_eq(STEP(&lease, .kind = LEASE_LOOK, .now_ms = 99000,
			     .gives_way = true),
	    LEASE_LEASED);
	/* But for the end of the server. */
	lease = make_lease(LEASE_PARTED, true);
	ck_assert_int_eq(
	    STEP(&lease, .kind = LEASE_LOOK, .ending = true), LEASE_OVER);
	/* And nothing is promised any more then. */
	lease = make_lease(LEASE_OVER, true);
	ck_assert(!lease.promised);
	ck_assert(lease_same_instance(&lease.holder, &anna));
}
END_TEST

START_TEST(the_newcomer_is_the_holder_from_the_promise_on)
{
	struct lease lease = make_lease(LEASE_ATTACHED, true);

	ck_assert(lease_same_instance(&lease.holder, &bert));
	ck_assert_uint_eq(lease.holder.attempt, 3);
	/* The connection that it replaces may still say something, */
	STEP(&lease, .kind = LEASE_ANNOUNCE, .client = anna);
	ck_assert(lease_same_instance(&lease.holder, &bert));
	/* or be lost: the newcomer is not. */
	STEP(&lease, .kind = LEASE_LOSE, .now_ms = 1000, .length_ms = 0);
	ck_assert(lease_same_instance(&lease.holder, &bert));
	ck_assert(lease_has_connection(&lease));
	/* One that did not announce itself can do so later. */
	STEP(&lease, .kind = LEASE_ATTACH, .client = of_bore);
	ck_assert(!lease.holder.announced);
	STEP(&lease, .kind = LEASE_ANNOUNCE, .client = bert);
	ck_assert(lease_same_instance(&lease.holder, &bert));
}
END_TEST

START_TEST(a_lease_runs_from_the_last_sign_of_life)
{
	struct lease lease = make_lease(LEASE_LEASED, false);

	ck_assert_int_eq(lease_due_ms(&lease), 6000);
	STEP(&lease, .kind = LEASE_HEAR, .now_ms = 500); /* not back */
	ck_assert_int_eq(lease_due_ms(&lease), 6000);
	STEP(&lease, .kind = LEASE_HEAR, .now_ms = 4000);
	ck_assert_int_eq(lease_due_ms(&lease), 9000);
	ck_assert_int_eq(
	    STEP(&lease, .kind = LEASE_LOOK, .now_ms = 8999), LEASE_LEASED);
	ck_assert_int_eq(
	    STEP(&lease, .kind = LEASE_LOOK, .now_ms = 9000), LEASE_OVER);
	/* A second loss while it runs does not prolong it. */
	lease = make_lease(LEASE_LEASED, false);
	STEP(&lease, .kind = LEASE_LOSE, .now_ms = 5000, .length_ms = 5000);
	ck_assert_int_eq(lease_due_ms(&lease), 6000);
	/* No lease was granted: there is none to prolong. */
	lease_init(&lease, &of_bore);
	STEP(&lease, .kind = LEASE_LOSE, .now_ms = 1000);
	STEP(&lease, .kind = LEASE_HEAR, .now_ms = 2000);
	ck_assert_int_eq(lease_due_ms(&lease), 1000);
	/* The others are not over by time. */
	lease = make_lease(LEASE_ATTACHED, false);
	ck_assert_int_eq(lease_due_ms(&lease), CLOCK_NEVER);
	lease = make_lease(LEASE_PARTED, false);
	ck_assert_int_eq(lease_due_ms(&lease), CLOCK_NEVER);
}
END_TEST

START_TEST(whoever_is_condemned_counts_as_gone)
{
	struct lease lease = make_lease(LEASE_ATTACHED, false);

	ck_assert(lease_has_connection(&lease));
	STEP(&lease, .kind = LEASE_CONDEMN);
	ck_assert(lease.condemned);
	ck_assert(!lease_has_connection(&lease));
	/* Its successors are not. */
	STEP(&lease, .kind = LEASE_PROMISE, .client = bert);
	ck_assert(lease_has_connection(&lease));
	STEP(&lease, .kind = LEASE_CONDEMN);
	STEP(&lease, .kind = LEASE_ATTACH, .client = bert);
	ck_assert(lease_has_connection(&lease));
	STEP(&lease, .kind = LEASE_CONDEMN);
	STEP(&lease, .kind = LEASE_LOSE);
	ck_assert(!lease.condemned);
	ck_assert(!lease_has_connection(&lease));
}
END_TEST

START_TEST(a_claim_is_what_the_lease_knows)
{
	struct lease_client later = anna;
	struct lease lease = make_lease(LEASE_ATTACHED, false);
	struct lease_claim claim;

	later.attempt = 8;
	claim = lease_claim_of(&lease, &later, true, TCP_GONE, 1000);
	ck_assert(!claim.ended && claim.attached && claim.announced);
	ck_assert(claim.same_instance && claim.newer && claim.trusted);
	ck_assert_int_eq(claim.tcp, TCP_GONE);
	claim = lease_claim_of(&lease, &anna, false, TCP_ALIVE, 1000);
	ck_assert(claim.same_instance && !claim.newer && !claim.trusted);
	claim = lease_claim_of(&lease, &bert, false, TCP_ALIVE, 1000);
	ck_assert(!claim.same_instance);
	claim = lease_claim_of(&lease, &of_bore, false, TCP_ALIVE, 1000);
	ck_assert(!claim.same_instance && !claim.newer);
	lease = make_lease(LEASE_LEASED, false);
	claim = lease_claim_of(&lease, &anna, true, TCP_GONE, 1000);
	ck_assert(!claim.ended && !claim.attached && claim.announced);
	lease = make_lease(LEASE_OVER, false);
	claim = lease_claim_of(&lease, &anna, true, TCP_GONE, 1000);
	ck_assert(claim.ended);
}
END_TEST

START_TEST(whoever_is_heard_is_not_gone)
{
	struct lease lease = make_lease(LEASE_ATTACHED, false);

	STEP(&lease, .kind = LEASE_HEAR, .now_ms = 1000);
	ck_assert_int_eq(
	    lease_claim_of(&lease, &bert, true, TCP_GONE, 999 + LEASE_HEARD_MS)
		.tcp,
	    TCP_DOUBTFUL);
	ck_assert_int_eq(
	    lease_claim_of(&lease, &bert, true, TCP_GONE, 1000 + LEASE_HEARD_MS)
		.tcp,
	    TCP_GONE);
	ck_assert_int_eq(
	    lease_claim_of(&lease, &bert, true, TCP_ALIVE, 1000).tcp,
	    TCP_ALIVE);
	/* Whoever is given the port has just been heard. */
	STEP(&lease, .kind = LEASE_PROMISE, .client = anna, .now_ms = 5000);
	ck_assert_int_eq(
	    lease_claim_of(&lease, &bert, true, TCP_GONE, 5001).tcp,
	    TCP_DOUBTFUL);
	/* What was heard was no other client. */
	lease = make_lease(LEASE_ATTACHED, false);
	STEP(&lease, .kind = LEASE_HEAR, .now_ms = 1000);
	STEP(&lease, .kind = LEASE_ATTACH, .client = bert);
	ck_assert_int_eq(
	    lease_claim_of(&lease, &anna, true, TCP_GONE, 1000).tcp, TCP_GONE);
}
END_TEST

SUITE_MAIN("lease", a_tunnel_that_has_ended_stops_nobody,
    the_same_instance_goes_on_with_a_higher_attempt_at_once,
    a_holder_that_lives_stays,
    what_an_absent_holder_leaves_is_for_who_is_trusted,
    a_state_file_that_was_put_back_is_told_the_attempt,
    no_process_is_a_copy_of_itself_or_of_who_does_not_tell,
    who_is_heard_after_the_newcomer_came_is_alive,
    what_is_heard_counts_once_no_end_has_followed,
    who_acknowledges_after_the_newcomer_came_is_alive,
    who_acknowledges_nothing_is_not_waited_for_long,
    who_was_not_heard_for_long_is_no_evidence,
    a_port_that_is_reserved_is_for_its_owner,
    each_event_leads_from_each_state_to_one, who_returns_is_attached,
    a_port_that_is_promised_is_not_free,
    the_newcomer_is_the_holder_from_the_promise_on,
    a_lease_runs_from_the_last_sign_of_life,
    whoever_is_condemned_counts_as_gone, a_claim_is_what_the_lease_knows,
    whoever_is_heard_is_not_gone)

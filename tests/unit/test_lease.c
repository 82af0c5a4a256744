/* What lease.h promises: who may have a port, and whose state file is a copy. */
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
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 11,
			     .silent_ms = 10, .tcp = TCP_ALIVE),
	    LEASE_COPY);
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 11,
			     .silent_ms = 10, .tcp = TCP_UNKNOWN),
	    LEASE_COPY);
	/* Its last words were read late: it has ended meanwhile. */
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 11,
			     .silent_ms = 10, .tcp = TCP_GONE),
	    LEASE_NO_COPY);
	ck_assert_int_eq(TWIN(.processes_known = true, .waited_ms = 10,
			     .silent_ms = 10, .tcp = TCP_ALIVE),
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

SUITE_MAIN("lease", a_tunnel_that_has_ended_stops_nobody,
    the_same_instance_goes_on_with_a_higher_attempt_at_once,
    a_holder_that_lives_stays,
    what_an_absent_holder_leaves_is_for_who_is_trusted,
    a_state_file_that_was_put_back_is_told_the_attempt,
    no_process_is_a_copy_of_itself_or_of_who_does_not_tell,
    who_is_heard_after_the_newcomer_came_is_alive,
    who_acknowledges_after_the_newcomer_came_is_alive,
    who_acknowledges_nothing_is_not_waited_for_long,
    who_was_not_heard_for_long_is_no_evidence,
    a_port_that_is_reserved_is_for_its_owner)

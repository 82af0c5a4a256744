/* What port_claim_decide.h promises: the next step for who asks for a port. */
#include "server/port_claim_decide.h"
#include "suite.h"

#define STEP(...)                                                              \
	port_claim_decide(&(const struct port_claim_facts){__VA_ARGS__})

START_TEST(a_free_port_is_opened)
{
	ck_assert_int_eq(STEP(.has_time = true), PORT_CLAIM_OPENS);
	ck_assert_int_eq(STEP(.has_time = false), PORT_CLAIM_OPENS);
	/* A verdict without a holder is none. */
	ck_assert_int_eq(STEP(.verdict = LEASE_STAYS), PORT_CLAIM_OPENS);
}
END_TEST

START_TEST(a_port_that_is_kept_is_for_its_owner_and_for_who_is_trusted)
{
	ck_assert_int_eq(
	    STEP(.remembered = {.reserved = true}), PORT_CLAIM_REFUSES);
	ck_assert_int_eq(
	    STEP(.remembered = {.reserved = true}, .has_time = true),
	    PORT_CLAIM_REFUSES);
	ck_assert_int_eq(
	    STEP(.remembered = {.reserved = true, .same_instance = true}),
	    PORT_CLAIM_OPENS);
	ck_assert_int_eq(
	    STEP(.remembered = {.reserved = true, .trusted = true}),
	    PORT_CLAIM_OPENS);
}
END_TEST

START_TEST(what_is_kept_does_not_count_beside_a_holder)
{
	ck_assert_int_eq(STEP(.has_holder = true, .verdict = LEASE_YIELDS,
			     .remembered = {.reserved = true}),
	    PORT_CLAIM_HANDS_OVER);
	ck_assert_int_eq(STEP(.has_holder = true, .verdict = LEASE_ENDS,
			     .remembered = {.reserved = true}),
	    PORT_CLAIM_OPENS);
}
END_TEST

START_TEST(a_verdict_on_the_holder_is_followed)
{
	ck_assert_int_eq(STEP(.has_holder = true, .verdict = LEASE_YIELDS),
	    PORT_CLAIM_HANDS_OVER);
	ck_assert_int_eq(
	    STEP(.has_holder = true, .verdict = LEASE_ENDS), PORT_CLAIM_OPENS);
	ck_assert_int_eq(
	    STEP(.has_holder = true, .verdict = LEASE_STAYS, .has_time = true),
	    PORT_CLAIM_REFUSES);
	ck_assert_int_eq(
	    STEP(.has_holder = true, .verdict = LEASE_STALE, .has_time = true),
	    PORT_CLAIM_TELLS_ATTEMPT);
}
END_TEST

START_TEST(what_is_not_clear_is_looked_at_again_while_there_is_time)
{
	static const enum lease_verdict unclear[] = {
	    LEASE_DOUBTS, LEASE_CONDEMNS};

	for (size_t i = 0; i < SUITE_LENGTH(unclear); i++) {
		ck_assert_int_eq(STEP(.has_holder = true, .verdict = unclear[i],
				     .has_time = true),
		    PORT_CLAIM_LOOKS_AGAIN);
		ck_assert_int_eq(
		    STEP(.has_holder = true, .verdict = unclear[i]),
		    PORT_CLAIM_REFUSES);
	}
}
END_TEST

START_TEST(a_copy_counts_before_what_is_not_clear)
{
	ck_assert_int_eq(port_claim_graver_copy(LEASE_NO_COPY, LEASE_NO_COPY),
	    LEASE_NO_COPY);
	ck_assert_int_eq(
	    port_claim_graver_copy(LEASE_COPY, LEASE_UNCLEAR), LEASE_COPY);
	ck_assert_int_eq(
	    port_claim_graver_copy(LEASE_UNCLEAR, LEASE_COPY), LEASE_COPY);
	ck_assert_int_eq(
	    port_claim_graver_copy(LEASE_COPY, LEASE_NO_COPY), LEASE_COPY);
	ck_assert_int_eq(
	    port_claim_graver_copy(LEASE_NO_COPY, LEASE_COPY), LEASE_COPY);
	ck_assert_int_eq(port_claim_graver_copy(LEASE_UNCLEAR, LEASE_NO_COPY),
	    LEASE_UNCLEAR);
	ck_assert_int_eq(port_claim_graver_copy(LEASE_NO_COPY, LEASE_UNCLEAR),
	    LEASE_UNCLEAR);
}
END_TEST

START_TEST(a_client_has_its_answer_before_it_gives_up)
{
	/* rebore-protocol(7), Time-outs: it waits 3 s for each message. */
	ck_assert_int_lt(PORT_CLAIM_VERDICT_MS + PORT_CLAIM_ASK_AGAIN_MS, 3000);
	/* A holder can be found gone within that. */
	ck_assert_int_gt(PORT_CLAIM_VERDICT_MS, TCP_GONE_MS);
}
END_TEST

SUITE_MAIN("port_claim_decide", a_free_port_is_opened,
    a_port_that_is_kept_is_for_its_owner_and_for_who_is_trusted,
    what_is_kept_does_not_count_beside_a_holder,
    a_verdict_on_the_holder_is_followed,
    what_is_not_clear_is_looked_at_again_while_there_is_time,
    a_copy_counts_before_what_is_not_clear,
    a_client_has_its_answer_before_it_gives_up)

/* What shares.h promises: who has most gives way, and each keeps a little. */
#include "base/clock.h"
#include "os/budget.h"
#include "server/shares.h"
#include "sockets.h"
#include "suite.h"

#define MOST  1000
#define SEATS 500

static struct shares shares;
static struct share *small, *large;
static struct share_seat seats[SEATS];
static unsigned seated;

static void
start(void)
{
	ck_assert(shares_init(&shares, MOST, 1));
	small = shares_open(&shares, 1001);
	large = shares_open(&shares, 1002);
	ck_assert_ptr_nonnull(small);
	ck_assert_ptr_nonnull(large);
	seated = 0;
}

/* Seat so many from source. Returns the first of them. */
static struct share_seat *
sit(struct share *share, uint64_t source, unsigned count)
{
	struct share_seat *first = &seats[seated];

	for (unsigned i = 0; i < count; i++)
		ck_assert(
		    shares_enter(&shares, share, &seats[seated++], source));
	return first;
}

static struct share_seat *
find(const struct share *share, uint64_t source)
{
	struct share_seat *seat;

	lock_take(&shares.lock);
	seat = shares_find_visitor(&shares, share, source);
	lock_give(&shares.lock);
	return seat;
}

static struct share_seat *
find_lease(void)
{
	struct share_seat *seat;

	lock_take(&shares.lock);
	seat = shares_find_lease(&shares);
	lock_give(&shares.lock);
	return seat;
}

static void
send_away(struct share_seat *seat, unsigned owes)
{
	lock_take(&shares.lock);
	shares_send_away(&shares, seat, owes);
	lock_give(&shares.lock);
}

static void
leave_all(void)
{
	for (unsigned i = 0; i < seated; i++)
		shares_leave(&shares, &seats[i]);
	shares_close(&shares, small);
	shares_close(&shares, large);
	shares_destroy(&shares);
}

START_TEST(the_decision_is_a_table)
{
	static const struct {
		struct shares_facts facts;
		enum shares_choice choice;
	} rows[] = {
	    /* own, own_source, most, most_source, floor */
	    {{0, 0, 485, 0, 31}, SHARES_OF_MOST},
	    {{0, 0, 0, 0, 31}, SHARES_NEWCOMER},
	    /* The tunnel that has most asks for more. */
	    {{485, 485, 485, 485, 31}, SHARES_NEWCOMER},
	    /* ... for a visitor of another source. */
	    {{485, 0, 485, 484, 31}, SHARES_OF_OWN},
	    {{485, 1, 485, 2, 31}, SHARES_NEWCOMER},
	    {{485, 1, 485, 3, 31}, SHARES_OF_OWN},
	    /* It would only change places. */
	    {{39, 0, 40, 1, 31}, SHARES_NEWCOMER},
	    {{38, 0, 40, 1, 31}, SHARES_OF_MOST},
	    /* What is within the floor is nobody else's. */
	    {{0, 0, 31, 0, 31}, SHARES_NEWCOMER},
	    {{0, 0, 32, 0, 31}, SHARES_OF_MOST},
	    {{0, 0, 1, 0, 1}, SHARES_NEWCOMER},
	    {{0, 0, 2, 0, 1}, SHARES_OF_MOST},
	    {{5, 0, 31, 4, 31}, SHARES_OF_OWN},
	};

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++)
		ck_assert_msg(shares_choose(&rows[i].facts) == rows[i].choice,
		    "row %zu: %d", i, (int)shares_choose(&rows[i].facts));
}
END_TEST

START_TEST(the_floor_is_small_and_never_nothing)
{
	ck_assert_uint_eq(shares_floor(1000, 0), 62);
	ck_assert_uint_eq(shares_floor(1000, 1), 62);
	ck_assert_uint_eq(shares_floor(1000, 2), 31);
	ck_assert_uint_eq(shares_floor(1000, 100), 1);
	ck_assert_uint_eq(shares_floor(1000, 100000), 1);
	ck_assert_uint_eq(shares_floor(4, 1), 1);
	/* All floors together are an eighth at the most, or one each. */
	for (unsigned tunnels = 1; tunnels < 62; tunnels++)
		ck_assert_uint_le(shares_floor(1000, tunnels) * tunnels, 62);
}
END_TEST

START_TEST(tunnels_leave_an_eighth)
{
	ck_assert_uint_eq(shares_tunnels_most(1000), 291);
	for (unsigned most = 8; most < 70000; most += 7)
		ck_assert_uint_le(shares_tunnels_most(most) *
				      (BUDGET_TUNNEL + BUDGET_SESSION),
		    most - most / 8);
}
END_TEST

START_TEST(the_newest_of_the_largest_goes)
{
	start();
	sit(small, 7, 3);
	sit(large, 8, 40);
	ck_assert_ptr_eq(find(small, 7), &seats[seated - 1]);
	ck_assert_ptr_eq(find(NULL, 0), &seats[seated - 1]);
	/* Of the source that has most there, though others came later. */
	sit(large, 9, 10);
	ck_assert_ptr_eq(find(small, 7), &seats[42]);
	ck_assert_ptr_eq(find(large, 9), &seats[42]);
	ck_assert_ptr_null(find(large, 8));
	leave_all();
}
END_TEST

START_TEST(who_is_sent_away_counts_no_more_and_owes_until_it_has_left)
{
	struct share_seat *seat;

	start();
	sit(large, 8, 40);
	for (unsigned i = 39; i >= 32; i--) {
		seat = find(small, 7);
		ck_assert_ptr_eq(seat, &seats[i]);
		lock_take(&shares.lock);
		ck_assert_uint_eq(shares_port_of(seat), 1002);
		ck_assert_uint_eq(shares_source_of(seat), 8);
		lock_give(&shares.lock);
		ck_assert(!shares_is_sent_away(seat));
		send_away(seat, BUDGET_VISITOR);
		ck_assert(shares_is_sent_away(seat));
	}
	ck_assert_uint_eq(shares.owed, 8 * BUDGET_VISITOR);
	shares_leave(&shares, &seats[39]);
	shares_leave(&shares, &seats[0]);
	ck_assert_uint_eq(shares.owed, 7 * BUDGET_VISITOR);
	shares_leave(&shares, &seats[39]); /* twice is legal */
	ck_assert_uint_eq(shares.owed, 7 * BUDGET_VISITOR);
	/* 31 are left: the floor of two tunnels. */
	ck_assert_ptr_null(find(small, 7));
	leave_all();
	ck_assert_uint_eq(shares.owed, 0);
}
END_TEST

START_TEST(one_that_is_served_is_interrupted_now_or_when_it_begins)
{
	struct roster roster;
	struct roster_entry entries[3];
	int ours[3], theirs[3];

	start();
	roster_init(&roster);
	sit(large, 8, 3);
	for (unsigned i = 0; i < 3; i++) {
		sockets_tcp(&ours[i], &theirs[i], 0);
		roster_enter(&roster, &entries[i], ours[i], -1);
	}
	shares_bind(&shares, &seats[0], &roster, &entries[0]);
	ck_assert(!roster_interrupted(&entries[0]));
	ck_assert_ptr_eq(seats[0].entry, &entries[0]);
	send_away(&seats[1], BUDGET_VISITOR);
	ck_assert(!roster_interrupted(&entries[1]));
	shares_bind(&shares, &seats[1], &roster, &entries[1]);
	ck_assert(roster_interrupted(&entries[1]));
	sockets_expect_end(ours[1]);
	shares_unbind(&shares, &seats[0]);
	ck_assert_ptr_null(seats[0].entry);
	leave_all();
}
END_TEST

START_TEST(visitors_outlive_their_tunnel)
{
	start();
	sit(large, 8, 40);
	shares_close(&shares, large);
	/* One tunnel is left, with a floor of 62. */
	ck_assert_ptr_null(find(small, 7));
	sit(small, 7, 1);
	for (unsigned i = 0; i < 40; i++)
		shares_leave(&shares, &seats[i]);
	shares_leave(&shares, &seats[40]);
	shares_close(&shares, small);
	shares_destroy(
	    &shares); /* a leak or a double free is the sanitizer's */
}
END_TEST

START_TEST(leases_that_had_no_visitor_go_first_and_the_newest_of_the_most)
{
	start();
	ck_assert_ptr_null(find_lease());
	ck_assert(shares_enter_lease(&shares, &seats[0], 5, true));
	ck_assert_ptr_eq(find_lease(), &seats[0]);
	ck_assert(shares_enter_lease(&shares, &seats[1], 5, false));
	ck_assert(shares_enter_lease(&shares, &seats[2], 6, false));
	ck_assert(shares_enter_lease(&shares, &seats[3], 6, false));
	ck_assert(shares_enter_lease(&shares, &seats[4], 5, true));
	seated = 5;
	ck_assert_ptr_eq(find_lease(), &seats[3]);
	send_away(&seats[3], BUDGET_TUNNEL);
	shares_leave(&shares, &seats[1]);
	ck_assert_ptr_eq(find_lease(), &seats[2]);
	shares_leave(&shares, &seats[2]);
	ck_assert_ptr_eq(find_lease(), &seats[4]);
	/* They are no visitors. */
	ck_assert_ptr_null(find(NULL, 0));
	leave_all();
}
END_TEST

START_TEST(a_lease_that_goes_is_a_tunnel_less)
{
	struct share *more[400];
	unsigned count = 0;
	bool too_many = false;

	start();
	ck_assert(shares_enter_lease(&shares, &seats[0], 5, false));
	while (!too_many) {
		more[count++] = shares_open(&shares, 2000);
		lock_take(&shares.lock);
		too_many = shares_has_too_many_tunnels(&shares);
		lock_give(&shares.lock);
	}
	ck_assert_uint_eq(count + 2, shares_tunnels_most(MOST));
	send_away(&seats[0], BUDGET_TUNNEL);
	lock_take(&shares.lock);
	ck_assert(!shares_has_too_many_tunnels(&shares));
	lock_give(&shares.lock);
	while (count > 0)
		shares_close(&shares, more[--count]);
	shares_leave(&shares, &seats[0]);
	ck_assert_uint_eq(shares.leases_going, 0);
	leave_all();
}
END_TEST

SUITE_MAIN("shares", the_decision_is_a_table,
    the_floor_is_small_and_never_nothing, tunnels_leave_an_eighth,
    the_newest_of_the_largest_goes,
    who_is_sent_away_counts_no_more_and_owes_until_it_has_left,
    one_that_is_served_is_interrupted_now_or_when_it_begins,
    visitors_outlive_their_tunnel,
    leases_that_had_no_visitor_go_first_and_the_newest_of_the_most,
    a_lease_that_goes_is_a_tunnel_less)

/* What janitor.h promises: memory is given back while there are tunnels. */
#include <stdatomic.h>

#include "server/server_state.h"

static void server_state_tidy_counted(struct server_state *server);

#define server_state_tidy server_state_tidy_counted
#include "server/janitor.c" /* NOLINT(bugprone-suspicious-include) */
#undef server_state_tidy

#include "suite.h"

/* Until when something that must come is waited for. */
#define PATIENCE_MS 20000

static atomic_uint tidied;

static void
server_state_tidy_counted(struct server_state *unused)
{
	(void)unused;
	atomic_fetch_add(&tidied, 1);
}

static struct server_state shared;
static struct janitor janitor;

static void
start(void)
{
	atomic_init(&shared.tunnels_now, 0);
	ck_assert_int_eq(wakeup_open(&shared.opened), ERROR_NONE);
	notices_init(&shared.notices, 1);
	ck_assert_int_eq(janitor_start(&janitor, &shared), ERROR_NONE);
}

START_TEST(memory_is_looked_after_while_there_are_tunnels)
{
	int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
	int64_t start_ms;
	unsigned before;

	start();
	poll(NULL, 0, 100);
	ck_assert_uint_eq(atomic_load(&tidied), 0);
	start_ms = clock_now_ms();
	atomic_store(&shared.tunnels_now, 1);
	wakeup_send(&shared.opened);
	while (atomic_load(&tidied) < 1 && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 10);
	/* Once in a while, and not each time that it wakes up. */
	for (int i = 0; i < 20; i++) {
		wakeup_send(&shared.opened);
		poll(NULL, 0, 5);
	}
	before = atomic_load(&tidied);
	ck_assert_uint_le(
	    before, 1 + (unsigned)(clock_now_ms() - start_ms) / TIDY_MS);
	while (atomic_load(&tidied) < 3 && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 10);
	ck_assert_uint_ge(atomic_load(&tidied), 3);
	/* A little longer, and then not any more. */
	atomic_store(&shared.tunnels_now, 0);
	before = atomic_load(&tidied);
	while (atomic_load(&tidied) == before && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 10);
	ck_assert_uint_gt(atomic_load(&tidied), before);
	before = atomic_load(&tidied);
	poll(NULL, 0, 2 * TIDY_MS + TIDY_MS / 2);
	ck_assert_uint_le(atomic_load(&tidied), before + TIDIES_AFTER - 1);
	janitor_stop(&janitor);
}
END_TEST

START_TEST(one_that_was_not_started_can_be_stopped)
{
	janitor_stop(&janitor);
	start();
	janitor_stop(&janitor);
	janitor_stop(&janitor);
}
END_TEST

SUITE_MAIN("janitor", memory_is_looked_after_while_there_are_tunnels,
    one_that_was_not_started_can_be_stopped)

/*
 * What janitor.h promises: nobody waits for the disk but the janitor. The state
 * file's module is part of this program, with an fsync() that is as slow, or as
 * full, as a case wants it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

static int fsync_slow(int fd);

#define fsync fsync_slow
#include "os/fd.h"
#include "os/statefile.c" /* NOLINT(bugprone-suspicious-include) */
#undef fsync

#include "server/server_state.h"

static void server_state_tidy_counted(struct server_state *server);

#define server_state_tidy server_state_tidy_counted
#include "server/janitor.c" /* NOLINT(bugprone-suspicious-include) */
#undef server_state_tidy

#include "base/clock.h"
#include "base/random.h"
#include "folder.h"
#include "os/lock.h"
#include "server/janitor.h"
#include "server/server.h"
#include "server/server_state.h"
#include "sockets.h"

/* Until when an fsync() that is stuck is waited for. */
#define PATIENCE_MS 20000

static struct {
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	bool stuck;
	bool full;
	unsigned begun;
	unsigned done;
} disk;

static int
fsync_slow(int fd)
{
	bool full;

	(void)fd;
	lock_take(&disk.lock);
	disk.begun++;
	lock_condition_tell(&disk.changed);
	while (disk.stuck)
		lock_condition_wait(&disk.changed, &disk.lock, CLOCK_NEVER);
	full = disk.full;
	disk.done++;
	lock_condition_tell(&disk.changed);
	lock_give(&disk.lock);
	errno = ENOSPC;
	return full ? -1 : 0;
}

static atomic_uint tidied;

static void
server_state_tidy_counted(struct server_state *unused)
{
	(void)unused;
	atomic_fetch_add(&tidied, 1);
}

static struct server_state shared;
static struct port_memory *const port_memory = &shared.port_memory;
static struct janitor janitor;
static struct budget budget;

static void
prepare_context(void)
{
	memset(&shared, 0, sizeof shared);
	atomic_init(&shared.tunnels_now, 0);
	ck_assert_int_eq(wakeup_open(&shared.opened), ERROR_NONE);
	notices_init(&shared.notices, 1);
}

static void
prepare(bool stuck)
{
	ck_assert_int_eq(random_start(), ERROR_NONE);
	lock_init(&disk.lock, LOCK_RANK_OF_TESTS);
	lock_condition_init(&disk.changed);
	disk.stuck = stuck;
	folder_make();
	prepare_context();
}

static void
start(bool stuck)
{
	pid_t holder;

	prepare(stuck);
	ck_assert_int_eq(
	    port_memory_start(port_memory, folder_file, &holder), ERROR_NONE);
	ck_assert_int_eq(janitor_start(&janitor, &shared), ERROR_NONE);
}

static void
set_disk(bool stuck, bool full)
{
	lock_take(&disk.lock);
	disk.stuck = stuck;
	disk.full = full;
	lock_condition_tell(&disk.changed);
	lock_give(&disk.lock);
}

/* Wait until so many fsync() have begun, or are done. */
static void
await(const unsigned *count, unsigned least)
{
	int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;

	lock_take(&disk.lock);
	while (*count < least)
		ck_assert(lock_condition_wait(
		    &disk.changed, &disk.lock, deadline_ms));
	lock_give(&disk.lock);
}

static void
finish(void)
{
	ck_assert_int_eq(
	    janitor_stop(&janitor, clock_now_ms() + PATIENCE_MS), ERROR_NONE);
	port_memory_end(port_memory);
}

START_TEST(a_change_is_written_without_being_asked_for)
{
	start(false);
	port_memory_add(port_memory, 4711);
	await(&disk.done, 1);
	finish();
	ck_assert_ptr_nonnull(strstr(folder_read(), "[4711]"));
	folder_remove();
}
END_TEST

START_TEST(the_stop_writes_what_is_due)
{
	start(false);
	port_memory_add(port_memory, 80);
	finish();
	ck_assert_ptr_nonnull(strstr(folder_read(), "[80]"));
	ck_assert_uint_ge(disk.done, 1);
	folder_remove();
}
END_TEST

START_TEST(who_grants_does_not_wait_and_the_stop_not_for_ever)
{
	start(true);
	port_memory_add(port_memory, 80);
	await(&disk.begun, 1);
	/* In time, or the case would end by its timeout. */
	port_memory_add(port_memory, 81);
	ck_assert(!port_memory_is_reserved(port_memory, 81));
	ck_assert_int_eq(
	    janitor_stop(&janitor, clock_now_ms() + 100), ERROR_TIMEOUT);
	set_disk(false, false);
	finish();
	ck_assert_ptr_nonnull(strstr(folder_read(), "[80,81]"));
	folder_remove();
}
END_TEST

START_TEST(what_finds_the_disk_full_is_tried_again)
{
	start(false);
	set_disk(false, true);
	port_memory_add(port_memory, 80);
	await(&disk.done, 1);
	/* Nothing changes any more, but that there is room again. */
	set_disk(false, false);
	await(&disk.done, 2);
	finish();
	ck_assert_ptr_nonnull(strstr(folder_read(), "[80]"));
	folder_remove();
}
END_TEST

START_TEST(without_a_state_file_there_is_nothing_to_write)
{
	pid_t holder;

	prepare(false);
	ck_assert_int_eq(
	    port_memory_start(port_memory, NULL, &holder), ERROR_NONE);
	ck_assert_int_eq(janitor_start(&janitor, &shared), ERROR_NONE);
	port_memory_add(port_memory, 80);
	finish();
	ck_assert_uint_eq(disk.begun, 0);
	folder_remove();
}
END_TEST

START_TEST(memory_is_looked_after_while_there_are_tunnels)
{
	int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
	unsigned before;

	start(false);
	poll(NULL, 0, 100);
	ck_assert_uint_eq(atomic_load(&tidied), 0);
	atomic_store(&shared.tunnels_now, 1);
	wakeup_send(&shared.opened);
	while (atomic_load(&tidied) < 1 && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 10);
	/* Once in a while, and not each time that it wakes up. */
	for (int i = 0; i < 20; i++) {
		wakeup_send(&shared.opened);
		poll(NULL, 0, 5);
	}
	ck_assert_uint_le(
	    atomic_load(&tidied), 3); /* a slow machine's seconds */
	while (atomic_load(&tidied) < 3 && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 10);
	ck_assert_uint_ge(atomic_load(&tidied), 3);
	/* A little longer, and then not any more. */
	before = atomic_load(&tidied);
	atomic_store(&shared.tunnels_now, 0);
	while (atomic_load(&tidied) == before && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 10);
	ck_assert_uint_gt(atomic_load(&tidied), before);
	before = atomic_load(&tidied);
	poll(NULL, 0, 2 * TIDY_MS + TIDY_MS / 2);
	ck_assert_uint_le(atomic_load(&tidied), before + TIDIES_AFTER - 1);
	finish();
	folder_remove();
}
END_TEST

/* Be a client of the server that gets a public port. Returns the connection. */
static int
be_client(const struct server *server)
{
	struct address address;
	char frame[64] = {0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	server_address(server, &address);
	ck_assert_int_eq(
	    connect(fd, &address.socket.generic, address.length), 0);
	ck_assert_int_eq(
	    send(fd, "{\"Hello\":0}", sizeof "{\"Hello\":0}", MSG_NOSIGNAL),
	    (ssize_t)sizeof "{\"Hello\":0}");
	ck_assert_int_gt(sockets_read(fd, frame, sizeof frame - 1), 0);
	ck_assert_msg(
	    strncmp(frame, "{\"Hello\":", 9) == 0, "answered: %s", frame);
	return fd;
}

/* The acceptor has written the file itself: every client waited for the disk. */
START_TEST(clients_come_in_while_the_disk_is_stuck)
{
	struct server_options options = {.budget = &budget,
	    .min_port = 1024,
	    .max_port = 65535,
	    .client_timeout_s = 8};
	struct server_failure failure;
	struct server *server;
	int first, second;

	budget_init(&budget, fd_limit());
	prepare(true);
	options.state_path = folder_file;
	ck_assert(address_parse("127.0.0.1", 0, &options.control));
	options.tunnels = options.control;
	ck_assert_int_eq(server_start(&options, &server, &failure), ERROR_NONE);
	first = be_client(server);
	await(&disk.begun, 1);
	second = be_client(server);
	set_disk(false, false);
	close(first);
	close(second);
	server_stop(server);
	folder_remove();
}
END_TEST

SUITE_MAIN("janitor", a_change_is_written_without_being_asked_for,
    the_stop_writes_what_is_due,
    who_grants_does_not_wait_and_the_stop_not_for_ever,
    what_finds_the_disk_full_is_tried_again,
    without_a_state_file_there_is_nothing_to_write,
    memory_is_looked_after_while_there_are_tunnels,
    clients_come_in_while_the_disk_is_stuck)

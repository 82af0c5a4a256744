/* A server and a client go on, and end in time, while the disk is stuck. */
#include "base/random.h"
#include "client/client.h"
#include "disk.h"
#include "folder.h"
#include "server/server.h"
#include "sockets.h"

/* A thread that the disk holds is left behind on purpose. */
const char *__tsan_default_options(void); /* NOLINT */

const char *
__tsan_default_options(void) /* NOLINT */
{
	return "report_thread_leaks=0";
}

static struct budget budget;
static struct server *server;
static struct client *client;

static struct {
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	unsigned connected;
	unsigned lost;
} seen = {.lock = LOCK_INITIALIZER(LOCK_RANK_OF_TESTS),
    .changed = {PTHREAD_COND_INITIALIZER}};

static void
start_server(const char *state_path)
{
	/* The server reads them to its end. */
	static struct server_options options;
	struct server_failure failure;

	options = (struct server_options){.budget = &budget,
	    .min_port = 1024,
	    .max_port = 65535,
	    .client_timeout_ms = 8000,
	    .state_path = state_path};
	ck_assert(address_parse("127.0.0.1", 0, &options.control));
	options.tunnels = options.control;
	ck_assert_int_eq(
	    server_start(&options, NULL, 0, &server, &failure), ERROR_NONE);
}

static void
note_status(const char *status)
{
	lock_take(&seen.lock);
	if (strncmp(status, "connected", strlen("connected")) == 0)
		seen.connected++;
	else
		seen.lost++;
	lock_condition_tell(&seen.changed);
	lock_give(&seen.lock);
}

static void
start_client(void)
{
	struct address address;
	/* The client reads them to its end. */
	static struct client_options options = {.budget = &budget,
	    .reconnect = {.reconnect = true, .cap_ms = 1000},
	    .heartbeat_timeout_ms = 2000,
	    .state_path = folder_file,
	    .on_status = note_status};
	struct client_failure failure;

	server_address(server, &address);
	ck_assert(address_name_parse("127.0.0.1", 0, &options.server));
	options.server.port = address_port(&address);
	options.local = options.server; /* nobody visits it */
	ck_assert_int_eq(
	    client_start(&options, NULL, &client, &failure), ERROR_NONE);
}

/* Returns whether the client has lost its connection by the deadline. */
static bool
is_lost(int64_t deadline_ms)
{
	bool lost;

	lock_take(&seen.lock);
	while (seen.lost == 0 && clock_now_ms() < deadline_ms)
		lock_condition_wait(&seen.changed, &seen.lock, deadline_ms);
	lost = seen.lost > 0;
	lock_give(&seen.lock);
	return lost;
}

static void
await_connection(void)
{
	int64_t end_ms = clock_now_ms() + DISK_PATIENCE_MS;

	lock_take(&seen.lock);
	while (seen.connected == 0 && clock_now_ms() < end_ms)
		lock_condition_wait(&seen.changed, &seen.lock, end_ms);
	ck_assert_uint_gt(seen.connected, 0);
	lock_give(&seen.lock);
}

static void
prepare(void)
{
	ck_assert_int_eq(random_start(), ERROR_NONE);
	budget_init(&budget, fd_limit());
	folder_make();
	disk_set(true, false);
}

/* What a stop has left behind is still there, and ends now. */
static void
finish(void)
{
	disk_set(false, false);
	disk_await(&disk.done, 1);
}

/* Be a client of the server that gets a public port. Returns the connection. */
static int
be_client(void)
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
START_TEST(clients_come_in_and_the_server_ends)
{
	int first, second;

	prepare();
	start_server(folder_file);
	first = be_client();
	disk_await(&disk.begun, 1);
	second = be_client();
	/* In time, or the case would end by its timeout. */
	server_stop(server);
	ck_assert_uint_eq(disk.done, 0);
	close(first);
	close(second);
	finish();
}
END_TEST

START_TEST(a_client_connects_and_ends)
{
	prepare();
	start_server(NULL);
	start_client();
	disk_await(&disk.begun, 1);
	await_connection();
	/* In time, or the case would end by its timeout. */
	client_stop(client);
	ck_assert_int_eq(client_join(client), CLIENT_END_STOPPED);
	ck_assert_uint_eq(disk.done, 0);
	server_stop(server);
	finish();
}
END_TEST

/* The control thread has written the port that it got: meanwhile it heard no
 * heartbeat, and sent none. */
START_TEST(a_client_stays_connected)
{
	prepare();
	disk.passing = 2; /* the file and its folder, before the first Hello */
	start_server(NULL);
	start_client();
	disk_await(&disk.begun, 3);
	await_connection();
	ck_assert(!is_lost(clock_now_ms() + 3000));
	client_stop(client);
	ck_assert_int_eq(client_join(client), CLIENT_END_STOPPED);
	server_stop(server);
	finish();
}
END_TEST

SUITE_MAIN("stuck_disk", clients_come_in_and_the_server_ends,
    a_client_connects_and_ends, a_client_stays_connected)

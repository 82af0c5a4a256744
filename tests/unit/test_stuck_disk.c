/* A server and a client go on, and end in time, while the disk is stuck. */
#include "base/random.h"
#include "disk.h"
#include "folder.h"
#include "server/server.h"
#include "sockets.h"

static struct budget budget;
static struct server *server;

static void
start_server(void)
{
	/* The server reads them to its end. */
	static struct server_options options;
	struct server_failure failure;

	options = (struct server_options){.budget = &budget,
	    .min_port = 1024,
	    .max_port = 65535,
	    .client_timeout_ms = 8000,
	    .state_path = folder_file};
	ck_assert(address_parse("127.0.0.1", 0, &options.control));
	options.tunnels = options.control;
	ck_assert_int_eq(
	    server_start(&options, NULL, 0, &server, &failure), ERROR_NONE);
}

static void
prepare(void)
{
	ck_assert_int_eq(random_start(), ERROR_NONE);
	budget_init(&budget, fd_limit());
	folder_make();
	disk_set(true, false);
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
	start_server();
	first = be_client();
	disk_await(&disk.begun, 1);
	second = be_client();
	/* In time, or the case would end by its timeout. */
	server_stop(server);
	ck_assert_uint_eq(disk.done, 0);
	close(first);
	close(second);
	disk_set(false, false); /* its thread is still there, and ends now */
	disk_await(&disk.done, 1);
}
END_TEST

SUITE_MAIN("stuck_disk", clients_come_in_and_the_server_ends)

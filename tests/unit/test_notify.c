/* What notify.h promises: the datagrams, and no harm without a listener. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/notify.h"
#include "suite.h"

#define NAME_SIZE     64
#define DATAGRAM_SIZE 1024

static int sock;

/* Listen at name, which is what NOTIFY_SOCKET says too. */
static void
listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, name, strlen(name));
	if (*name == '@')
		address.sun_path[0] = '\0';
	sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(
	    bind(sock, (const struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			    strlen(name))),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void
assert_received(const char *expected)
{
	char datagram[DATAGRAM_SIZE] = "";

	ck_assert_int_ge(
	    recv(sock, datagram, sizeof datagram - 1, MSG_DONTWAIT), 0);
	ck_assert_str_eq(datagram, expected);
}

START_TEST(each_call_is_one_datagram)
{
	char folder[] = "/tmp/test_notify.XXXXXX";
	char name[NAME_SIZE];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(name, sizeof name, "%s/s", folder);
	listen_at(name);
	notify_ready(NULL);
	assert_received("READY=1");
	notify_ready("listening on 0.0.0.0:7835");
	assert_received("READY=1\nSTATUS=listening on 0.0.0.0:7835");
	notify_status("connected");
	assert_received("STATUS=connected");
	notify_stopping();
	assert_received("STOPPING=1");
	close(sock);
	unlink(name);
	rmdir(folder);
}
END_TEST

START_TEST(an_abstract_name_starts_with_an_at_sign)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof name, "@test_notify.%ld", (long)getpid());
	listen_at(name);
	notify_stopping();
	assert_received("STOPPING=1");
	close(sock);
}
END_TEST

START_TEST(a_status_stays_on_its_line)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof name, "@test_notify.%ld", (long)getpid());
	listen_at(name);
	notify_status("a\nMAINPID=1");
	assert_received("STATUS=a\\x0aMAINPID=1");
	close(sock);
}
END_TEST

START_TEST(nothing_happens_without_a_listener)
{
	static char long_name[DATAGRAM_SIZE];

	unsetenv("NOTIFY_SOCKET");
	notify_ready(NULL);
	setenv("NOTIFY_SOCKET", "", 1);
	notify_ready(NULL);
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	notify_ready(NULL);
	memset(long_name, 'a', sizeof long_name - 1);
	setenv("NOTIFY_SOCKET", long_name, 1);
	notify_ready(NULL);
}
END_TEST

START_TEST(a_full_queue_blocks_nobody)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof name, "@test_notify.%ld", (long)getpid());
	listen_at(name);
	for (int i = 0; i < 10000; i++)
		notify_status("connected");
	assert_received("STATUS=connected");
	close(sock);
}
END_TEST

SUITE_MAIN("notify", each_call_is_one_datagram,
    an_abstract_name_starts_with_an_at_sign, a_status_stays_on_its_line,
    nothing_happens_without_a_listener, a_full_queue_blocks_nobody)

/* log_syslog - see log_syslog.h */
#include "base/log_syslog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/iovec.h"

/* How often to try a daemon that was not there. */
#define CONNECT_EVERY_MS 1000

/* "<191>Jan  1 00:00:00 rebore[1234567890]: " */
#define HEADER_SIZE 64
#define TIME_SIZE   24

/* Set before the first thread starts, then read-only. */
static struct sockaddr_un daemon_address = {.sun_family = AF_UNIX};
static int chosen_facility;
static pid_t own_pid;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under lock. */
static int sock = -1;
static bool is_stream;
static int64_t connect_ms; /* no attempt before this */

static void
disconnect(void)
{
	if (sock != -1)
		close(sock);
	sock = -1;
}

static bool
connect_by(int type)
{
	const struct sockaddr *address =
	    (const struct sockaddr *)&daemon_address;

	disconnect();
	is_stream = type == SOCK_STREAM;
	sock = socket(AF_UNIX, type, 0);
	if (sock != -1 && fcntl(sock, F_SETFD, FD_CLOEXEC) != -1 &&
	    fcntl(sock, F_SETFL, O_NONBLOCK) != -1 &&
	    connect(sock, address, sizeof daemon_address) == 0)
		return true;
	disconnect();
	return false;
}

/* Returns whether there is a connection. */
static bool
connect_if_due(void)
{
	int64_t now_ms = clock_now_ms();

	if (sock != -1)
		return true;
	if (now_ms < connect_ms)
		return false;
	if (connect_by(SOCK_DGRAM) ||
	    (errno == EPROTOTYPE && connect_by(SOCK_STREAM)))
		return true;
	connect_ms = now_ms + CONNECT_EVERY_MS;
	return false;
}

void
log_syslog_open(const char *path, int facility)
{
	pthread_mutex_lock(&lock);
	disconnect();
	snprintf(daemon_address.sun_path, sizeof daemon_address.sun_path, "%s",
	    path);
	chosen_facility = facility;
	own_pid = getpid();
	connect_ms = 0;
	/* localtime_r() would do it in a thread, whose stack may be too
	 * small. */
	tzset();
	connect_if_due();
	pthread_mutex_unlock(&lock);
}

static void
print_header(int priority, char text[static HEADER_SIZE])
{
	time_t now = time(NULL);
	char printed[TIME_SIZE] = "";
	struct tm parts;

	if (localtime_r(&now, &parts) != NULL)
		strftime(printed, sizeof printed, "%b %e %H:%M:%S", &parts);
	snprintf(text, HEADER_SIZE,
	    "<%d>%s rebore[%ld]: ", chosen_facility | priority, printed,
	    (long)own_pid);
}

/* Returns false with errno; EAGAIN: the daemon accepts nothing now. */
static bool
send_line(struct iovec *pieces, size_t size)
{
	struct msghdr message;
	ssize_t sent;

	memset(&message, 0, sizeof message);
	message.msg_iov = pieces;
	/* A line of a stream ends with a NUL. */
	message.msg_iovlen = is_stream ? 3 : 2;
	do
		sent = sendmsg(sock, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	if (sent == (ssize_t)(size + is_stream))
		return true;
	if (sent >= 0) {
		disconnect(); /* or the next line would pass for its end */
		errno = EAGAIN;
	}
	return false;
}

/* Whether errno says that the connection is dead, as after a restart of the
 * daemon. */
static bool
is_stale(void)
{
	switch (error_of_errno()) {
	case ERROR_AGAIN:
	case ERROR_RESOURCES:
	case ERROR_MEMORY:
		return false;
	default:
		return errno != EMSGSIZE;
	}
}

static bool
send_or_reconnect(struct iovec *pieces, size_t size)
{
	if (!connect_if_due())
		return false;
	if (send_line(pieces, size))
		return true;
	if (!is_stale())
		return false;
	disconnect();
	return connect_if_due() && send_line(pieces, size);
}

bool
log_syslog_write(int priority, const char *text)
{
	char header[HEADER_SIZE];
	char end = '\0';
	struct iovec pieces[3];
	bool written;

	print_header(priority, header);
	pieces[0] = iovec_of_text(header);
	pieces[1] = iovec_of_text(text);
	pieces[2] = (struct iovec){&end, 1};
	pthread_mutex_lock(&lock);
	written =
	    send_or_reconnect(pieces, pieces[0].iov_len + pieces[1].iov_len);
	pthread_mutex_unlock(&lock);
	return written;
}

/* log_stream - see log_stream.h */
#include "base/log_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/iovec.h"

/* The longest wait for another thread to write its line: it may hang in a write
 * to a disk. */
#define LOCK_NS   50000000
#define SECOND_NS 1000000000

/* "\n", prefix, text, "\n" */
#define PIECES 4

enum way {
	/* Before each write(), poll() says whether there is room. */
	WAY_POLL,
	/* A plain write(): to a file, to a device such as /dev/null, or to a
	 * descriptor that is non-blocking. */
	WAY_WRITE,
	/* sendmsg() to a socket, with MSG_DONTWAIT. */
	WAY_SEND,
};

/* Set before the first thread starts, then read-only. */
static enum way way = WAY_POLL;
static int stream = STDERR_FILENO;
static bool is_journal;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under lock: the last line was cut. */
static bool torn;

/* JOURNAL_STREAM is "DEVICE:INODE" of the stream that systemd has given us. */
static bool
is_named_by_systemd(const struct stat *status)
{
	const char *text = getenv("JOURNAL_STREAM");
	char own[64];

	snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status->st_dev,
	    (uintmax_t)status->st_ino);
	return text != NULL && strcmp(text, own) == 0;
}

/* Open standard error again: set on the descriptor that we were given,
 * O_NONBLOCK would hold for all processes that share it. */
static bool
reopen_stderr(void)
{
	int fd = open("/proc/self/fd/2",
	    O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_APPEND);

	if (fd == -1)
		return false;
	stream = fd;
	return true;
}

void
log_stream_open(void)
{
	struct stat status;

	if (stream != STDERR_FILENO)
		close(stream);
	stream = STDERR_FILENO;
	way = WAY_POLL;
	is_journal = false;
	if (fstat(STDERR_FILENO, &status) == -1)
		return;
	is_journal = is_named_by_systemd(&status);
	if (S_ISSOCK(status.st_mode))
		way = WAY_SEND;
	else if (S_ISREG(status.st_mode) ||
		 (S_ISCHR(status.st_mode) && !isatty(STDERR_FILENO)) ||
		 reopen_stderr())
		way = WAY_WRITE;
}

bool
log_stream_is_journal(void)
{
	return is_journal;
}

/* Returns false when another thread has held the lock for too long. */
static bool
take_lock(void)
{
	struct timespec until;

	if (pthread_mutex_trylock(&lock) == 0)
		return true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOCK_NS;
	if (until.tv_nsec >= SECOND_NS) {
		until.tv_nsec -= SECOND_NS;
		until.tv_sec++;
	}
	return pthread_mutex_timedlock(&lock, &until) == 0;
}

/* Like writev(2), without waiting. When poll() says that a pipe has room, it
 * has room for PIPE_BUF bytes, which is more than a line. */
static ssize_t
write_pieces(struct iovec *pieces, int count)
{
	struct pollfd slot = {.fd = stream, .events = POLLOUT};
	struct msghdr message;

	if (way == WAY_SEND) {
		memset(&message, 0, sizeof message);
		message.msg_iov = pieces;
		message.msg_iovlen = (unsigned)count;
		return sendmsg(stream, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	errno = EAGAIN;
	if (way == WAY_POLL &&
	    (poll(&slot, 1, 0) != 1 || (slot.revents & POLLOUT) == 0))
		return -1;
	return writev(stream, pieces, count);
}

static bool
write_under_lock(const char *prefix, const char *text)
{
	struct iovec pieces[PIECES] = {iovec_of_text(torn ? "\n" : ""),
	    iovec_of_text(prefix), iovec_of_text(text), iovec_of_text("\n")};
	size_t size = 0;
	ssize_t wrote;

	for (int i = 0; i < PIECES; i++)
		size += pieces[i].iov_len;
	do
		wrote = write_pieces(pieces, PIECES);
	while (wrote == -1 && errno == EINTR);
	if (wrote > 0)
		torn = (size_t)wrote != size;
	return wrote > 0 && !torn;
}

bool
log_stream_write(const char *prefix, const char *text)
{
	bool written;

	if (!take_lock())
		return false;
	written = write_under_lock(prefix, text);
	pthread_mutex_unlock(&lock);
	return written;
}

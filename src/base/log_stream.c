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

/* A line waits for another thread's for so long at the most: that one may hang
 * in the write to a disk. */
#define LOCK_NS   50000000
#define SECOND_NS 1000000000

/* "\n", prefix, text, "\n" */
#define PIECES 4

enum way {
	/* Ask whether there is room, then write. */
	WAY_POLL,
	/* Write: a file, or a device such as /dev/null. */
	WAY_WRITE,
	/* A socket: each call says by itself that it must not wait. */
	WAY_SEND,
};

/* Set before the first thread starts, then read-only. */
static enum way way = WAY_POLL;
static int stream = STDERR_FILENO;
static bool is_journal;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under lock: the last line has no end. */
static bool torn;

/* "DEVICE:INODE", of the stream that systemd has given us */
static bool
is_named_by_systemd(const struct stat *status)
{
	const char *text = getenv("JOURNAL_STREAM");
	char own[64];

	snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status->st_dev,
	    (uintmax_t)status->st_ino);
	return text != NULL && strcmp(text, own) == 0;
}

/* Open standard error again, so that it is non-blocking for nobody else. */
static bool
open_again(void)
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
		 open_again())
		way = WAY_WRITE;
}

bool
log_stream_is_journal(void)
{
	return is_journal;
}

/* Returns false when another thread holds it for too long. */
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

/* As writev(2), without waiting. (A pipe has room for PIPE_BUF bytes, which is
 * more than a line, when poll() says that it has any.) */
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

/* iovec is for reading as well, and so has no const. */
static void *
without_const(const char *text)
{
	const union {
		const char *in;
		void *out;
	} pointer = {text};

	return pointer.out;
}

static struct iovec
piece(const char *text)
{
	return (struct iovec){without_const(text), strlen(text)};
}

static bool
write_locked(const char *prefix, const char *text)
{
	struct iovec pieces[PIECES] = {
	    piece(torn ? "\n" : ""), piece(prefix), piece(text), piece("\n")};
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
	written = write_locked(prefix, text);
	pthread_mutex_unlock(&lock);
	return written;
}

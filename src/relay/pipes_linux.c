/* pipes for Linux - see pipes.h */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/lock.h"
#include "relay/pipes.h"

/* There may be one pipe for this many descriptors that the process may have. */
#define DESCRIPTORS_EACH 32

/* Set before the first pipe is borrowed, then read-only. */
static struct budget *charged;

static struct lock lock = LOCK_INITIALIZER(LOCK_RANK_PIPES);
/* Under lock. */
static struct pipe_ends idle[PIPES_KEPT_MOST];
static unsigned idle_count;
static unsigned lent;
/* The lowest idle_count since the last pipes_tidy(): this many pipes have not
 * been needed since then. */
static unsigned unneeded;
static unsigned allowed_most = PIPES_LENT_MOST;

void
pipes_charge(struct budget *budget)
{
	charged = budget;
}

void
pipes_limit(uint64_t bytes)
{
	uint64_t count = bytes / PIPES_BYTES;

	lock_take(&lock);
	allowed_most =
	    count < PIPES_LENT_MOST ? (unsigned)count : PIPES_LENT_MOST;
	lock_give(&lock);
}

/* Returns how many pipes may be lent. The limit that descriptors set is
 * determined once. */
static unsigned
most_lent(void)
{
	static unsigned by_descriptors;

	lock_assert_held(&lock);
	if (by_descriptors == 0)
		by_descriptors = fd_limit() / DESCRIPTORS_EACH + 1;
	return by_descriptors < allowed_most ? by_descriptors : allowed_most;
}

/* Count one more pipe as lent, and take an idle one if any. Returns false if
 * too many are lent already. */
static bool
lend_pipe(struct pipe_ends *ends)
{
	bool allowed;

	lock_take(&lock);
	allowed = lent < most_lent();
	if (allowed)
		lent++;
	if (allowed && idle_count > 0)
		*ends = idle[--idle_count];
	if (unneeded > idle_count)
		unneeded = idle_count;
	lock_give(&lock);
	return allowed;
}

/* Close a pipe, if there is one, and give its descriptors back to the
 * budget. */
static void
close_pipe(struct pipe_ends *ends)
{
	if (ends->read_fd == -1)
		return;
	fd_close(&ends->read_fd);
	fd_close(&ends->write_fd);
	if (charged != NULL)
		budget_give_pipe(charged);
}

static enum error
create_pipe(struct pipe_ends *ends)
{
	int fds[2];

	if (charged != NULL && !budget_take_pipe(charged))
		return ERROR_RESOURCES;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1) {
		if (charged != NULL)
			budget_give_pipe(charged);
		return ERROR_RESOURCES;
	}
	ends->read_fd = fds[0];
	ends->write_fd = fds[1];
	return fcntl(fds[1], F_SETPIPE_SZ, (int)PIPES_BYTES) == -1
	           ? ERROR_RESOURCES
	           : ERROR_NONE;
}

enum error
pipes_borrow(struct pipe_ends *ends)
{
	*ends = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	if (!lend_pipe(ends))
		return ERROR_RESOURCES;
	if (ends->read_fd != -1 || create_pipe(ends) == ERROR_NONE)
		return ERROR_NONE;
	close_pipe(ends);
	lock_take(&lock);
	lent--;
	lock_give(&lock);
	return ERROR_RESOURCES;
}

void
pipes_return(struct pipe_ends *ends, bool empty)
{
	if (ends->read_fd == -1)
		return;
	lock_take(&lock);
	lent--;
	if (empty && idle_count < PIPES_KEPT_MOST) {
		idle[idle_count++] = *ends;
		*ends = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	}
	lock_give(&lock);
	close_pipe(ends);
}

/* Returns an idle pipe, or none. unneeded_only: only one that was not
 * needed. */
static struct pipe_ends
take_idle(bool unneeded_only)
{
	struct pipe_ends ends = PIPE_ENDS_INITIALIZER;

	lock_take(&lock);
	if (unneeded > 0 || (idle_count > 0 && !unneeded_only)) {
		if (unneeded > 0)
			unneeded--;
		ends = idle[--idle_count];
	}
	lock_give(&lock);
	return ends;
}

/* Close the pipes that take_idle() returns. */
static void
discard_idle(bool unneeded_only)
{
	struct pipe_ends ends;

	while ((ends = take_idle(unneeded_only)).read_fd != -1)
		close_pipe(&ends);
}

void
pipes_shed(void)
{
	discard_idle(false);
}

void
pipes_tidy(void)
{
	discard_idle(true);
	lock_take(&lock);
	unneeded = idle_count;
	lock_give(&lock);
}

/* SPLICE_F_MORE would delay the end of a message. */
static enum error
splice_pipe(int from_fd, int to_fd, size_t size, size_t *moved)
{
	ssize_t count;

	do
		count = splice(from_fd, NULL, to_fd, NULL, size,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (count == -1 && errno == EINTR);
	*moved = count > 0 ? (size_t)count : 0;
	return count == -1 ? error_of_errno() : ERROR_NONE;
}

enum error
pipes_fill(
    const struct pipe_ends *ends, int socket_fd, size_t size, size_t *moved)
{
	return splice_pipe(socket_fd, ends->write_fd, size, moved);
}

enum error
pipes_drain(
    const struct pipe_ends *ends, int socket_fd, size_t size, size_t *moved)
{
	return splice_pipe(ends->read_fd, socket_fd, size, moved);
}

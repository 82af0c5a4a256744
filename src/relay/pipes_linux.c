/* pipes for Linux - see pipes.h */
#include <fcntl.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/lock.h"
#include "relay/pipes.h"

/* One pipe for so many descriptors that the process may have. */
#define DESCRIPTORS_EACH 32

/* Set before the first is borrowed, then read-only. */
static struct budget *charged;

static struct lock lock = LOCK_INITIALIZER(LOCK_RANK_PIPES);
/* Under lock. */
static struct pipe_ends kept[PIPES_KEPT_MOST];
static unsigned kept_count;
static unsigned lent;
/* The fewest that were kept since the last time that was tidied. */
static unsigned unwanted;
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

/* How many may be lent; how many by descriptors is found out once. */
static unsigned
most_lent(void)
{
	static unsigned by_descriptors;

	lock_assert_held(&lock);
	if (by_descriptors == 0)
		by_descriptors = fd_limit() / DESCRIPTORS_EACH + 1;
	return by_descriptors < allowed_most ? by_descriptors : allowed_most;
}

static bool
take_place(struct pipe_ends *ends)
{
	bool allowed;

	lock_take(&lock);
	allowed = lent < most_lent();
	if (allowed)
		lent++;
	if (allowed && kept_count > 0)
		*ends = kept[--kept_count];
	if (unwanted > kept_count)
		unwanted = kept_count;
	lock_give(&lock);
	return allowed;
}

/* Close what there is of a pipe, and give its place in the budget back. */
static void
discard(struct pipe_ends *ends)
{
	if (ends->read_fd == -1)
		return;
	fd_close(&ends->read_fd);
	fd_close(&ends->write_fd);
	if (charged != NULL)
		budget_give_pipe(charged);
}

static enum error
make(struct pipe_ends *ends)
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
	if (!take_place(ends))
		return ERROR_RESOURCES;
	if (ends->read_fd != -1 || make(ends) == ERROR_NONE)
		return ERROR_NONE;
	discard(ends);
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
	if (empty && kept_count < PIPES_KEPT_MOST) {
		kept[kept_count++] = *ends;
		*ends = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	}
	lock_give(&lock);
	discard(ends);
}

/* Take one that is kept, and was not wanted if so asked, or none. */
static struct pipe_ends
take_kept(bool unwanted_only)
{
	struct pipe_ends ends = PIPE_ENDS_INITIALIZER;

	lock_take(&lock);
	if (unwanted > 0 || (kept_count > 0 && !unwanted_only)) {
		if (unwanted > 0)
			unwanted--;
		ends = kept[--kept_count];
	}
	lock_give(&lock);
	return ends;
}

/* Close those of take_kept(). */
static void
discard_kept(bool unwanted_only)
{
	struct pipe_ends ends;

	while ((ends = take_kept(unwanted_only)).read_fd != -1)
		discard(&ends);
}

void
pipes_shed(void)
{
	discard_kept(false);
}

void
pipes_tidy(void)
{
	discard_kept(true);
	lock_take(&lock);
	unwanted = kept_count;
	lock_give(&lock);
}

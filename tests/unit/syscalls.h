/*
 * syscalls - the system calls of a relay, refused, cut short, interrupted and
 * counted: functions in the place of the system's, which a program gets by
 * including this. They do so in a thread that
 * has set syscalls_watched, and nothing in others.
 */
#ifndef REBORE_TESTS_SYSCALLS_H
#define REBORE_TESTS_SYSCALLS_H

#ifdef _FORTIFY_SOURCE
#error "the headers of a fortified build have a recv() of their own"
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* From the data connection to the end, and back. */
enum { INWARD, OUTWARD, WAYS };

#define BOTH_WAYS (1u << INWARD | 1u << OUTWARD)

/* What can be asked of the system: a set of these. */
enum {
	SPLICE_IN = 1 << 0, /* into a pipe */
	SPLICE_OUT = 1 << 1,
	PIPE = 1 << 2,
	PIPE_SIZE = 1 << 3,
	RECV = 1 << 4,
	SEND = 1 << 5,
	READ = 1 << 6, /* from a pipe */
	POLL = 1 << 7,
	SPLICES = SPLICE_IN | SPLICE_OUT,
	COPIES = RECV | SEND | READ,
};

/* How the system behaves; all 0: as it does. */
struct syscalls_plan {
	/* Calls that it refuses; splices of these ways alone, and not before
	 * after bytes have gone that way through a pipe. */
	atomic_uint refuses;
	int error;
	unsigned ways;
	size_t after;
	/* Calls that it cuts short, to any of these sizes; 0 ends them. */
	unsigned cuts;
	size_t sizes[8];
	/* Calls of which a third is interrupted, and of which a third is told
	 * to wait, though it would not have to. */
	unsigned interrupts;
	unsigned holds_up;
	/* There is an urgent mark behind so many bytes, again and again; 0:
	 * none. No splice passes one: it fails there with error, or says 0
	 * where that is 0, until a byte was received. */
	size_t mark;
};

/* What has happened. */
struct syscalls_trace {
	atomic_size_t calls;
	atomic_size_t cut;
	atomic_size_t interrupted;
	atomic_size_t held_up;
	/* Splices that found themselves at a mark. */
	atomic_size_t marked;
	/* Other refusals than those of splices. */
	atomic_size_t refused;
	struct {
		/* Bytes */
		atomic_size_t into_pipe;
		atomic_size_t out_of_pipe;
		atomic_size_t read_from_pipe;
		atomic_size_t sent;
		/* Splices that were refused; at the last one, what was in the
		 * pipe then, and what had been sent. */
		atomic_size_t refused;
		atomic_size_t left_in_pipe;
		atomic_size_t sent_before;
		/* It waits for room to write. */
		atomic_bool is_blocked;
		/* The last that was written may be held back until more is. */
		atomic_bool is_held_back;
		/* The large buffer of the last recv(). */
		atomic_uintptr_t buffer;
	} ways[WAYS];
	/* It waits, and nothing has happened that it waits for. */
	atomic_bool is_asleep;
};

/* Descriptors that a pipe can have here. */
#define SYSCALLS_FDS_MOST 512

static struct {
	struct syscalls_plan plan;
	struct syscalls_trace trace;
	/* Bytes that go such a way come from here. */
	int from[WAYS];
	/* Somebody sends much that way: before it is received or spliced, so
	 * much must have come. */
	atomic_bool much[WAYS];
	size_t much_bytes;
	/* The reading end of the pipe whose writing end it is. */
	atomic_int pipes[SYSCALLS_FDS_MOST];

	/* The watched thread's alone. The pipe, by its reading end, that what
	 * goes such a way went into. */
	int pipe[WAYS];
	/* Bytes since the last mark. */
	size_t since_mark[WAYS];
	uint32_t random;
} syscalls;

static _Thread_local bool syscalls_watched;

/* Any number below most, and the same ones in every run. */
static inline size_t
syscalls_random(size_t most)
{
	syscalls.random = syscalls.random * 1664525 + 1013904223;
	return (syscalls.random >> 16) % most;
}

/* Which way it is from fd; WAYS: none. */
static inline int
syscalls_way_from(int fd)
{
	return fd == syscalls.from[INWARD]    ? INWARD
	       : fd == syscalls.from[OUTWARD] ? OUTWARD
	                                      : WAYS;
}

static inline int
syscalls_way_to(int fd)
{
	int back = syscalls_way_from(fd);

	return back == WAYS ? WAYS : INWARD + OUTWARD - back;
}

static inline size_t
syscalls_in_pipe(int way)
{
	return syscalls.trace.ways[way].into_pipe -
	       syscalls.trace.ways[way].out_of_pipe -
	       syscalls.trace.ways[way].read_from_pipe;
}

/* Every call begins here. Returns whether it fails, errno is set then. */
static inline bool
syscalls_fails(unsigned call)
{
	size_t chance = syscalls_random(3);

	syscalls.trace.calls++;
	if ((syscalls.plan.interrupts & call) != 0 && chance == 0) {
		syscalls.trace.interrupted++;
		errno = EINTR;
		return true;
	}
	if ((syscalls.plan.holds_up & call) != 0 && chance == 1) {
		syscalls.trace.held_up++;
		errno = EAGAIN;
		return true;
	}
	return false;
}

static inline bool
syscalls_refuses(unsigned call)
{
	if ((syscalls.plan.refuses & call) == 0)
		return false;
	syscalls.trace.refused++;
	errno = syscalls.plan.error;
	return true;
}

static inline bool
syscalls_refuses_splice(unsigned call, int way)
{
	if ((syscalls.plan.refuses & call) == 0 ||
	    (syscalls.plan.ways & 1u << way) == 0 ||
	    syscalls.trace.ways[way].out_of_pipe < syscalls.plan.after)
		return false;
	syscalls.trace.ways[way].refused++;
	syscalls.trace.ways[way].left_in_pipe = syscalls_in_pipe(way);
	syscalls.trace.ways[way].sent_before =
	    (size_t)syscalls.trace.ways[way].sent;
	errno = syscalls.plan.error;
	return true;
}

/* How much of size a call may move. */
static inline size_t
syscalls_cut(unsigned call, size_t size)
{
	size_t count = 0;
	size_t most;

	if ((syscalls.plan.cuts & call) == 0)
		return size;
	while (syscalls.plan.sizes[count] != 0)
		count++;
	most = syscalls.plan.sizes[syscalls_random(count)];
	if (most >= size)
		return size;
	syscalls.trace.cut++;
	return most;
}

static inline int
syscalls_poll(struct pollfd *slots, nfds_t count, int time_ms)
{
	struct timespec time = {
	    .tv_sec = time_ms / 1000, .tv_nsec = time_ms % 1000 * 1000000L};

	return ppoll(slots, count, time_ms < 0 ? NULL : &time, NULL);
}

/*
 * So that a stream is one, however fast its sender is. It is given up after a
 * few milliseconds, as the system may have closed the window for now.
 */
static inline void
syscalls_wait_for_much(int fd, int way)
{
	const struct timespec moment = {.tv_nsec = 10000};
	int bytes = 0;

	for (int i = 0; i < 50 && syscalls.much[way]; i++) {
		if (ioctl(fd, FIONREAD, &bytes) == -1 ||
		    (size_t)bytes >= syscalls.much_bytes)
			return;
		ppoll(NULL, 0, &moment, NULL);
	}
}

/* It stops at a mark, as the system's does, unless it begins there. */
static inline ssize_t
syscalls_receive(int fd, void *bytes, size_t size, int flags, int way)
{
	size_t *since = &syscalls.since_mark[way];
	size_t mark = syscalls.plan.mark;
	size_t most = mark > *since ? mark - *since : mark;
	ssize_t got = recvfrom(fd, bytes, mark > 0 && size > most ? most : size,
	    flags, NULL, NULL);

	if (mark > 0 && got > 0 && (flags & MSG_PEEK) == 0)
		*since = mark > *since ? *since + (size_t)got : (size_t)got;
	return got;
}

ssize_t
recv(int fd, void *bytes, size_t size, int flags)
{
	int way = syscalls_way_from(fd);

	if (syscalls_watched && way != WAYS) {
		if (syscalls_fails(RECV))
			return -1;
		if (size > 8192)
			syscalls.trace.ways[way].buffer = (uintptr_t)bytes;
		size = syscalls_cut(RECV, size);
		syscalls_wait_for_much(fd, way);
		return syscalls_receive(fd, bytes, size, flags, way);
	}
	return recvfrom(fd, bytes, size, flags, NULL, NULL);
}

/* Systems that cannot be asked to hold back. */
#ifndef MSG_MORE
#define MSG_MORE 0
#endif

ssize_t
send(int fd, const void *bytes, size_t size, int flags)
{
	int way = syscalls_way_to(fd);
	ssize_t sent;

	if (!syscalls_watched || way == WAYS)
		return sendto(fd, bytes, size, flags, NULL, 0);
	if (syscalls_fails(SEND))
		return -1;
	size = syscalls_cut(SEND, size);
	sent = sendto(fd, bytes, size, flags, NULL, 0);
	if (sent > 0) {
		syscalls.trace.ways[way].sent += (size_t)sent;
		syscalls.trace.ways[way].is_held_back = (flags & MSG_MORE) != 0;
	}
	return sent;
}

/* Whether it waits for room to write, in one way or both. */
static inline void
syscalls_note_blocked(const struct pollfd *slots, nfds_t count, bool now)
{
	for (nfds_t i = 0; i < count; i++) {
		int way = syscalls_way_to(slots[i].fd);

		if (way != WAYS && (slots[i].events & POLLOUT) != 0)
			syscalls.trace.ways[way].is_blocked = now;
	}
}

int
poll(struct pollfd *slots, nfds_t count, int time_ms)
{
	int ready;

	if (!syscalls_watched)
		return syscalls_poll(slots, count, time_ms);
	if (syscalls_fails(POLL))
		return -1;
	ready = syscalls_poll(slots, count, 0);
	if (ready != 0)
		return ready;
	syscalls_note_blocked(slots, count, true);
	syscalls.trace.is_asleep = true;
	ready = syscalls_poll(slots, count, time_ms);
	syscalls.trace.is_asleep = false;
	syscalls_note_blocked(slots, count, false);
	return ready;
}

#ifdef HAVE_SPLICE

/* What goes this way is in the pipe with this writing end. */
static inline void
syscalls_note_pipe(int way, int fd)
{
	int pipe = syscalls.pipes[fd];

	if (syscalls.pipe[INWARD + OUTWARD - way] == pipe)
		syscalls.pipe[INWARD + OUTWARD - way] = -1;
	syscalls.pipe[way] = pipe;
}

static inline ssize_t
syscalls_splice(int from, int to, size_t size, unsigned flags)
{
	return syscall(SYS_splice, from, NULL, to, NULL, size, flags);
}

/* Whether the next byte is behind a mark; errno is set then. */
static inline bool
syscalls_is_marked(int way)
{
	if (syscalls.plan.mark == 0 ||
	    syscalls.since_mark[way] < syscalls.plan.mark)
		return false;
	syscalls.trace.marked++;
	errno = syscalls.plan.error;
	return true;
}

static inline ssize_t
syscalls_splice_in(int from, int to, size_t size, unsigned flags)
{
	int way = syscalls_way_from(from);
	ssize_t moved;

	if (syscalls_fails(SPLICE_IN) ||
	    syscalls_refuses_splice(SPLICE_IN, way))
		return -1;
	syscalls_wait_for_much(from, way);
	if (syscalls_is_marked(way))
		return syscalls.plan.error == 0 ? 0 : -1;
	if (syscalls.plan.mark > 0 &&
	    size > syscalls.plan.mark - syscalls.since_mark[way])
		size = syscalls.plan.mark - syscalls.since_mark[way];
	moved = syscalls_splice(from, to, syscalls_cut(SPLICE_IN, size), flags);
	if (moved > 0) {
		syscalls.trace.ways[way].into_pipe += (size_t)moved;
		syscalls.since_mark[way] += (size_t)moved;
	}
	syscalls_note_pipe(way, to);
	return moved;
}

static inline ssize_t
syscalls_splice_out(int from, int to, size_t size, unsigned flags)
{
	int way = syscalls_way_to(to);
	ssize_t moved;

	if (syscalls_fails(SPLICE_OUT) ||
	    syscalls_refuses_splice(SPLICE_OUT, way))
		return -1;
	moved =
	    syscalls_splice(from, to, syscalls_cut(SPLICE_OUT, size), flags);
	if (moved > 0) {
		syscalls.trace.ways[way].out_of_pipe += (size_t)moved;
		syscalls.trace.ways[way].is_held_back =
		    (flags & SPLICE_F_MORE) != 0;
	}
	return moved;
}

ssize_t
splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
    unsigned flags)
{
	if (from_at != NULL || to_at != NULL || !syscalls_watched)
		return syscall(
		    SYS_splice, from, from_at, to, to_at, size, flags);
	return syscalls_way_from(from) != WAYS
	           ? syscalls_splice_in(from, to, size, flags)
	           : syscalls_splice_out(from, to, size, flags);
}

ssize_t
read(int fd, void *bytes, size_t size)
{
	struct iovec vector = {.iov_base = bytes};
	int way = fd == syscalls.pipe[INWARD] ? INWARD : OUTWARD;
	bool known = syscalls_watched && fd == syscalls.pipe[way];
	ssize_t got;

	if (known && syscalls_fails(READ))
		return -1;
	vector.iov_len = known ? syscalls_cut(READ, size) : size;
	got = readv(fd, &vector, 1);
	if (known && got > 0)
		syscalls.trace.ways[way].read_from_pipe += (size_t)got;
	return got;
}

int
pipe2(int fds[2], int flags)
{
	if (syscalls_watched && syscalls_refuses(PIPE))
		return -1;
	if (syscall(SYS_pipe2, fds, flags) == -1)
		return -1;
	if (fds[1] < SYSCALLS_FDS_MOST)
		syscalls.pipes[fds[1]] = fds[0];
	return 0;
}

int
fcntl(int fd, int command, ...)
{
	va_list list;
	long argument;

	if (command == F_SETPIPE_SZ && syscalls_watched &&
	    syscalls_refuses(PIPE_SIZE))
		return -1;
	va_start(list, command);
	argument = va_arg(list, long);
	va_end(list);
#ifdef SYS_fcntl64
	return (int)syscall(SYS_fcntl64, fd, command, argument);
#else
	return (int)syscall(SYS_fcntl, fd, command, argument);
#endif
}

#endif

/*
 * What the fortified objects of the library may call in their place: some
 * compilers know the size of the array, and the headers of glibc take that as a
 * further argument.
 */
int __poll_chk(struct pollfd *slots, nfds_t count, int time_ms, size_t room);
ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);
ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room);

int
__poll_chk(struct pollfd *slots, nfds_t count, int time_ms, size_t room)
{
	(void)room;
	return poll(slots, count, time_ms);
}

ssize_t
__recv_chk(int fd, void *bytes, size_t size, size_t room, int flags)
{
	(void)room;
	return recv(fd, bytes, size, flags);
}

ssize_t
__read_chk(int fd, void *bytes, size_t size, size_t room)
{
	(void)room;
	return read(fd, bytes, size);
}

#endif

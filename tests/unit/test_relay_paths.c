/*
 * What relay.h promises, over every path that bytes can take: each row, a case,
 * runs with each column of one table, so that a further kind of stream is one
 * more column. test_relay.c has what no path changes.
 *
 * As there, "visitor" is the far end of the end, and "peer" that of the data
 * connection.
 */
/* The headers of a fortified build have a recv() of their own. */
#undef _FORTIFY_SOURCE

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "os/thread.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "relay/relay.h"
#include "sockets.h"
#include "suite.h"
#include "syscalls.h"

/* Several times what a relay holds. */
#define STREAM_BYTES ((size_t)8 * PIPES_BYTES)
/* So many of them are sent until one has taken the path that is tested. */
#define STREAMS_MOST 50
/* When something befalls a stream, it has gone through a pipe or two. */
#define WITHIN ((size_t)PIPES_BYTES + 1000)
/* Socket buffers that have room for MUCH_BYTES, and narrow ones. */
#define WIDE       212992
#define NARROW     8192
#define MUCH_BYTES (2 * BUFFERS_BYTES)

/* --- The columns: what befalls the bytes on their way */

struct path {
	const char *name;
	/* What the system does about it. */
	struct syscalls_plan plan;
	/* When the connections stand, before the relay begins; when a quarter
	 * of a stream has arrived. NULL: nothing. */
	void (*set_up)(void);
	void (*within)(void);
	/* The ways in which a stream must leave a pipe at least once; in the
	 * others it must not, unless it is open which path it takes. */
	unsigned spliced;
	bool is_open;
};

#define REFUSED(call, number) .refuses = (call), .error = (number)
#define ODD_SIZES             3, 40000, 1, 4095, 70000, 65536, 130000
#define MOSTLY_ONE            1, 1, 1, 1, 65536

static void lend_no_buffer(void);
static void lend_buffers_again(void);
#ifdef HAVE_SPLICE
static void lend_all(void);
static void take_all_back(void);
static void let_go(void);
#endif

static const struct path paths[] = {
#ifdef HAVE_SPLICE
    {"spliced", .spliced = BOTH_WAYS},
#define REFUSED_IN(name, number)                                               \
	{"splice in is refused at once: " name,                                \
	    .plan = {REFUSED(SPLICE_IN, number), .ways = BOTH_WAYS}},          \
	{                                                                      \
		"splice in is refused within: " name,                          \
		    .plan = {REFUSED(SPLICE_IN, number), .ways = BOTH_WAYS,    \
			.after = WITHIN},                                      \
		    .spliced = BOTH_WAYS                                       \
	}
    REFUSED_IN("EINVAL", EINVAL),
    REFUSED_IN("ENOSYS", ENOSYS),
    REFUSED_IN("ENOMEM", ENOMEM),
/* With a pipe full, or with half of it written. */
#define REFUSED_OUT(name, number)                                              \
	{"splice out is refused at once: " name,                               \
	    .plan = {REFUSED(SPLICE_OUT, number), .ways = BOTH_WAYS}},         \
	    {"splice out is refused within: " name,                            \
		.plan = {REFUSED(SPLICE_OUT, number), .ways = BOTH_WAYS,       \
		    .after = WITHIN},                                          \
		.spliced = BOTH_WAYS},                                         \
	{                                                                      \
		"splice out is refused within a pipe: " name,                  \
		    .plan = {REFUSED(SPLICE_OUT, number), .ways = BOTH_WAYS,   \
			.after = WITHIN, .cuts = SPLICE_OUT,                   \
			.sizes = {40001}},                                     \
		    .spliced = BOTH_WAYS                                       \
	}
    REFUSED_OUT("EINVAL", EINVAL),
    REFUSED_OUT("ENOSYS", ENOSYS),
    REFUSED_OUT("ENOMEM", ENOMEM),
    {"splice in is refused inward",
	.plan = {REFUSED(SPLICE_IN, EINVAL), .ways = 1 << INWARD},
	.spliced = 1 << OUTWARD},
    {"splice out is refused inward",
	.plan = {REFUSED(SPLICE_OUT, EINVAL), .ways = 1 << INWARD},
	.spliced = 1 << OUTWARD},
    {"splice in is refused outward",
	.plan = {REFUSED(SPLICE_IN, EINVAL), .ways = 1 << OUTWARD},
	.spliced = 1 << INWARD},
    {"splice out is refused outward, within a pipe",
	.plan = {REFUSED(SPLICE_OUT, EINVAL), .ways = 1 << OUTWARD,
	    .after = WITHIN, .cuts = SPLICE_OUT, .sizes = {ODD_SIZES}},
	.spliced = BOTH_WAYS},
    {"pipe2 is refused: EMFILE", .plan = {REFUSED(PIPE, EMFILE)}},
    {"pipe2 is refused: ENFILE", .plan = {REFUSED(PIPE, ENFILE)}},
    {"pipe2 is refused for a while", .plan = {REFUSED(PIPE, EMFILE)},
	.within = let_go, .spliced = BOTH_WAYS},
    {"F_SETPIPE_SZ is refused", .plan = {REFUSED(PIPE_SIZE, EPERM)}},
    {"all pipes are lent", .set_up = lend_all},
    {"all pipes are lent for a while", .set_up = lend_all,
	.within = take_all_back, .spliced = BOTH_WAYS},
    {"splice in moves one byte", .plan = {.cuts = SPLICE_IN, .sizes = {1}},
	.spliced = BOTH_WAYS},
    {"splice out moves one byte, mostly",
	.plan = {.cuts = SPLICE_OUT, .sizes = {MOSTLY_ONE}},
	.spliced = BOTH_WAYS},
    {"splices move 4095 bytes", .plan = {.cuts = SPLICES, .sizes = {4095}},
	.spliced = BOTH_WAYS},
    {"splices move 40,000 bytes", .plan = {.cuts = SPLICES, .sizes = {40000}},
	.spliced = BOTH_WAYS},
    {"splices move any number of bytes",
	.plan = {.cuts = SPLICES, .sizes = {ODD_SIZES}}, .spliced = BOTH_WAYS},
    {"splices are interrupted", .plan = {.interrupts = SPLICES | POLL},
	.spliced = BOTH_WAYS},
    {"splices have to wait", .plan = {.holds_up = SPLICES | POLL},
	.spliced = BOTH_WAYS},
    {"splices say EAGAIN at urgent marks",
	.plan = {.mark = 300007, .error = EAGAIN}, .spliced = BOTH_WAYS},
    {"splices say 0 at urgent marks", .plan = {.mark = 300007},
	.spliced = BOTH_WAYS},
    {"splices say EAGAIN at nearer marks, and are interrupted",
	.plan = {.mark = 150001, .error = EAGAIN, .interrupts = SPLICES | POLL},
	.spliced = BOTH_WAYS},
    {"splices say 0 at nearer marks, and have to wait",
	.plan = {.mark = 150001, .holds_up = SPLICES | POLL},
	.spliced = BOTH_WAYS},
    {"splices meet everything but a refusal",
	.plan = {.cuts = SPLICES | COPIES,
	    .sizes = {ODD_SIZES},
	    .interrupts = SPLICES,
	    .holds_up = SPLICES},
	.is_open = true},
    {"splice out is refused, and its pipe emptied in pieces",
	.plan = {REFUSED(SPLICE_OUT, EINVAL), .ways = BOTH_WAYS,
	    .after = WITHIN, .cuts = SEND | READ, .sizes = {ODD_SIZES},
	    .interrupts = SPLICE_OUT | READ | SEND,
	    .holds_up = SPLICE_OUT | READ | SEND},
	.spliced = BOTH_WAYS},
#define COPIED REFUSED(SPLICE_IN, EINVAL), .ways = BOTH_WAYS
#else
    {.name = "copied"},
#define COPIED .refuses = 0
#endif
    {"copied in pieces of any size",
	.plan = {COPIED, .cuts = COPIES, .sizes = {ODD_SIZES}}},
    {"copied in single bytes, mostly",
	.plan = {COPIED, .cuts = COPIES, .sizes = {MOSTLY_ONE}}},
    {"copies are interrupted", .plan = {COPIED, .interrupts = COPIES | POLL}},
    {"copies have to wait", .plan = {COPIED, .holds_up = COPIES | POLL}},
    {"no buffer is lent", .plan = {COPIED}, .set_up = lend_no_buffer},
    {"no buffer is lent, in pieces of any size",
	.plan = {COPIED, .cuts = COPIES, .sizes = {ODD_SIZES}},
	.set_up = lend_no_buffer},
    {"no buffer is lent, interrupted",
	.plan = {COPIED, .interrupts = COPIES | POLL},
	.set_up = lend_no_buffer},
    {"no buffer is lent, and it has to wait",
	.plan = {COPIED, .holds_up = COPIES | POLL}, .set_up = lend_no_buffer},
    {"no buffer is lent for a while", .plan = {COPIED},
	.set_up = lend_no_buffer, .within = lend_buffers_again},
#ifdef HAVE_SPLICE
    {"no buffer is lent, but pipes are", .set_up = lend_no_buffer,
	.spliced = BOTH_WAYS},
    {"no buffer is lent, but pipes are, with urgent marks",
	.plan = {.mark = 300007, .error = EAGAIN}, .set_up = lend_no_buffer,
	.spliced = BOTH_WAYS},
    {"no buffer is lent, and splice out is refused within a pipe",
	.plan = {REFUSED(SPLICE_OUT, EINVAL), .ways = BOTH_WAYS,
	    .after = WITHIN, .cuts = SPLICE_OUT, .sizes = {40001}},
	.set_up = lend_no_buffer, .spliced = BOTH_WAYS},
#endif
};

/* --- The stage: a relay in a thread, and the far ends of its connections */

static struct {
	const struct path *path;
	struct roster roster;
	struct roster_entry entry;
	struct relay relay;
	atomic_bool carried;
	int visitor;
	int peer;
	/* Descriptors that were open before. */
	int descriptors;
	/* Bytes that were sent and that have arrived, of each way. */
	size_t sent[WAYS];
	size_t got[WAYS];
	bool passed_within;

	pthread_t thread;
	/* Written by the thread. */
	enum relay_outcome outcome;
	int saved_errno;
} stage;

/* Relays that were begun and have not ended well, of all cases together: where
 * so many hang or fail, the others would only take long to do so as well. */
#define UNFINISHED_MOST 3
static atomic_uint *unfinished;

/* How many pipes there are to lend, when none is lent. */
static unsigned pipes_there_are;
static struct pipe_ends lent[PIPES_LENT_MOST + 1];
static unsigned lent_count;

static void
lend_all(void)
{
	while (lent_count < PIPES_LENT_MOST + 1 &&
	       pipes_borrow(&lent[lent_count]) == ERROR_NONE)
		lent_count++;
}

/* None of them is kept for the next one, so that descriptors can be counted. */
static void
take_back(unsigned left)
{
	while (lent_count > left)
		pipes_return(&lent[--lent_count], false);
}

static void
lend_no_buffer(void)
{
	buffers_limit(BUFFERS_BYTES - 1);
}

static void
lend_buffers_again(void)
{
	for (int way = 0; way < WAYS; way++)
		ck_assert(stage.relay.early != NULL ||
			  syscalls.trace.ways[way].buffer == 0);
	buffers_limit(UINT64_MAX);
}

#ifdef HAVE_SPLICE
static void
take_all_back(void)
{
	for (int way = 0; way < WAYS; way++)
		ck_assert_uint_eq(syscalls.trace.ways[way].into_pipe, 0);
	take_back(0);
}

/* The system refuses nothing any more. */
static void
let_go(void)
{
	ck_assert_uint_gt(syscalls.trace.refused, 0);
	for (int way = 0; way < WAYS; way++)
		ck_assert_uint_eq(syscalls.trace.ways[way].into_pipe, 0);
	syscalls.plan.refuses = 0;
}
#endif

/* In a process of its own, as the pipes that it makes are kept. */
static void
count_pipes(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		lend_all();
		_exit((int)lent_count);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		abort();
	pipes_there_are = (unsigned)WEXITSTATUS(status);
}

static int
count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < SYSCALLS_FDS_MOST; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			count++;
	return count;
}

/* As the owners of a relay do it: run, leave, close. */
static void *
run_relay(void *argument)
{
	(void)argument;
	syscalls_watched = true;
	stage.outcome = relay_run(&stage.relay);
	stage.saved_errno = errno;
	syscalls_watched = false;
	roster_leave(&stage.roster, &stage.entry);
	transport_close(&stage.relay.data);
	transport_close(&stage.relay.end);
	return NULL;
}

/* Nothing that is written waits for more to come. */
static void
connect_as_rebore(int *ours, int *theirs, int in, int out)
{
	int on = 1;

	sockets_tcp_bounded(ours, theirs, in, out);
	ck_assert_int_eq(
	    setsockopt(*ours, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
}

/* in, out: the socket buffers from them to us and from us to them. */
static void
prepare(int column, int in, int out)
{
	int end_fd;
	int data_fd;

	ck_assert_msg(*unfinished < UNFINISHED_MOST, "given up, as others");
	++*unfinished;
	memset(&stage, 0, sizeof stage);
	memset(&syscalls, 0, sizeof syscalls);
	buffers_limit(UINT64_MAX);
	stage.path = &paths[column];
	stage.descriptors = count_descriptors();
	connect_as_rebore(&end_fd, &stage.visitor, in, out);
	connect_as_rebore(&data_fd, &stage.peer, in, out);
	stage.relay.end = transport_of(end_fd);
	stage.relay.data = transport_of(data_fd);
	roster_init(&stage.roster);
	ck_assert_uint_eq(
	    roster_enter(&stage.roster, &stage.entry, data_fd, end_fd), 1);
	stage.relay.entry = &stage.entry;
	stage.relay.carried = &stage.carried;
	syscalls.plan = stage.path->plan;
	syscalls.from[INWARD] = data_fd;
	syscalls.from[OUTWARD] = end_fd;
	syscalls.pipe[INWARD] = -1;
	syscalls.pipe[OUTWARD] = -1;
	syscalls.much_bytes = MUCH_BYTES;
}

/* As the program does it: on a small stack, without SIGPIPE. */
static void
begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (stage.path->set_up != NULL)
		stage.path->set_up();
	ck_assert_int_eq(thread_start(&stage.thread, "relay",
			     THREAD_STACK_BYTES, run_relay, NULL),
	    ERROR_NONE);
}

static void
start(int column)
{
	prepare(column, WIDE, WIDE);
	begin();
}

static int
other(int way)
{
	return INWARD + OUTWARD - way;
}

static int *
writer(int way)
{
	return way == INWARD ? &stage.peer : &stage.visitor;
}

static int *
reader(int way)
{
	return way == INWARD ? &stage.visitor : &stage.peer;
}

/* --- The bytes: no two places of a stream look alike, and no two streams */

/* A prime, so that no size of a buffer or a pipe is a part of it. */
#define PATTERN_BYTES ((size_t)1048583)
/* Read or written at a time, at most. */
#define PIECE_BYTES ((size_t)256 * 1024)
static char pattern[PATTERN_BYTES + PIECE_BYTES];

static void
fill_pattern(void)
{
	for (size_t i = 0; i < PATTERN_BYTES; i++)
		pattern[i] = (char)((uint32_t)i * 2654435761u >> 24);
	memcpy(pattern + PATTERN_BYTES, pattern, PIECE_BYTES);
}

/* What comes at a place, PIECE_BYTES of it. */
static const char *
pattern_at(int way, size_t place)
{
	return pattern + (place + (size_t)way * 500009) % PATTERN_BYTES;
}

static size_t
lesser(size_t one, size_t other)
{
	return one < other ? one : other;
}

/* Send what the connection takes now, up to goal in all. Returns false when it
 * takes nothing. */
static bool
send_some(int way, size_t goal)
{
	size_t size = lesser(goal - stage.sent[way], PIECE_BYTES);
	ssize_t sent = send(*writer(way), pattern_at(way, stage.sent[way]),
	    size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent == -1) {
		ck_assert_int_eq(errno, EAGAIN);
		return false;
	}
	stage.sent[way] += (size_t)sent;
	return true;
}

/* Look at each byte of a piece of size at most. Returns as recv(); errno. */
static ssize_t
receive_some(int way, size_t size)
{
	static char bytes[PIECE_BYTES];
	ssize_t got =
	    recv(*reader(way), bytes, lesser(size, sizeof bytes), MSG_DONTWAIT);

	if (got <= 0)
		return got;
	if (memcmp(bytes, pattern_at(way, stage.got[way]), (size_t)got) != 0)
		ck_abort_msg("wrong bytes between %zu and %zu, %s",
		    stage.got[way], stage.got[way] + (size_t)got,
		    way == INWARD ? "inward" : "outward");
	stage.got[way] += (size_t)got;
	return got;
}

/* --- Carrying bytes, each way up to a goal, as fast as they go */

struct goal {
	size_t to_send[WAYS];
	size_t to_get[WAYS];
	/* Where all is sent, an end of file is sent behind it. */
	bool ends;
};

/* Both slots are set to what one way waits for. */
static void
move_some(const struct goal *goal, int way, struct pollfd slots[static 2])
{
	slots[0] = (struct pollfd){.fd = -1, .events = POLLOUT};
	slots[1] = (struct pollfd){.fd = -1, .events = POLLIN};
	if (stage.sent[way] < goal->to_send[way]) {
		send_some(way, goal->to_send[way]);
		if (stage.sent[way] < goal->to_send[way]) {
			slots[0].fd = *writer(way);
		} else {
			syscalls.much[way] = false;
			if (goal->ends)
				shutdown(*writer(way), SHUT_WR);
		}
	}
	if (stage.got[way] < goal->to_get[way]) {
		ssize_t got =
		    receive_some(way, goal->to_get[way] - stage.got[way]);

		ck_assert_msg(got > 0 || (got == -1 && errno == EAGAIN),
		    "%zu of %zu bytes, then %s", stage.got[way],
		    goal->to_get[way], got ? strerror(errno) : "the end");
		slots[1].fd = *reader(way);
	}
}

static void
pass_within(const struct goal *goal)
{
	if (stage.passed_within || stage.path->within == NULL)
		return;
	for (int way = 0; way < WAYS; way++)
		if (goal->to_get[way] >= STREAM_BYTES &&
		    stage.got[way] >= goal->to_get[way] / 4)
			stage.passed_within = true;
	if (stage.passed_within)
		stage.path->within();
}

/* Until all has arrived that shall; more may be on its way. */
static void
carry(const struct goal *goal)
{
	struct pollfd slots[2 * WAYS];

	for (;;) {
		move_some(goal, INWARD, &slots[0]);
		move_some(goal, OUTWARD, &slots[2]);
		pass_within(goal);
		if (stage.got[INWARD] >= goal->to_get[INWARD] &&
		    stage.got[OUTWARD] >= goal->to_get[OUTWARD])
			break;
		ck_assert_msg(
		    poll(slots, SUITE_LENGTH(slots), SOCKETS_PATIENCE_MS) > 0,
		    "nothing moves: %zu of %zu, %zu of %zu", stage.got[INWARD],
		    goal->to_get[INWARD], stage.got[OUTWARD],
		    goal->to_get[OUTWARD]);
	}
}

/* Send so much more, and wait until all that was ever sent has arrived. */
static void
carry_more(size_t inward, size_t outward, bool ends)
{
	struct goal goal = {.ends = ends};

	goal.to_send[INWARD] = stage.sent[INWARD] + inward;
	goal.to_send[OUTWARD] = stage.sent[OUTWARD] + outward;
	memcpy(goal.to_get, goal.to_send, sizeof goal.to_get);
	carry(&goal);
}

/* The same one way, while what is on its way the other way stays there. */
static void
carry_one_way(int way, size_t size)
{
	struct goal goal = {.ends = false};

	goal.to_send[way] = stage.sent[way] + size;
	goal.to_get[way] = goal.to_send[way];
	carry(&goal);
}

/* Whether the streams in these ways have taken the path that the column names.
 */
static bool
is_path_taken(unsigned ways)
{
	if (stage.path->is_open)
		return true;
	if (stage.path->plan.mark > 0 && syscalls.trace.marked == 0)
		return false;
	for (int way = 0; way < WAYS; way++)
		if ((ways & stage.path->spliced) >> way & 1 &&
		    syscalls.trace.ways[way].out_of_pipe == 0)
			return false;
	return true;
}

static void
carry_one_stream(unsigned ways, bool ends)
{
	for (int way = 0; way < WAYS; way++)
		syscalls.much[way] = (ways >> way & 1) != 0;
	carry_more((ways >> INWARD & 1) * STREAM_BYTES,
	    (ways >> OUTWARD & 1) * STREAM_BYTES, ends);
}

/*
 * A stream in each of these ways, that comes so fast that it is spliced. A
 * busy machine may deliver one in pieces so small that they are copied, or so
 * that each of its marks is met by a read: then another one is sent. Nothing
 * can follow an end of file, so marks are looked for before the stream that
 * ends.
 */
static void
carry_stream(unsigned ways, bool ends)
{
	int more = STREAMS_MOST;

	if (!ends || stage.path->plan.mark > 0)
		do
			carry_one_stream(ways, false);
		while (!is_path_taken(ways) && --more > 0);
	if (ends)
		carry_one_stream(ways, true);
}

/* Some of a stream has arrived, and more is on its way. */
static void
carry_some_of_a_stream(int way)
{
	struct goal goal = {.ends = false};

	goal.to_send[way] = 2 * STREAM_BYTES;
	goal.to_get[way] = STREAM_BYTES;
	syscalls.much[way] = true;
	carry(&goal);
	syscalls.much[way] = false;
}

/* --- What must be so whichever path was taken */

static void
wait_until(const atomic_bool *event, const char *what)
{
	int64_t deadline = clock_now_ms() + SOCKETS_PATIENCE_MS;

	while (!atomic_load(event)) {
		ck_assert_msg(clock_now_ms() < deadline, "never: %s", what);
		poll(NULL, 0, 1);
	}
}

/* Whatever is not lent to this test is there to be lent, and is empty. */
static void
assert_no_pipe_is_missing(void)
{
	unsigned before = lent_count;
	int bytes;

	lend_all();
	ck_assert_uint_eq(lent_count, pipes_there_are);
	for (unsigned i = before; i < lent_count; i++) {
		ck_assert_int_eq(ioctl(lent[i].read_fd, FIONREAD, &bytes), 0);
		ck_assert_int_eq(bytes, 0);
	}
	take_back(before);
}

/* What it has used last is kept, as it was given back. */
static void
assert_no_buffer_is_missing(void)
{
	char *buffers[BUFFERS_KEPT_MOST];
	int found = 0;
	int expected = 0;

	for (int i = 0; i < BUFFERS_KEPT_MOST; i++) {
		buffers[i] = buffers_force();
		ck_assert_ptr_nonnull(buffers[i]);
	}
	for (int way = 0; way < WAYS; way++) {
		uintptr_t used = syscalls.trace.ways[way].buffer;

		expected += used != 0;
		for (int i = 0; i < BUFFERS_KEPT_MOST; i++)
			found += used != 0 && (uintptr_t)buffers[i] == used;
	}
	ck_assert_int_eq(found, expected);
	for (int i = 0; i < BUFFERS_KEPT_MOST; i++)
		buffers_return(buffers[i]);
}

/* It waits, does nothing meanwhile, and has nothing borrowed. */
static void
assert_idle(void)
{
	size_t before;

	wait_until(&syscalls.trace.is_asleep, "the relay sleeps");
	ck_assert(!syscalls.trace.ways[INWARD].is_held_back);
	ck_assert(!syscalls.trace.ways[OUTWARD].is_held_back);
	before = syscalls.trace.calls;
	poll(NULL, 0, 2);
	ck_assert_uint_le(syscalls.trace.calls, before + 2);
	assert_no_pipe_is_missing();
	assert_no_buffer_is_missing();
	/* Four sockets; of pipes none is kept any more. */
	ck_assert_int_eq(
	    count_descriptors(), stage.descriptors + 4 + 2 * (int)lent_count);
}

static void
close_end(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* What the relay counts: all that has arrived, and nothing that was not sent.
 */
static void
assert_counted(void)
{
	const uint64_t counted[WAYS] = {
	    stage.relay.to_end, stage.relay.to_data};

	for (int way = 0; way < WAYS; way++) {
		ck_assert_uint_ge(counted[way], stage.got[way]);
		ck_assert_uint_le(counted[way], stage.sent[way]);
		if (stage.outcome == RELAY_FINISHED)
			ck_assert_uint_eq(counted[way], stage.got[way]);
	}
	ck_assert(stage.carried == (stage.relay.to_end > 0));
}

/* Wait for the end of the relay, which leaves nothing behind. */
static void
assert_ends(enum relay_outcome outcome)
{
	struct timespec end;
	int result;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += SOCKETS_PATIENCE_MS / 1000;
	result = pthread_timedjoin_np(stage.thread, NULL, &end);
	ck_assert_msg(
	    result == 0, "the relay has not ended: %s", strerror(result));
	ck_assert_int_eq(stage.outcome, outcome);
	if (relay_is_broken(outcome))
		ck_assert(stage.saved_errno == ECONNRESET ||
			  stage.saved_errno == EPIPE);
	assert_counted();
	roster_destroy(&stage.roster);
	close_end(&stage.visitor);
	close_end(&stage.peer);
	assert_no_pipe_is_missing();
	take_back(0);
	ck_assert_int_eq(count_descriptors(), stage.descriptors);
	--*unfinished;
}

/* What was planned has happened to a stream that went this way. */
static void
assert_refused(int way)
{
	const struct syscalls_plan *plan = &stage.path->plan;

	/* Once and for all: the rest is copied. */
	ck_assert_uint_eq(syscalls.trace.ways[way].refused, 1);
	ck_assert_uint_gt(syscalls.trace.ways[way].sent,
	    syscalls.trace.ways[way].sent_before);
	if ((plan->refuses & SPLICE_OUT) != 0)
		ck_assert_uint_gt(syscalls.trace.ways[way].left_in_pipe, 0);
	else
		ck_assert_uint_eq(syscalls.trace.ways[way].left_in_pipe, 0);
	ck_assert_uint_ge(syscalls.trace.ways[way].read_from_pipe,
	    syscalls.trace.ways[way].left_in_pipe);
}

/* The path that the column names was taken by the streams in these ways, of
 * which nothing is on its way any more. */
static void
assert_path_taken(unsigned ways)
{
	const struct syscalls_plan *plan = &stage.path->plan;

	ck_assert((syscalls.trace.cut > 0) == (plan->cuts != 0));
	ck_assert((syscalls.trace.interrupted > 0) == (plan->interrupts != 0));
	ck_assert((syscalls.trace.held_up > 0) == (plan->holds_up != 0));
	ck_assert((syscalls.trace.marked > 0) == (plan->mark != 0));
	ck_assert((syscalls.trace.refused > 0) ==
		  ((plan->refuses & (PIPE | PIPE_SIZE)) != 0));
	for (int way = 0; way < WAYS; way++) {
		if ((ways >> way & 1) == 0)
			continue;
		ck_assert_uint_eq(syscalls_in_pipe(way), 0);
		if ((plan->refuses & SPLICES) != 0 && (plan->ways >> way & 1))
			assert_refused(way);
		if (!stage.path->is_open)
			ck_assert((syscalls.trace.ways[way].out_of_pipe > 0) ==
				  ((stage.path->spliced >> way & 1) != 0));
	}
}

/* The visitor is done, and the peer, if they have not been before. */
static void
finish(void)
{
	shutdown(stage.visitor, SHUT_WR);
	shutdown(stage.peer, SHUT_WR);
	sockets_expect_end(stage.peer);
	sockets_expect_end(stage.visitor);
	assert_ends(RELAY_FINISHED);
}

/* --- The rows */

START_TEST(a_stream_inward)
{
	start(_i);
	carry_stream(1 << INWARD, false);
	assert_idle();
	assert_path_taken(1 << INWARD);
	finish();
}
END_TEST

START_TEST(a_stream_outward)
{
	start(_i);
	carry_stream(1 << OUTWARD, false);
	assert_idle();
	assert_path_taken(1 << OUTWARD);
	finish();
}
END_TEST

START_TEST(streams_both_ways_at_once)
{
	start(_i);
	carry_stream(BOTH_WAYS, false);
	assert_idle();
	assert_path_taken(BOTH_WAYS);
	/* Once more, with what was borrowed before. */
	carry_more(STREAM_BYTES / 4 + 1, STREAM_BYTES / 4 - 1, false);
	assert_idle();
	finish();
}
END_TEST

START_TEST(no_end_of_file_overtakes_the_stream_before_it)
{
	start(_i);
	carry_stream(BOTH_WAYS, true);
	sockets_expect_end(stage.peer);
	sockets_expect_end(stage.visitor);
	assert_ends(RELAY_FINISHED);
	assert_path_taken(BOTH_WAYS);
}
END_TEST

/* One side asks at length and ends; the answer comes after that. */
static void
ask_and_answer(int way)
{
	carry_stream(1u << way, true);
	sockets_expect_end(*reader(way));
	carry_one_way(other(way), 1);
	assert_idle();
	carry_stream(1u << other(way), true);
	sockets_expect_end(*reader(other(way)));
	assert_ends(RELAY_FINISHED);
	assert_path_taken(BOTH_WAYS);
}

START_TEST(the_visitor_ends_and_gets_its_answer)
{
	start(_i);
	ask_and_answer(OUTWARD);
}
END_TEST

START_TEST(the_peer_ends_and_gets_its_answer)
{
	start(_i);
	ask_and_answer(INWARD);
}
END_TEST

/* Every power of two up to 1 MiB, one less and one more; then back again. */
#define POWERS     20
#define SIZES_MOST (6 * (POWERS + 1))

static size_t
size_number(int i)
{
	int j = i < SIZES_MOST / 2 ? i : SIZES_MOST - 1 - i;

	return ((size_t)1 << j / 3) + (size_t)(j % 3) - 1;
}

START_TEST(messages_that_swell_and_ebb_arrive_one_by_one)
{
	start(_i);
	for (int i = 0; i < SIZES_MOST; i++)
		carry_one_way(i % 2, size_number(i));
	assert_idle();
	finish();
}
END_TEST

START_TEST(messages_that_swell_and_ebb_go_there_and_back)
{
	start(_i);
	for (int i = 0; i < SIZES_MOST; i++) {
		carry_one_way(OUTWARD, size_number(i));
		carry_one_way(INWARD, size_number(i));
	}
	assert_idle();
	finish();
}
END_TEST

/* Nobody waits for what was sent before. */
START_TEST(messages_that_swell_and_ebb_follow_each_other)
{
	struct goal goal = {.to_send = {0}};

	start(_i);
	for (int i = 0; i < SIZES_MOST; i++) {
		for (int way = 0; way < WAYS; way++) {
			goal.to_send[way] += size_number(i);
			goal.to_get[way] = goal.to_send[way] / 2;
		}
		carry(&goal);
	}
	carry_more(0, 0, false);
	assert_idle();
	finish();
}
END_TEST

/*
 * Send without anybody reading, until the relay takes no more and waits.
 */
static void
get_stuck(int way)
{
	int64_t deadline = clock_now_ms() + SOCKETS_PATIENCE_MS;
	/* Four socket buffers, which Linux doubles, and what the relay holds;
	 * the system's own bookkeeping is let be as much again. */
	const size_t most = stage.got[way] + (size_t)8 * (WIDE + NARROW) +
	                    2 * (BUFFERS_BYTES + PIPES_BYTES);

	while (send_some(way, SIZE_MAX) ||
	       !atomic_load(&syscalls.trace.ways[way].is_blocked)) {
		ck_assert_uint_le(stage.sent[way], most);
		ck_assert_msg(clock_now_ms() < deadline, "never blocked");
		if (sockets_wait(*writer(way), POLLOUT, 1) != 0)
			continue;
	}
}

/* It reads so much, in pieces of that size. */
static void
read_slowly(int way, size_t size, size_t piece)
{
	size_t goal = stage.got[way] + size;

	while (stage.got[way] < goal) {
		ck_assert_int_ne(
		    sockets_wait(*reader(way), POLLIN, SOCKETS_PATIENCE_MS), 0);
		ck_assert_int_gt(
		    receive_some(way, lesser(piece, goal - stage.got[way])), 0);
	}
}

START_TEST(a_slow_reader_gets_all)
{
	for (int way = 0; way < WAYS; way++) {
		prepare(_i, WIDE, NARROW);
		begin();
		for (int i = 0; i < 3; i++) {
			get_stuck(way);
			/* The other way is as free as ever. */
			carry_one_way(other(way), 1000);
			read_slowly(way, 50000, 99 + (size_t)i * 3000);
		}
		get_stuck(way);
		ck_assert_int_eq(shutdown(*writer(way), SHUT_WR), 0);
		carry_more(0, 0, false);
		sockets_expect_end(*reader(way));
		assert_idle();
		finish();
	}
}
END_TEST

/* Expect a reset, behind bytes that are right, and no end of file. */
static void
expect_reset(int way)
{
	ssize_t got;

	do {
		ck_assert_int_ne(
		    sockets_wait(*reader(way), POLLIN, SOCKETS_PATIENCE_MS), 0);
		got = receive_some(way, SIZE_MAX);
	} while (got > 0);
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(errno, ECONNRESET);
}

static void
reset(int *fd)
{
	sockets_reset(*fd);
	*fd = -1;
}

/* The outcome when one of the far ends breaks its connection. */
static enum relay_outcome
broken_by(const int *fd)
{
	return fd == &stage.peer ? RELAY_DATA_BROKEN : RELAY_END_BROKEN;
}

START_TEST(a_reader_that_resets_within_a_stream_resets_the_writer)
{
	for (int way = 0; way < WAYS; way++) {
		start(_i);
		carry_some_of_a_stream(way);
		reset(reader(way));
		expect_reset(other(way));
		assert_ends(broken_by(reader(way)));
	}
}
END_TEST

START_TEST(a_writer_that_resets_within_a_stream_resets_the_reader)
{
	for (int way = 0; way < WAYS; way++) {
		start(_i);
		carry_some_of_a_stream(way);
		reset(writer(way));
		expect_reset(way);
		assert_ends(broken_by(writer(way)));
	}
}
END_TEST

START_TEST(a_reader_that_resets_before_it_reads_resets_the_writer)
{
	for (int way = 0; way < WAYS; way++) {
		prepare(_i, WIDE, NARROW);
		begin();
		get_stuck(way);
		reset(reader(way));
		expect_reset(other(way));
		assert_ends(broken_by(reader(way)));
	}
}
END_TEST

START_TEST(a_writer_that_resets_what_is_stuck_resets_the_reader)
{
	for (int way = 0; way < WAYS; way++) {
		prepare(_i, WIDE, NARROW);
		begin();
		get_stuck(way);
		reset(writer(way));
		expect_reset(way);
		assert_ends(broken_by(writer(way)));
	}
}
END_TEST

START_TEST(an_interruption_within_a_stream_is_a_reset)
{
	for (int way = 0; way < WAYS; way++) {
		start(_i);
		carry_some_of_a_stream(way);
		roster_interrupt_all(&stage.roster);
		expect_reset(INWARD);
		expect_reset(OUTWARD);
		assert_ends(RELAY_INTERRUPTED);
	}
}
END_TEST

START_TEST(an_interruption_of_what_is_stuck_is_a_reset)
{
	for (int way = 0; way < WAYS; way++) {
		prepare(_i, WIDE, NARROW);
		begin();
		get_stuck(way);
		roster_interrupt_all(&stage.roster);
		expect_reset(INWARD);
		expect_reset(OUTWARD);
		assert_ends(RELAY_INTERRUPTED);
	}
}
END_TEST

START_TEST(early_and_kept_bytes_come_before_the_streams)
{
	static const size_t sizes[] = {1, BUFFERS_BYTES - 1, BUFFERS_BYTES};

	for (int i = 0; i < 3; i++) {
		prepare(_i, WIDE, WIDE);
		stage.relay.early =
		    buffers_copy(pattern_at(INWARD, 0), sizes[i]);
		stage.relay.early_size = sizes[i];
		stage.sent[INWARD] = sizes[i];
		stage.relay.read_ahead =
		    buffers_copy(pattern_at(OUTWARD, 0), sizes[2 - i]);
		stage.relay.read_ahead_size = sizes[2 - i];
		stage.sent[OUTWARD] = sizes[2 - i];
		begin();
		/* They do not wait for more to come. */
		carry_more(0, 0, false);
		assert_idle();
		carry_stream(BOTH_WAYS, true);
		sockets_expect_end(stage.peer);
		sockets_expect_end(stage.visitor);
		assert_ends(RELAY_FINISHED);
	}
}
END_TEST

/* --- Each row with each column */

static const TTest *const *
rows(size_t *count)
{
	static const TTest *all[20];

	*count = 0;
#define ROW(name) all[(*count)++] = (name)
	ROW(a_stream_inward);
	ROW(a_stream_outward);
	ROW(streams_both_ways_at_once);
	ROW(no_end_of_file_overtakes_the_stream_before_it);
	ROW(the_visitor_ends_and_gets_its_answer);
	ROW(the_peer_ends_and_gets_its_answer);
	ROW(messages_that_swell_and_ebb_arrive_one_by_one);
	ROW(messages_that_swell_and_ebb_go_there_and_back);
	ROW(messages_that_swell_and_ebb_follow_each_other);
	ROW(a_slow_reader_gets_all);
	ROW(a_reader_that_resets_within_a_stream_resets_the_writer);
	ROW(a_writer_that_resets_within_a_stream_resets_the_reader);
	ROW(a_reader_that_resets_before_it_reads_resets_the_writer);
	ROW(a_writer_that_resets_what_is_stuck_resets_the_reader);
	ROW(an_interruption_within_a_stream_is_a_reset);
	ROW(an_interruption_of_what_is_stuck_is_a_reset);
	ROW(early_and_kept_bytes_come_before_the_streams);
	return all;
}

int
main(void)
{
	Suite *suite = suite_create("relay_paths");
	size_t count;
	const TTest *const *all = rows(&count);

	fill_pattern();
	count_pipes();
	unfinished = mmap(NULL, sizeof *unfinished, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (unfinished == MAP_FAILED)
		abort();
	for (size_t i = 0; i < SUITE_LENGTH(paths); i++) {
		TCase *column = tcase_create(paths[i].name);

		tcase_set_timeout(column, SUITE_TIMEOUT_S);
		for (size_t j = 0; j < count; j++)
			tcase_add_loop_test(column, all[j], (int)i, (int)i + 1);
		suite_add_tcase(suite, column);
	}
	return suite_finish(suite);
}

/*
 * What relay.h promises, between two TCP connections: "visitor" is the end, and
 * "peer" stands for the rebore at the other end of the data connection.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "os/thread.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "relay/relay.h"
#include "sockets.h"
#include "suite.h"

#define EIGHT_MB ((size_t)8 << 20)

/* The relay in a thread, and the far ends of its two connections. */
static struct {
	struct roster roster;
	struct roster_entry entry;
	struct relay relay;
	atomic_bool carried;
	int visitor;
	int peer;

	pthread_t thread;
	/* Written by the thread. */
	enum relay_outcome outcome;
	int saved_errno;
} stage;

/* As the owners of a relay do it: run, leave, close. */
static void *
run_relay(void *argument)
{
	(void)argument;
	stage.outcome = relay_run(&stage.relay);
	stage.saved_errno = errno;
	roster_leave(&stage.roster, &stage.entry);
	transport_close(&stage.relay.data);
	transport_close(&stage.relay.end);
	return NULL;
}

static void
prepare_bounded(int in, int out)
{
	int end_fd;
	int data_fd;

	memset(&stage, 0, sizeof stage);
	sockets_tcp_bounded(&end_fd, &stage.visitor, in, out);
	sockets_tcp_bounded(&data_fd, &stage.peer, in, out);
	stage.relay.end = transport_of(end_fd);
	stage.relay.data = transport_of(data_fd);
	roster_init(&stage.roster);
	ck_assert_uint_eq(
	    roster_enter(&stage.roster, &stage.entry, data_fd, end_fd), 1);
	stage.relay.entry = &stage.entry;
	stage.relay.carried = &stage.carried;
}

static void
prepare(int buffers)
{
	prepare_bounded(buffers, buffers);
}

/*
 * Much goes in and little goes out: STUCK_BYTES can be sent to the relay whole,
 * with an end of file behind them, and do not get through while nobody reads.
 */
#define IN_BYTES    212992
#define OUT_BYTES   8192
#define STUCK_BYTES 180000

static void
prepare_narrow(void)
{
	prepare_bounded(IN_BYTES, OUT_BYTES);
}

/* Send so much, and the end of file; wait until ours has it. */
static void
get_stuck(int theirs, int ours)
{
	static const char bytes[STUCK_BYTES];

	ck_assert_int_eq(
	    send(theirs, bytes, sizeof bytes, 0), (ssize_t)sizeof bytes);
	ck_assert_int_eq(shutdown(theirs, SHUT_WR), 0);
	ck_assert_int_ne(sockets_wait(ours, POLLRDHUP, SOCKETS_PATIENCE_MS), 0);
}

/* As the program does it: on a small stack, without SIGPIPE. */
static void
begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(thread_start(&stage.thread, "relay",
			     THREAD_STACK_BYTES, run_relay, NULL),
	    ERROR_NONE);
}

static void
start(void)
{
	prepare(0);
	begin();
}

/* Wait for the end of the relay. */
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
	roster_destroy(&stage.roster);
}

/* Byte number i of a long stream: no two places look alike. */
static char
pattern(size_t i)
{
	return (char)(i * 2654435761u >> 24);
}

struct traffic {
	int fd;
	size_t size;
	bool good;
	int failure; /* of a write, an errno value */
	pthread_t thread;
};

static void *
write_pattern(void *argument)
{
	struct traffic *traffic = argument;
	size_t done = 0;

	traffic->good = true;
	while (done < traffic->size && traffic->good) {
		char bytes[65536];
		size_t size = traffic->size - done;
		ssize_t sent;

		if (size > sizeof bytes)
			size = sizeof bytes;
		for (size_t i = 0; i < size; i++)
			bytes[i] = pattern(done + i);
		sent = send(traffic->fd, bytes, size, MSG_NOSIGNAL);
		traffic->good = sent > 0;
		traffic->failure = errno;
		done += traffic->good ? (size_t)sent : 0;
	}
	shutdown(traffic->fd, SHUT_WR);
	return NULL;
}

static void *
read_pattern(void *argument)
{
	struct traffic *traffic = argument;
	char bytes[65536];
	size_t done = 0;
	ssize_t got;

	traffic->good = true;
	while ((got = recv(traffic->fd, bytes, sizeof bytes, 0)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != pattern(done + (size_t)i))
				traffic->good = false;
		done += (size_t)got;
	}
	traffic->good = traffic->good && got == 0 && done == traffic->size;
	return NULL;
}

static void
begin_traffic(struct traffic *traffic, void *(*what)(void *))
{
	ck_assert_int_eq(
	    pthread_create(&traffic->thread, NULL, what, traffic), 0);
}

static void
end_traffic(struct traffic *traffic)
{
	pthread_join(traffic->thread, NULL);
	ck_assert(traffic->good);
}

/* CPU time that the relay's thread uses while the clock goes on by 400 ms. */
static int64_t
cpu_used_ms(void)
{
	struct timespec before, after;
	clockid_t cpu;

	ck_assert_int_eq(pthread_getcpuclockid(stage.thread, &cpu), 0);
	ck_assert_int_eq(clock_gettime(cpu, &before), 0);
	poll(NULL, 0, 400);
	ck_assert_int_eq(clock_gettime(cpu, &after), 0);
	return (after.tv_sec - before.tv_sec) * 1000 +
	       (after.tv_nsec - before.tv_nsec) / 1000000;
}

START_TEST(an_end_of_file_travels_and_the_answer_still_comes)
{
	start();
	sockets_write(stage.visitor, "question");
	ck_assert_int_eq(shutdown(stage.visitor, SHUT_WR), 0);
	sockets_expect(stage.peer, "question", 8);
	sockets_expect_end(stage.peer);
	sockets_write(stage.peer, "long");
	sockets_expect(stage.visitor, "long", 4);
	sockets_write(stage.peer, " answer");
	ck_assert_int_eq(shutdown(stage.peer, SHUT_WR), 0);
	sockets_expect(stage.visitor, " answer", 7);
	sockets_expect_end(stage.visitor);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_data, 8);
	ck_assert_uint_eq(stage.relay.to_end, 11);
}
END_TEST

START_TEST(the_other_side_may_end_first_as_well)
{
	start();
	ck_assert_int_eq(shutdown(stage.peer, SHUT_WR), 0);
	sockets_expect_end(stage.visitor);
	sockets_write(stage.visitor, "still here");
	sockets_expect(stage.peer, "still here", 10);
	ck_assert_int_eq(shutdown(stage.visitor, SHUT_WR), 0);
	sockets_expect_end(stage.peer);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_data, 10);
	ck_assert_uint_eq(stage.relay.to_end, 0);
	ck_assert(!stage.carried);
}
END_TEST

START_TEST(no_end_of_file_comes_before_all_the_bytes)
{
	struct traffic out = {.size = EIGHT_MB};
	struct traffic in = {.size = EIGHT_MB};

	start();
	out.fd = stage.visitor;
	in.fd = stage.peer;
	begin_traffic(&out, write_pattern); /* ends its side at once */
	begin_traffic(&in, read_pattern);
	end_traffic(&out);
	end_traffic(&in);
	ck_assert_int_eq(shutdown(stage.peer, SHUT_WR), 0);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_data, EIGHT_MB);
}
END_TEST

/* Both stuff the way until nothing moves; then each reads. */
START_TEST(both_may_write_before_they_read)
{
	struct traffic writes[2] = {{.size = EIGHT_MB}, {.size = EIGHT_MB}};
	struct traffic reads[2] = {{.size = EIGHT_MB}, {.size = EIGHT_MB}};

	prepare(32768);
	begin();
	for (int i = 0; i < 2; i++) {
		writes[i].fd = reads[i].fd = i ? stage.peer : stage.visitor;
		begin_traffic(&writes[i], write_pattern);
	}
	/* Nobody reads: both ways are full, and the relay waits. */
	while (sockets_wait(stage.visitor, POLLOUT, 200) != 0 ||
	       sockets_wait(stage.peer, POLLOUT, 200) != 0)
		continue;
	for (int i = 0; i < 2; i++)
		begin_traffic(&reads[i], read_pattern);
	for (int i = 0; i < 2; i++) {
		end_traffic(&writes[i]);
		end_traffic(&reads[i]);
	}
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_data, EIGHT_MB);
	ck_assert_uint_eq(stage.relay.to_end, EIGHT_MB);
}
END_TEST

START_TEST(one_way_flows_while_the_other_is_blocked)
{
	struct traffic out = {.size = EIGHT_MB};
	struct traffic in = {.size = EIGHT_MB};

	prepare(32768);
	begin();
	sockets_stuff(stage.peer, EIGHT_MB); /* the visitor does not read */
	out.fd = stage.visitor;
	in.fd = stage.peer;
	begin_traffic(&in, read_pattern);
	begin_traffic(&out, write_pattern);
	end_traffic(&out);
	end_traffic(&in);
	close(stage.peer);
	close(stage.visitor);
	pthread_join(stage.thread, NULL);
}
END_TEST

START_TEST(a_slow_reader_holds_the_writer_back)
{
	enum { BUFFERS = 32768 };
	struct traffic in;
	size_t taken;

	prepare(BUFFERS);
	begin();
	taken = sockets_stuff(stage.visitor, EIGHT_MB);
	/* Four socket buffers, which Linux doubles, and what the relay holds;
	 * the system's own bookkeeping is let be as much again. */
	ck_assert_uint_le(
	    taken, 2 * (4 * 2 * BUFFERS + BUFFERS_BYTES + PIPES_BYTES));
	ck_assert_int_eq(shutdown(stage.visitor, SHUT_WR), 0);
	in = (struct traffic){.fd = stage.peer, .size = taken};
	while (in.size > 0) {
		char bytes[4096];
		ssize_t got = sockets_read(stage.peer, bytes, sizeof bytes);

		ck_assert_int_gt(got, 0);
		in.size -= (size_t)got;
	}
	sockets_expect_end(stage.peer);
	ck_assert_int_eq(shutdown(stage.peer, SHUT_WR), 0);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_data, taken);
}
END_TEST

/* Bursts of any size, at any pace, so that the relay changes its ways. */
static void *
write_in_bursts(void *argument)
{
	struct traffic *traffic = argument;
	static char bytes[600000];
	uint32_t state = 1;
	size_t done = 0;

	traffic->good = true;
	while (done < traffic->size && traffic->good) {
		size_t size;

		state = state * 1664525 + 1013904223;
		size = state >> 30 ? state % 999 + 1 : sizeof bytes;
		if (size > traffic->size - done)
			size = traffic->size - done;
		for (size_t i = 0; i < size; i++)
			bytes[i] = pattern(done + i);
		traffic->good = send(traffic->fd, bytes, size, MSG_NOSIGNAL) ==
		                (ssize_t)size;
		done += size;
		if ((state >> 16 & 7) == 0)
			poll(NULL, 0, 1);
	}
	shutdown(traffic->fd, SHUT_WR);
	return NULL;
}

START_TEST(a_stream_that_swells_and_ebbs_arrives_whole)
{
	struct traffic out = {.size = 2 * EIGHT_MB};
	struct traffic in = {.size = 2 * EIGHT_MB};

	start();
	out.fd = stage.peer;
	in.fd = stage.visitor;
	begin_traffic(&in, read_pattern);
	begin_traffic(&out, write_in_bursts);
	end_traffic(&out);
	end_traffic(&in);
	close(stage.visitor);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_end, 2 * EIGHT_MB);
}
END_TEST

/* A reader that stops now and then, so that what was read has to wait. */
static void *
read_slowly(void *argument)
{
	struct traffic *traffic = argument;
	char bytes[20000];
	size_t done = 0;
	ssize_t got;

	traffic->good = true;
	while ((got = recv(traffic->fd, bytes, sizeof bytes, 0)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != pattern(done + (size_t)i))
				traffic->good = false;
		done += (size_t)got;
		if (done % 7 == 0)
			poll(NULL, 0, 2);
	}
	traffic->good = traffic->good && got == 0 && done == traffic->size;
	return NULL;
}

START_TEST(a_stream_that_has_to_wait_arrives_whole)
{
	for (int buffers = 16384; buffers <= 262144; buffers *= 4) {
		struct traffic out = {.size = EIGHT_MB};
		struct traffic in = {.size = EIGHT_MB};

		prepare(buffers);
		begin();
		out.fd = stage.peer;
		in.fd = stage.visitor;
		begin_traffic(&in, read_slowly);
		begin_traffic(&out, write_in_bursts);
		end_traffic(&out);
		end_traffic(&in);
		close(stage.visitor);
		assert_ends(RELAY_FINISHED);
		ck_assert_uint_eq(stage.relay.to_end, EIGHT_MB);
		close(stage.peer);
	}
}
END_TEST

static void
send_pattern(size_t from, size_t size)
{
	static char bytes[STUCK_BYTES];

	for (size_t i = 0; i < size; i++)
		bytes[i] = pattern(from + i);
	ck_assert_int_eq(send(stage.peer, bytes, size, 0), (ssize_t)size);
}

static void
expect_pattern(size_t from, size_t size)
{
	char byte;

	for (size_t i = 0; i < size; i++) {
		byte = pattern(from + i);
		sockets_expect(stage.visitor, &byte, 1);
	}
}

static int
unread(void)
{
	int bytes;

	ck_assert_int_eq(
	    ioctl(transport_fd(&stage.relay.data), FIONREAD, &bytes), 0);
	return bytes;
}

/*
 * Much, then little, then a little more, while the visitor reads just enough
 * for the relay to take the little: it turns from splicing to copying with some
 * of it still in the pipe.
 */
START_TEST(what_comes_last_arrives_last)
{
	enum { LITTLE = 32000 }; /* below what is spliced */
	size_t read_so_far = 0;

	prepare_narrow();
	send_pattern(0, STUCK_BYTES);
	while (unread() < STUCK_BYTES)
		sched_yield();
	begin();
	/* What goes out of its own accord has gone. */
	poll(NULL, 0, 100);
	send_pattern(STUCK_BYTES, LITTLE);
	while (unread() > 0) {
		expect_pattern(read_so_far, 1000);
		read_so_far += 1000;
		poll(NULL, 0, 2);
	}
	send_pattern(STUCK_BYTES + LITTLE, LITTLE);
	poll(NULL, 0, 50);
	expect_pattern(read_so_far, STUCK_BYTES + 2 * LITTLE - read_so_far);
	close(stage.peer);
	sockets_expect_end(stage.visitor);
	close(stage.visitor);
	assert_ends(RELAY_FINISHED);
}
END_TEST

START_TEST(a_writer_that_resets_within_a_stream_resets_the_reader)
{
	static const char bytes[EIGHT_MB / 4];

	start();
	ck_assert_int_gt(
	    send(stage.peer, bytes, sizeof bytes, MSG_DONTWAIT), 0);
	sockets_expect(stage.visitor, bytes, 4096);
	sockets_reset(stage.peer);
	sockets_expect_reset(stage.visitor);
	assert_ends(RELAY_DATA_BROKEN);
}
END_TEST

START_TEST(a_reader_that_resets_within_a_stream_resets_the_writer)
{
	struct traffic out = {.size = 100 * EIGHT_MB};
	char bytes[65536];

	start();
	out.fd = stage.peer;
	begin_traffic(&out, write_pattern);
	for (int i = 0; i < 100; i++)
		ck_assert_int_gt(
		    sockets_read(stage.visitor, bytes, sizeof bytes), 0);
	sockets_reset(stage.visitor);
	pthread_join(out.thread, NULL);
	ck_assert(!out.good);
	ck_assert_int_eq(out.failure, ECONNRESET);
	assert_ends(RELAY_END_BROKEN);
}
END_TEST

START_TEST(an_interruption_within_a_stream_is_a_reset)
{
	struct traffic out = {.size = 100 * EIGHT_MB};
	char bytes[65536];

	start();
	out.fd = stage.peer;
	begin_traffic(&out, write_pattern);
	for (int i = 0; i < 100; i++)
		ck_assert_int_gt(
		    sockets_read(stage.visitor, bytes, sizeof bytes), 0);
	roster_interrupt_all(&stage.roster);
	sockets_expect_reset(stage.visitor);
	pthread_join(out.thread, NULL);
	ck_assert(!out.good);
	assert_ends(RELAY_INTERRUPTED);
}
END_TEST

START_TEST(single_bytes_arrive_one_by_one)
{
	char byte[] = "a";

	start();
	for (int i = 0; i < 300; i++) {
		byte[0] = (char)('a' + i % 26);
		sockets_write(i % 2 ? stage.peer : stage.visitor, byte);
		sockets_expect(i % 2 ? stage.visitor : stage.peer, byte, 1);
	}
	close(stage.visitor);
	sockets_expect_end(stage.peer);
	close(stage.peer);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_data, 150);
	ck_assert_uint_eq(stage.relay.to_end, 150);
}
END_TEST

START_TEST(early_bytes_come_first)
{
	prepare(0);
	stage.relay.early = buffers_copy("early ", 6);
	stage.relay.early_size = 6;
	sockets_write(stage.peer, "late");
	begin();
	sockets_expect(stage.visitor, "early late", 10);
	close(stage.peer);
	sockets_expect_end(stage.visitor);
	close(stage.visitor);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_end, 10);
	ck_assert(stage.carried);
}
END_TEST

START_TEST(kept_bytes_come_first_the_other_way)
{
	static char kept[BUFFERS_BYTES];

	prepare(0);
	for (size_t i = 0; i < sizeof kept; i++)
		kept[i] = pattern(i);
	stage.relay.read_ahead = buffers_copy(kept, sizeof kept);
	stage.relay.read_ahead_size = sizeof kept;
	stage.relay.early = buffers_copy("early", 5);
	stage.relay.early_size = 5;
	sockets_write(stage.visitor, "late");
	begin();
	sockets_expect(stage.peer, kept, sizeof kept);
	sockets_expect(stage.peer, "late", 4);
	sockets_expect(stage.visitor, "early", 5);
	close(stage.peer);
	sockets_expect_end(stage.visitor);
	close(stage.visitor);
	assert_ends(RELAY_FINISHED);
	ck_assert_uint_eq(stage.relay.to_data, sizeof kept + 4);
	ck_assert_uint_eq(stage.relay.to_end, 5);
}
END_TEST

START_TEST(how_it_ended_is_told_in_words)
{
	ck_assert_str_eq(relay_ending(RELAY_FINISHED), "");
	static const enum relay_outcome broken[] = {
	    RELAY_DATA_BROKEN, RELAY_END_BROKEN, RELAY_FAILED};

	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		ck_assert(relay_is_broken(broken[i]));
		ck_assert_str_eq(relay_ending(broken[i]), ", reset");
	}
	ck_assert(!relay_is_broken(RELAY_FINISHED));
	ck_assert(!relay_is_broken(RELAY_INTERRUPTED));
	ck_assert_str_ne(relay_ending(RELAY_INTERRUPTED), "");
	ck_assert_str_ne(relay_ending(RELAY_INTERRUPTED), ", reset");
}
END_TEST

START_TEST(early_bytes_arrive_though_the_peer_has_ended)
{
	prepare(0);
	stage.relay.early = buffers_copy("all there is", 12);
	stage.relay.early_size = 12;
	ck_assert_int_eq(shutdown(stage.peer, SHUT_WR), 0);
	ck_assert_int_ne(sockets_wait(transport_fd(&stage.relay.data), POLLIN,
			     SOCKETS_PATIENCE_MS),
	    0);
	begin();
	sockets_expect(stage.visitor, "all there is", 12);
	sockets_expect_end(stage.visitor);
	close(stage.visitor);
	assert_ends(RELAY_FINISHED);
}
END_TEST

START_TEST(carried_tells_of_bytes_to_the_end_alone)
{
	start();
	sockets_write(stage.visitor, "out");
	sockets_expect(stage.peer, "out", 3);
	ck_assert(!stage.carried);
	sockets_write(stage.peer, "in");
	sockets_expect(stage.visitor, "in", 2);
	close(stage.visitor);
	close(stage.peer);
	assert_ends(RELAY_FINISHED);
	ck_assert(stage.carried);
}
END_TEST

START_TEST(nobody_has_to_ask_whether_it_carried)
{
	prepare(0);
	stage.relay.carried = NULL;
	begin();
	sockets_write(stage.peer, "in");
	sockets_expect(stage.visitor, "in", 2);
	close(stage.visitor);
	close(stage.peer);
	assert_ends(RELAY_FINISHED);
}
END_TEST

START_TEST(a_reset_of_the_visitor_travels_to_the_peer)
{
	start();
	sockets_write(stage.visitor, "x");
	sockets_expect(stage.peer, "x", 1);
	sockets_reset(stage.visitor);
	sockets_expect_reset(stage.peer);
	assert_ends(RELAY_END_BROKEN);
	ck_assert_int_eq(stage.saved_errno, ECONNRESET);
}
END_TEST

START_TEST(a_reset_of_the_peer_travels_to_the_visitor)
{
	start();
	sockets_write(stage.peer, "x");
	sockets_expect(stage.visitor, "x", 1);
	sockets_reset(stage.peer);
	sockets_expect_reset(stage.visitor);
	assert_ends(RELAY_DATA_BROKEN);
	ck_assert_int_eq(stage.saved_errno, ECONNRESET);
}
END_TEST

/* Its bytes cannot be written, so nothing is read, and yet it is seen. */
START_TEST(a_reset_behind_stuck_bytes_travels)
{
	prepare(32768);
	begin();
	sockets_stuff(stage.visitor, EIGHT_MB);
	sockets_reset(stage.visitor);
	assert_ends(RELAY_END_BROKEN);
	sockets_expect_reset(stage.peer);
}
END_TEST

START_TEST(a_reset_of_an_end_that_takes_nothing_travels)
{
	prepare(32768);
	begin();
	sockets_stuff(stage.visitor, EIGHT_MB);
	sockets_reset(stage.peer);
	sockets_expect_reset(stage.visitor);
	assert_ends(RELAY_DATA_BROKEN);
}
END_TEST

/* It has asked, ended its side, and gives up waiting for the answer. */
START_TEST(a_reset_after_a_half_close_travels)
{
	start();
	sockets_write(stage.visitor, "question");
	ck_assert_int_eq(shutdown(stage.visitor, SHUT_WR), 0);
	sockets_expect(stage.peer, "question", 8);
	sockets_expect_end(stage.peer);
	sockets_reset(stage.visitor);
	sockets_expect_broken(stage.peer);
	assert_ends(RELAY_END_BROKEN);
}
END_TEST

START_TEST(a_reset_after_a_half_close_of_the_peer_travels)
{
	start();
	sockets_write(stage.peer, "all");
	sockets_expect(stage.visitor, "all", 3);
	ck_assert_int_eq(shutdown(stage.peer, SHUT_WR), 0);
	sockets_expect_end(stage.visitor);
	sockets_reset(stage.peer);
	sockets_expect_broken(stage.visitor);
	assert_ends(RELAY_DATA_BROKEN);
}
END_TEST

START_TEST(an_end_that_was_reset_before_it_starts_resets_the_other)
{
	prepare(0);
	sockets_reset(stage.peer);
	ck_assert_int_ne(sockets_wait(transport_fd(&stage.relay.data), POLLIN,
			     SOCKETS_PATIENCE_MS),
	    0);
	begin();
	sockets_expect_reset(stage.visitor);
	assert_ends(RELAY_DATA_BROKEN);
}
END_TEST

START_TEST(an_interruption_resets_both_and_passes_no_end_of_file)
{
	start();
	sockets_write(stage.visitor, "half an");
	sockets_expect(stage.peer, "half an", 7);
	roster_interrupt_all(&stage.roster);
	sockets_expect_reset(stage.peer);
	sockets_expect_reset(stage.visitor);
	assert_ends(RELAY_INTERRUPTED);
}
END_TEST

START_TEST(an_interruption_before_the_start_counts)
{
	prepare(0);
	sockets_write(stage.peer, "x");
	roster_interrupt_all(&stage.roster);
	begin();
	sockets_expect_reset(stage.peer);
	sockets_expect_reset(stage.visitor);
	assert_ends(RELAY_INTERRUPTED);
}
END_TEST

START_TEST(an_interruption_ends_a_relay_that_is_blocked_both_ways)
{
	prepare(32768);
	begin();
	sockets_stuff(stage.visitor, EIGHT_MB);
	sockets_stuff(stage.peer, EIGHT_MB);
	roster_interrupt_all(&stage.roster);
	assert_ends(RELAY_INTERRUPTED);
	sockets_expect_reset(stage.peer);
	sockets_expect_reset(stage.visitor);
}
END_TEST

/* A request that is complete, and the answer's end still on its way. */
START_TEST(an_interruption_ends_a_relay_whose_ends_have_both_hung_up)
{
	prepare_narrow();
	begin();
	ck_assert_int_eq(shutdown(stage.visitor, SHUT_WR), 0);
	sockets_expect_end(stage.peer);
	/* The visitor reads slowly. */
	get_stuck(stage.peer, transport_fd(&stage.relay.data));
	/* The relay may see it before it is interrupted. */
	poll(NULL, 0, 100);
	roster_interrupt_all(&stage.roster);
	assert_ends(RELAY_INTERRUPTED);
	/* A cut answer must not look like a complete one. */
	sockets_expect_reset(stage.visitor);
}
END_TEST

START_TEST(an_interruption_ends_a_relay_that_waits_for_an_answer)
{
	start();
	ck_assert_int_eq(shutdown(stage.visitor, SHUT_WR), 0);
	sockets_expect_end(stage.peer);
	roster_interrupt_all(&stage.roster);
	sockets_expect_reset(stage.visitor);
	assert_ends(RELAY_INTERRUPTED);
}
END_TEST

START_TEST(an_idle_relay_does_not_spin)
{
	start();
	ck_assert_int_lt(cpu_used_ms(), 100);
	close(stage.visitor);
	close(stage.peer);
	assert_ends(RELAY_FINISHED);
}
END_TEST

START_TEST(a_half_closed_relay_does_not_spin)
{
	start();
	ck_assert_int_eq(shutdown(stage.visitor, SHUT_WR), 0);
	sockets_expect_end(stage.peer);
	ck_assert_int_lt(cpu_used_ms(), 100);
	close(stage.peer);
	sockets_expect_end(stage.visitor);
	assert_ends(RELAY_FINISHED);
}
END_TEST

START_TEST(an_end_that_hung_up_behind_stuck_bytes_does_not_spin)
{
	static const char bytes[STUCK_BYTES];

	prepare_narrow();
	begin();
	get_stuck(stage.visitor, transport_fd(&stage.relay.end));
	close(stage.visitor);
	ck_assert_int_lt(cpu_used_ms(), 100);
	sockets_expect(stage.peer, bytes, sizeof bytes);
	sockets_expect_end(stage.peer);
	close(stage.peer);
	assert_ends(RELAY_FINISHED);
}
END_TEST

/* All has ended but the bytes that the peer does not take. */
START_TEST(an_end_that_is_done_behind_stuck_bytes_does_not_spin)
{
	prepare_narrow();
	begin();
	get_stuck(stage.visitor, transport_fd(&stage.relay.end));
	ck_assert_int_eq(shutdown(stage.peer, SHUT_WR), 0);
	sockets_expect_end(stage.visitor);
	ck_assert_int_lt(cpu_used_ms(), 100);
	sockets_reset(stage.peer);
	assert_ends(RELAY_DATA_BROKEN);
}
END_TEST

START_TEST(two_ends_that_hung_up_behind_stuck_bytes_do_not_spin)
{
	prepare_narrow();
	begin();
	get_stuck(stage.visitor, transport_fd(&stage.relay.end));
	get_stuck(stage.peer, transport_fd(&stage.relay.data));
	ck_assert_int_lt(cpu_used_ms(), 100);
	sockets_reset(stage.visitor);
	assert_ends(RELAY_END_BROKEN);
	sockets_expect_reset(stage.peer);
}
END_TEST

SUITE_MAIN("relay", an_end_of_file_travels_and_the_answer_still_comes,
    the_other_side_may_end_first_as_well,
    no_end_of_file_comes_before_all_the_bytes, both_may_write_before_they_read,
    one_way_flows_while_the_other_is_blocked,
    a_slow_reader_holds_the_writer_back,
    a_stream_that_swells_and_ebbs_arrives_whole,
    a_stream_that_has_to_wait_arrives_whole, what_comes_last_arrives_last,
    a_writer_that_resets_within_a_stream_resets_the_reader,
    a_reader_that_resets_within_a_stream_resets_the_writer,
    an_interruption_within_a_stream_is_a_reset, single_bytes_arrive_one_by_one,
    early_bytes_come_first, kept_bytes_come_first_the_other_way,
    how_it_ended_is_told_in_words, early_bytes_arrive_though_the_peer_has_ended,
    carried_tells_of_bytes_to_the_end_alone,
    nobody_has_to_ask_whether_it_carried,
    a_reset_of_the_visitor_travels_to_the_peer,
    a_reset_of_the_peer_travels_to_the_visitor,
    a_reset_behind_stuck_bytes_travels,
    a_reset_of_an_end_that_takes_nothing_travels,
    a_reset_after_a_half_close_travels,
    a_reset_after_a_half_close_of_the_peer_travels,
    an_end_that_was_reset_before_it_starts_resets_the_other,
    an_interruption_resets_both_and_passes_no_end_of_file,
    an_interruption_before_the_start_counts,
    an_interruption_ends_a_relay_that_is_blocked_both_ways,
    an_interruption_ends_a_relay_whose_ends_have_both_hung_up,
    an_interruption_ends_a_relay_that_waits_for_an_answer,
    an_idle_relay_does_not_spin, a_half_closed_relay_does_not_spin,
    an_end_that_hung_up_behind_stuck_bytes_does_not_spin,
    an_end_that_is_done_behind_stuck_bytes_does_not_spin,
    two_ends_that_hung_up_behind_stuck_bytes_do_not_spin)

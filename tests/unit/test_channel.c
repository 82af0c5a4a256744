/* What channel.h promises, to peers that are slow, silent, rude or gone. */

/* The headers of a fortified build have a recv() of their own. */
#undef _FORTIFY_SOURCE

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "sockets.h"
#include "suite.h"
#include "wire/channel.h"

/* {"Connection":"..."} and NUL */
#define ANNOUNCEMENT_BYTES 54

/* How much send() takes at a time; 0: as much as the system. */
static size_t send_most;
/* Whether recv() never comes to an end, and how many bytes it gives at a time at
 * most; with few it takes its time. */
static atomic_bool flooded;
static size_t flood_most = SIZE_MAX;
static atomic_size_t flood_taken;

/* In place of the system's, so that it can be slow or never end. */
ssize_t
send(int fd, const void *bytes, size_t size, int flags)
{
	if (send_most > 0 && size > send_most)
		size = send_most;
	return sendto(fd, bytes, size, flags, NULL, 0);
}

ssize_t
recv(int fd, void *bytes, size_t size, int flags)
{
	if (atomic_load(&flooded)) {
		if (size > flood_most) {
			size = flood_most;
			poll(NULL, 0, 1);
		}
		memset(bytes, ' ', size);
		flood_taken += size;
		return (ssize_t)size;
	}
	return recvfrom(fd, bytes, size, flags, NULL, NULL);
}

static struct channel channel;
static struct message message;
static int ours, theirs;

static void
start(void)
{
	sockets_tcp(&ours, &theirs, 0);
	channel_init(&channel, transport_of(ours));
}

static void
end(void)
{
	close(ours);
	close(theirs);
}

static int64_t
soon(void)
{
	return clock_now_ms() + SOCKETS_PATIENCE_MS;
}

/* Write text with its NUL. */
static void
say(const char *text)
{
	ck_assert_int_eq(send(theirs, text, strlen(text) + 1, MSG_NOSIGNAL),
	    (ssize_t)strlen(text) + 1);
}

static enum error
hear(void)
{
	return channel_receive(&channel, &message, soon());
}

START_TEST(messages_arrive_in_order)
{
	start();
	say("{\"Hello\":80}");
	say("\"Heartbeat\"");
	say("{\"Error\":\"x\"}");
	ck_assert_int_eq(hear(), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_HELLO);
	ck_assert_uint_eq(message.as.port, 80);
	ck_assert_int_eq(hear(), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_HEARTBEAT);
	ck_assert_int_eq(hear(), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_ERROR);
	end();
}
END_TEST

static void *
dribble(void *argument)
{
	const char *text = argument;

	for (size_t i = 0; i <= strlen(text); i++)
		if (send(theirs, text + i, 1, MSG_NOSIGNAL) != 1)
			break;
	return NULL;
}

START_TEST(a_peer_may_send_one_byte_at_a_time)
{
	static char text[] = "{\"Accept\":"
			     "\"00112233-4455-4677-8899-aabbccddeeff\"}";
	pthread_t thread;

	start();
	ck_assert_int_eq(pthread_create(&thread, NULL, dribble, text), 0);
	ck_assert_int_eq(hear(), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_ACCEPT);
	ck_assert_uint_eq(message.as.uuid.bytes[15], 0xff);
	pthread_join(thread, NULL);
	end();
}
END_TEST

/* Without a thread: what is not whole yet is not a message yet. */
START_TEST(a_message_is_there_with_its_last_byte_and_no_sooner)
{
	static const char text[] = "\"Heartbeat\"";

	start();
	for (size_t i = 0; i < sizeof text; i++) {
		ck_assert_int_eq(channel_next(&channel, &message), ERROR_AGAIN);
		ck_assert_int_eq(channel_fill(&channel), ERROR_AGAIN);
		ck_assert_int_eq(send(theirs, text + i, 1, 0), 1);
		sockets_wait(ours, POLLIN, SOCKETS_PATIENCE_MS);
		ck_assert_int_eq(channel_fill(&channel), ERROR_NONE);
	}
	ck_assert_int_eq(channel_next(&channel, &message), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_HEARTBEAT);
	ck_assert_int_eq(channel_next(&channel, &message), ERROR_AGAIN);
	end();
}
END_TEST

START_TEST(silence_lasts_until_the_deadline)
{
	int64_t deadline_ms;

	start();
	ck_assert_int_eq(send(theirs, "\"Heart", 6, 0), 6);
	deadline_ms = clock_now_ms() + 150;
	ck_assert_int_eq(
	    channel_receive(&channel, &message, deadline_ms), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	/* What came so far is not lost. */
	ck_assert_int_eq(send(theirs, "beat\"", 6, 0), 6);
	ck_assert_int_eq(hear(), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_HEARTBEAT);
	end();
}
END_TEST

START_TEST(what_is_there_is_taken_also_behind_the_deadline)
{
	start();
	say("\"Heartbeat\"");
	sockets_wait(ours, POLLIN, SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(channel_receive(&channel, &message, 0), ERROR_NONE);
	ck_assert_int_eq(channel_receive(&channel, &message, 0), ERROR_TIMEOUT);
	end();
}
END_TEST

static atomic_bool enough;

/* A peer that always has one more byte; white space is legal in JSON. */
static void *
stall(void *argument)
{
	(void)argument;
	while (!atomic_load(&enough) && send(theirs, " ", 1, MSG_NOSIGNAL) == 1)
		poll(NULL, 0, 100);
	return NULL;
}

START_TEST(a_dribbling_peer_does_not_move_the_deadline)
{
	int64_t deadline_ms;
	pthread_t thread;

	start();
	ck_assert_int_eq(pthread_create(&thread, NULL, stall, NULL), 0);
	deadline_ms = clock_now_ms() + 300;
	ck_assert_int_eq(
	    channel_receive(&channel, &message, deadline_ms), ERROR_TIMEOUT);
	/* 256 bytes at this pace would take 25 s. */
	ck_assert_int_lt(clock_now_ms(), deadline_ms + 15000);
	atomic_store(&enough, true);
	pthread_join(thread, NULL);
	end();
}
END_TEST

START_TEST(an_end_of_file_is_told_behind_the_messages)
{
	start();
	say("\"Heartbeat\"");
	ck_assert_int_eq(shutdown(theirs, SHUT_WR), 0);
	ck_assert_int_eq(hear(), ERROR_NONE);
	ck_assert_int_eq(hear(), ERROR_CLOSED);
	ck_assert_int_eq(hear(), ERROR_CLOSED);
	ck_assert_int_eq(channel_fill(&channel), ERROR_CLOSED);
	end();
}
END_TEST

START_TEST(an_end_of_file_within_a_frame_is_no_message)
{
	start();
	ck_assert_int_eq(send(theirs, "\"Heartbeat\"", 11, 0), 11);
	ck_assert_int_eq(shutdown(theirs, SHUT_WR), 0);
	ck_assert_int_eq(hear(), ERROR_CLOSED);
	end();
}
END_TEST

START_TEST(a_reset_is_told_as_one)
{
	start();
	sockets_reset(theirs);
	theirs = -1;
	ck_assert_int_eq(hear(), ERROR_RESET);
	ck_assert_int_eq(errno, ECONNRESET);
	end();
}
END_TEST

START_TEST(what_is_no_message_is_a_protocol_error)
{
	char bytes[257];

	start();
	say("{\"Hello\":65536}");
	ck_assert_int_eq(hear(), ERROR_PROTOCOL);
	end();

	start();
	memset(bytes, ' ', sizeof bytes);
	ck_assert_int_eq(
	    send(theirs, bytes, sizeof bytes, 0), (ssize_t)sizeof bytes);
	ck_assert_int_eq(hear(), ERROR_PROTOCOL);
	end();
}
END_TEST

START_TEST(raw_bytes_behind_a_message_are_kept)
{
	const char *rest;
	size_t size;

	start();
	ck_assert_int_eq(send(theirs, "\"Heartbeat\"\0raw\0\xff", 17, 0), 17);
	ck_assert_int_eq(hear(), ERROR_NONE);
	while (channel_rest(&channel, &size), size < 5) {
		sockets_wait(ours, POLLIN, SOCKETS_PATIENCE_MS);
		ck_assert_int_eq(channel_fill(&channel), ERROR_NONE);
	}
	rest = channel_rest(&channel, &size);
	ck_assert_uint_eq(size, 5);
	ck_assert_mem_eq(rest, "raw\0\xff", 5);
	end();
}
END_TEST

START_TEST(nothing_is_written_before_it_is_flushed)
{
	static const char expected[] = "\"Heartbeat\"\0{\"Hello\":80}";

	start();
	message = (struct message){.kind = MESSAGE_HEARTBEAT};
	ck_assert_int_eq(channel_put(&channel, &message), ERROR_NONE);
	ck_assert_uint_eq(channel_queued(&channel), 12);
	message = (struct message){.kind = MESSAGE_HELLO, .as.port = 80};
	ck_assert_int_eq(channel_put(&channel, &message), ERROR_NONE);
	ck_assert_uint_eq(channel_queued(&channel), sizeof expected);
	ck_assert(!sockets_is_readable(theirs));
	ck_assert_int_eq(channel_flush(&channel), ERROR_NONE);
	ck_assert_uint_eq(channel_queued(&channel), 0);
	sockets_expect(theirs, expected, sizeof expected);
	end();
}
END_TEST

START_TEST(what_the_system_does_not_take_at_once_is_not_lost)
{
	start();
	for (send_most = 1; send_most <= 64; send_most *= 4) {
		message = (struct message){
		    .kind = MESSAGE_HELLO, .as.port = (uint16_t)send_most};
		ck_assert_int_eq(channel_put(&channel, &message), ERROR_NONE);
		message.kind = MESSAGE_ERROR;
		snprintf(message.as.text, sizeof message.as.text, "%s",
		    "all of a longer text");
		ck_assert_int_eq(
		    channel_send(&channel, &message, soon()), ERROR_NONE);
	}
	send_most = 0;
	close(ours);
	channel_init(&channel, transport_of(theirs));
	for (size_t i = 1; i <= 64; i *= 4) {
		ck_assert_int_eq(hear(), ERROR_NONE);
		ck_assert_int_eq(message.kind, MESSAGE_HELLO);
		ck_assert_uint_eq(message.as.port, i);
		ck_assert_int_eq(hear(), ERROR_NONE);
		ck_assert_int_eq(message.kind, MESSAGE_ERROR);
		ck_assert_str_eq(message.as.text, "all of a longer text");
	}
	ck_assert_int_eq(hear(), ERROR_CLOSED);
	close(theirs);
}
END_TEST

START_TEST(the_queue_is_bounded_and_says_when_it_is_full)
{
	unsigned count = 0;

	start();
	message = (struct message){.kind = MESSAGE_CONNECTION};
	while (channel_has_room(&channel)) {
		ck_assert_int_eq(channel_put(&channel, &message), ERROR_NONE);
		count++;
		ck_assert_uint_eq(
		    channel_queued(&channel), count * ANNOUNCEMENT_BYTES);
		ck_assert_uint_le(
		    channel_queued(&channel), CHANNEL_QUEUE_BYTES);
	}
	ck_assert_uint_ge(count, 14);
	ck_assert_int_eq(channel_put(&channel, &message), ERROR_RESOURCES);
	ck_assert_uint_eq(channel_queued(&channel), count * ANNOUNCEMENT_BYTES);
	/* What is in it is whole, and there is room again. */
	ck_assert_int_eq(channel_flush(&channel), ERROR_NONE);
	ck_assert(channel_has_room(&channel));
	close(ours);
	channel_init(&channel, transport_of(theirs));
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(hear(), ERROR_NONE);
		ck_assert_int_eq(message.kind, MESSAGE_CONNECTION);
	}
	ck_assert_int_eq(hear(), ERROR_CLOSED);
	close(theirs);
}
END_TEST

START_TEST(the_longest_frame_fits_wherever_there_is_room)
{
	start();
	message = (struct message){.kind = MESSAGE_ERROR};
	memset(message.as.text, 'x', 244);
	while (channel_has_room(&channel))
		ck_assert_int_eq(channel_put(&channel, &message), ERROR_NONE);
	ck_assert_uint_eq(channel_queued(&channel) % 257, 0);
	ck_assert_uint_gt(channel_queued(&channel) + 257, CHANNEL_QUEUE_BYTES);
	end();
}
END_TEST

/* 257 bytes are the longest frame with its NUL: exactly that is enough. */
START_TEST(room_for_one_more_means_the_longest_frame)
{
	for (int spare = 0; spare < 2; spare++) {
		start();
		message = (struct message){.kind = MESSAGE_CONNECTION};
		for (int i = 0; i < 14 - spare; i++)
			channel_put(&channel, &message);
		/* 13 bytes each, or 12 */
		message = (struct message){.kind = MESSAGE_HELLO};
		message.as.port = spare ? 80 : 8;
		for (int i = 0; i < (spare ? 5 : 1); i++)
			channel_put(&channel, &message);
		ck_assert_uint_eq(channel_queued(&channel),
		    CHANNEL_QUEUE_BYTES - 256u - (unsigned)spare);
		ck_assert_int_eq(channel_has_room(&channel), spare);
		end();
	}
}
END_TEST

/* Fill the way to a peer that does not read. */
static void
block(void)
{
	static const char bytes[65536];

	sockets_tcp(&ours, &theirs, 16384);
	channel_init(&channel, transport_of(ours));
	while (send(ours, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		continue;
	while (sockets_wait(ours, POLLOUT, 200) != 0)
		if (send(ours, bytes, sizeof bytes, MSG_DONTWAIT) == -1)
			ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(a_peer_that_does_not_read_costs_no_more_than_the_deadline)
{
	int64_t deadline_ms;

	block();
	message = (struct message){.kind = MESSAGE_HEARTBEAT};
	ck_assert_int_eq(channel_put(&channel, &message), ERROR_NONE);
	ck_assert_int_eq(channel_flush(&channel), ERROR_AGAIN);
	ck_assert_uint_eq(channel_queued(&channel), 12);
	deadline_ms = clock_now_ms() + 150;
	ck_assert_int_eq(
	    channel_send(&channel, &message, deadline_ms), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	ck_assert_uint_eq(channel_queued(&channel), 24);
	end();
}
END_TEST

static void *
read_away(void *argument)
{
	char bytes[65536];

	(void)argument;
	while (recv(theirs, bytes, sizeof bytes, 0) > 0)
		continue;
	return NULL;
}

START_TEST(sending_goes_on_when_the_peer_reads_again)
{
	pthread_t thread;

	block();
	ck_assert_int_eq(pthread_create(&thread, NULL, read_away, NULL), 0);
	message = (struct message){.kind = MESSAGE_HEARTBEAT};
	ck_assert_int_eq(channel_send(&channel, &message, soon()), ERROR_NONE);
	ck_assert_uint_eq(channel_queued(&channel), 0);
	ck_assert_int_eq(channel_send(&channel, NULL, soon()), ERROR_NONE);
	shutdown(ours, SHUT_WR);
	pthread_join(thread, NULL);
	end();
}
END_TEST

START_TEST(sending_to_a_peer_that_is_gone_is_a_reset_and_no_signal)
{
	start();
	close(theirs);
	theirs = -1;
	message = (struct message){.kind = MESSAGE_HEARTBEAT};
	ck_assert_int_eq(channel_send(&channel, &message, soon()), ERROR_NONE);
	/* The answer to that is a reset. */
	while (sockets_wait(ours, 0, SOCKETS_PATIENCE_MS) == 0)
		continue;
	ck_assert_int_eq(channel_send(&channel, &message, soon()), ERROR_RESET);
	end();
}
END_TEST

/* The side that refuses, in a thread, until it has closed. */
struct refusal {
	pthread_t thread;
	const char *text;
	const struct message *more;
	int64_t deadline_ms;
	int64_t done_ms;
};

static void *
refuse(void *argument)
{
	struct refusal *refusal = argument;

	channel_refuse(
	    &channel, refusal->text, refusal->more, refusal->deadline_ms);
	refusal->done_ms = clock_now_ms();
	close(ours);
	return NULL;
}

static void
begin_refusal(struct refusal *refusal)
{
	ck_assert_int_eq(
	    pthread_create(&refusal->thread, NULL, refuse, refusal), 0);
}

START_TEST(who_is_refused_reads_why_though_it_goes_on_sending)
{
	static const char expected[] = "{\"Error\":\"port already in use\"}";
	static const char more[30000];
	struct refusal refusal = {
	    .text = "port already in use", .deadline_ms = soon()};

	start();
	begin_refusal(&refusal);
	/* All this is in flight while it is refused. */
	ck_assert_int_eq(
	    send(theirs, more, sizeof more, 0), (ssize_t)sizeof more);
	sockets_expect(theirs, expected, sizeof expected);
	sockets_expect_end(theirs);
	ck_assert_int_eq(
	    send(theirs, more, sizeof more, 0), (ssize_t)sizeof more);
	/* Nobody waits for the deadline when the peer has ended. */
	close(theirs);
	pthread_join(refusal.thread, NULL);
	ck_assert_int_lt(refusal.done_ms, refusal.deadline_ms);
}
END_TEST

START_TEST(what_more_there_is_to_say_comes_behind_the_error)
{
	static const char expected[] =
	    "{\"Error\":\"port already in use\"}\0{\"Bye\":{\"copy\":true}}";
	const struct message bye = {
	    .kind = MESSAGE_BYE, .as.bye = {.copy = true}};
	struct refusal refusal = {
	    .text = "port already in use", .more = &bye, .deadline_ms = soon()};

	start();
	begin_refusal(&refusal);
	sockets_expect(theirs, expected, sizeof expected);
	sockets_expect_end(theirs);
	close(theirs);
	pthread_join(refusal.thread, NULL);
}
END_TEST

START_TEST(a_refusal_ends_at_its_deadline)
{
	struct refusal refusal = {.text = "x"};

	start();
	refusal.deadline_ms = clock_now_ms() + 200;
	begin_refusal(&refusal);
	pthread_join(refusal.thread, NULL);
	ck_assert_int_ge(refusal.done_ms, refusal.deadline_ms);
	close(theirs);
}
END_TEST

START_TEST(a_refusal_of_a_flood_ends_after_so_many_bytes)
{
	struct refusal refusal = {.text = "x"};

	start();
	say("one of very many");
	atomic_store(&flooded, true);
	refusal.deadline_ms = soon();
	begin_refusal(&refusal);
	pthread_join(refusal.thread, NULL);
	ck_assert_int_lt(refusal.done_ms, refusal.deadline_ms);
	ck_assert_uint_ge(flood_taken, CHANNEL_DRAIN_BYTES);
	ck_assert_uint_lt(flood_taken, CHANNEL_DRAIN_BYTES + 1024);
	close(theirs);
}
END_TEST

START_TEST(a_refusal_of_one_who_dribbles_ends_at_its_deadline)
{
	struct refusal refusal = {.text = "x"};

	start();
	say("one of very many");
	flood_most = 1;
	atomic_store(&flooded, true);
	refusal.deadline_ms = clock_now_ms() + 200;
	begin_refusal(&refusal);
	pthread_join(refusal.thread, NULL);
	ck_assert_int_ge(refusal.done_ms, refusal.deadline_ms);
	ck_assert_uint_lt(flood_taken, CHANNEL_DRAIN_BYTES);
	close(theirs);
}
END_TEST

START_TEST(a_refusal_of_a_peer_that_is_gone_ends_at_once)
{
	struct refusal refusal = {.text = "x", .deadline_ms = soon()};

	start();
	close(theirs);
	begin_refusal(&refusal);
	pthread_join(refusal.thread, NULL);
	ck_assert_int_lt(refusal.done_ms, refusal.deadline_ms);
}
END_TEST

SUITE_MAIN("channel", messages_arrive_in_order,
    a_peer_may_send_one_byte_at_a_time,
    a_message_is_there_with_its_last_byte_and_no_sooner,
    silence_lasts_until_the_deadline,
    what_is_there_is_taken_also_behind_the_deadline,
    a_dribbling_peer_does_not_move_the_deadline,
    an_end_of_file_is_told_behind_the_messages,
    an_end_of_file_within_a_frame_is_no_message, a_reset_is_told_as_one,
    what_is_no_message_is_a_protocol_error, raw_bytes_behind_a_message_are_kept,
    nothing_is_written_before_it_is_flushed,
    what_the_system_does_not_take_at_once_is_not_lost,
    the_queue_is_bounded_and_says_when_it_is_full,
    the_longest_frame_fits_wherever_there_is_room,
    room_for_one_more_means_the_longest_frame,
    a_peer_that_does_not_read_costs_no_more_than_the_deadline,
    sending_goes_on_when_the_peer_reads_again,
    sending_to_a_peer_that_is_gone_is_a_reset_and_no_signal,
    who_is_refused_reads_why_though_it_goes_on_sending,
    what_more_there_is_to_say_comes_behind_the_error,
    a_refusal_ends_at_its_deadline,
    a_refusal_of_a_flood_ends_after_so_many_bytes,
    a_refusal_of_one_who_dribbles_ends_at_its_deadline,
    a_refusal_of_a_peer_that_is_gone_ends_at_once)

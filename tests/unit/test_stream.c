/* What stream.h promises of one end alone, rule by rule; tests/sim plays two. */
#include "base/clock.h"
#include "stream/stream.h"
#include "suite.h"

#define RESUME_MS 30000
#define FAR       ((uint32_t)1 << 20)

static struct stream stream;
static int64_t now_ms;
static unsigned actions;

static struct stream_options
options_of(enum stream_role role, uint32_t resume_ms)
{
	return (struct stream_options){.role = role,
	    .resume_ms = resume_ms,
	    .dead_ms = STREAM_DEAD_MS,
	    .offer_ms = 200,
	    .wait_ms = 10000,
	    .window_most = STREAM_WINDOW_NEAR};
}

static void
step(struct stream_event event)
{
	event.now_ms = now_ms;
	actions = stream_step(&stream, &event);
}

static struct stream_event
frame_of(enum stream_type type, uint32_t length, uint32_t received)
{
	return (struct stream_event){.kind = STREAM_EVENT_FRAME,
	    .connection = stream.connection,
	    .head = {type, length, received, received + FAR}};
}

/* Take all frames that are to be sent. Returns the type of the last one. */
static enum stream_type
send_all(void)
{
	struct stream_frame frame;
	enum stream_type last = STREAM_NOTHING;

	while (stream_next(&stream, now_ms, 65536, &frame))
		last = frame.head.type;
	return last;
}

/* A client's end that has said its first word. */
static void
begin_client(uint32_t resume_ms)
{
	struct stream_options options = options_of(STREAM_CLIENT, resume_ms);
	struct stream_head open = {STREAM_OPEN, 0, 0, FAR};

	now_ms = 1000;
	stream_init_client(&stream, &options, 1, &open, now_ms);
	now_ms += STREAM_FIRST_ACK_MS;
	step((struct stream_event){.kind = STREAM_EVENT_TIME});
	ck_assert_int_eq(send_all(), STREAM_DATA);
	ck_assert(stream.taken);
}

/* A server's end whose visitor was taken. */
static void
begin_server(uint32_t resume_ms)
{
	struct stream_options options = options_of(STREAM_SERVER, resume_ms);

	now_ms = 1000;
	stream_init_server(&stream, &options, now_ms);
	step((struct stream_event){.kind = STREAM_EVENT_TIME});
	ck_assert(actions & STREAM_DO_OFFER);
	step((struct stream_event){.kind = STREAM_EVENT_IDLE, .connection = 1});
	ck_assert_int_eq(send_all(), STREAM_OPEN);
	step(frame_of(STREAM_DATA, 0, 0));
	ck_assert(stream.taken);
	ck_assert_int_eq(stream.link, STREAM_ATTACHED);
}

static void
read_from_end(uint64_t size)
{
	step((struct stream_event){.kind = STREAM_EVENT_READ, .size = size});
}

static void
resume(uint32_t connection, uint32_t attempt, uint64_t received)
{
	step((struct stream_event){.kind = STREAM_EVENT_RESUME,
	    .connection = connection,
	    .attempt = attempt,
	    .place = {received, received + FAR}});
}

START_TEST(only_a_higher_attempt_displaces)
{
	begin_server(RESUME_MS);
	resume(2, 3, 0);
	ck_assert(actions & STREAM_DO_DROP);
	ck_assert_uint_eq(stream.connection, 2);
	for (uint32_t attempt = 1; attempt <= 3; attempt++) {
		resume(3, attempt, 0);
		ck_assert_uint_eq(actions, STREAM_DO_DROP_NEW);
		ck_assert_uint_eq(stream.connection, 2);
	}
	resume(3, 4, 0);
	ck_assert_uint_eq(stream.connection, 3);
	ck_assert_int_eq(send_all(), STREAM_RESUMED);
}
END_TEST

START_TEST(lost_breaks_the_attempt_that_it_names)
{
	struct stream_event lost = {.kind = STREAM_EVENT_LOST};

	begin_client(RESUME_MS);
	stream.attempt = 2;
	lost.attempt = 1;
	step(lost);
	ck_assert_uint_eq(actions, 0);
	ck_assert_int_eq(stream.link, STREAM_ATTACHED);
	lost.attempt = 2;
	step(lost);
	ck_assert(actions & STREAM_DO_DROP);
	ck_assert(actions & STREAM_DO_INTERRUPTED);
	step((struct stream_event){.kind = STREAM_EVENT_TIME});
	ck_assert(actions & STREAM_DO_DIAL);
}
END_TEST

START_TEST(bye_is_no_end_while_something_is_missing)
{
	begin_client(RESUME_MS);
	read_from_end(10);
	step((struct stream_event){.kind = STREAM_EVENT_END});
	(void)send_all();
	step(frame_of(STREAM_END, 0, 0));
	/* It has not acknowledged what we have said. */
	step(frame_of(STREAM_BYE, 0, 0));
	ck_assert(actions & STREAM_DO_DROP);
	ck_assert(!(actions & STREAM_DO_CLOSE_END));
	ck_assert(actions & STREAM_DO_RESET_END);
}
END_TEST

START_TEST(bye_ends_what_is_complete)
{
	begin_client(RESUME_MS);
	read_from_end(10);
	step((struct stream_event){.kind = STREAM_EVENT_END});
	(void)send_all();
	step(frame_of(STREAM_END, 0, 11));
	ck_assert(actions & STREAM_DO_PASS_END);
	step(frame_of(STREAM_BYE, 0, 11));
	ck_assert(actions & STREAM_DO_CLOSE_END);
	ck_assert_int_eq(send_all(), STREAM_BYE);
	step((struct stream_event){.kind = STREAM_EVENT_TIME});
	ck_assert(actions & STREAM_DO_PART);
	ck_assert(actions & STREAM_DO_END);
}
END_TEST

START_TEST(silence_is_a_sign_only_while_something_is_owed)
{
	begin_client(RESUME_MS);
	now_ms += 100000;
	step((struct stream_event){.kind = STREAM_EVENT_TIME});
	ck_assert_int_eq(stream.link, STREAM_ATTACHED);
	read_from_end(10);
	(void)send_all();
	/* What is heard need not acknowledge anything: the path is slow. */
	now_ms += STREAM_DEAD_MS - 100;
	step(frame_of(STREAM_DATA, 1, 0));
	now_ms += STREAM_DEAD_MS - 1;
	step((struct stream_event){.kind = STREAM_EVENT_TIME});
	ck_assert_int_eq(stream.link, STREAM_ATTACHED);
	now_ms += 1;
	step((struct stream_event){.kind = STREAM_EVENT_TIME});
	ck_assert(actions & STREAM_DO_DROP);
	ck_assert(actions & STREAM_DO_DIAL);
}
END_TEST

START_TEST(no_more_is_read_than_can_be_sent_on)
{
	begin_server(RESUME_MS);
	ck_assert_uint_gt(stream_may_read(&stream), 0);
	read_from_end(1000);
	ck_assert_uint_eq(stream_may_read(&stream), 0);
	(void)send_all();
	ck_assert_uint_gt(stream_may_read(&stream), 0);
	/* In an interruption there is nobody to send it to. */
	step((struct stream_event){
	    .kind = STREAM_EVENT_BROKEN, .connection = 1});
	ck_assert(actions & STREAM_DO_INTERRUPTED);
	read_from_end(1000);
	ck_assert_uint_gt(stream_may_read(&stream), 0);
}
END_TEST

START_TEST(a_question_is_answered_at_once)
{
	begin_client(RESUME_MS);
	ck_assert_int_eq(send_all(), STREAM_NOTHING);
	step(frame_of(STREAM_PROBE, 0, 0));
	ck_assert_int_eq(send_all(), STREAM_PROBED);
	ck_assert_int_eq(send_all(), STREAM_NOTHING);
}
END_TEST

START_TEST(what_was_not_kept_is_not_offered_again)
{
	begin_client(0);
	step((struct stream_event){
	    .kind = STREAM_EVENT_OPENED_AGAIN, .connection = 2});
	ck_assert(actions & STREAM_DO_DROP_NEW);
	ck_assert(actions & STREAM_DO_RESET_END);
	ck_assert(actions & STREAM_DO_END);
	/* What was kept is. */
	begin_client(RESUME_MS);
	step((struct stream_event){
	    .kind = STREAM_EVENT_OPENED_AGAIN, .connection = 2});
	ck_assert(actions & STREAM_DO_DROP);
	ck_assert_uint_eq(stream.connection, 2);
	ck_assert_int_eq(send_all(), STREAM_RESUME);
}
END_TEST

START_TEST(without_resume_a_break_is_the_end)
{
	if (_i == 0)
		begin_server(0);
	else
		begin_client(0);
	step((struct stream_event){
	    .kind = STREAM_EVENT_BROKEN, .connection = 1});
	ck_assert(actions & STREAM_DO_RESET_END);
	ck_assert(actions & STREAM_DO_END);
	ck_assert(!(actions & STREAM_DO_DIAL));
}
END_TEST

START_TEST(a_position_that_cannot_be_is_a_reset)
{
	begin_server(RESUME_MS);
	read_from_end(1000);
	(void)send_all();
	step(frame_of(STREAM_DATA, 0, 500));
	/* More than was sent, or less than was acknowledged. */
	resume(2, 1, _i == 0 ? 1001 : 499);
	ck_assert(actions & STREAM_DO_RESET_END);
	ck_assert_int_eq(send_all(), STREAM_GONE);
	ck_assert_int_eq(stream.fate, STREAM_FATE_GONE);
}
END_TEST

START_TEST(what_was_lost_is_sent_again)
{
	struct stream_frame frame;

	begin_server(RESUME_MS);
	read_from_end(1000);
	(void)send_all();
	step((struct stream_event){
	    .kind = STREAM_EVENT_BROKEN, .connection = 1});
	resume(2, 1, 400);
	ck_assert(actions & STREAM_DO_RESUMED);
	ck_assert(stream_next(&stream, now_ms, 65536, &frame));
	ck_assert_int_eq(frame.head.type, STREAM_RESUMED);
	ck_assert(stream_next(&stream, now_ms, 65536, &frame));
	ck_assert_int_eq(frame.head.type, STREAM_DATA);
	ck_assert_uint_eq(frame.position, 400);
	ck_assert_uint_eq(frame.head.length, 600);
}
END_TEST

START_TEST(more_than_was_allowed_breaks_a_rule)
{
	begin_client(RESUME_MS);
	step(frame_of(STREAM_DATA, (uint32_t)stream.in.limit, 0));
	ck_assert_uint_eq(actions, 0);
	step(frame_of(STREAM_DATA, 1, 0));
	ck_assert(actions & STREAM_DO_DROP);
	ck_assert(actions & STREAM_DO_RESET_END);
}
END_TEST

int
main(void)
{
	const TTest *const cases[] = {only_a_higher_attempt_displaces,
	    lost_breaks_the_attempt_that_it_names,
	    bye_is_no_end_while_something_is_missing, bye_ends_what_is_complete,
	    silence_is_a_sign_only_while_something_is_owed,
	    no_more_is_read_than_can_be_sent_on, a_question_is_answered_at_once,
	    what_was_not_kept_is_not_offered_again, what_was_lost_is_sent_again,
	    more_than_was_allowed_breaks_a_rule};
	Suite *suite = suite_create("stream");
	TCase *tcase = tcase_create("stream");

	tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
	for (size_t i = 0; i < SUITE_LENGTH(cases); i++)
		tcase_add_test(tcase, cases[i]);
	tcase_add_loop_test(tcase, without_resume_a_break_is_the_end, 0, 2);
	tcase_add_loop_test(tcase, a_position_that_cannot_be_is_a_reset, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_finish(suite);
}

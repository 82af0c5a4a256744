/* What inherited.h promises, of the variant that this system uses and of the one
 * for systems without closefrom(3). */
#include <fcntl.h>
#include <unistd.h>

#include "os/inherited.h"
#include "suite.h"

#define inherited_close close_by_proc
void close_by_proc(int first);
#include "os/inherited_proc.c" /* NOLINT(bugprone-suspicious-include) */
#undef inherited_close

static void
assert_closes(void (*close_from)(int))
{
	static const int numbers[] = {98, 99, 100, 101, 200};

	for (size_t i = 0; i < SUITE_LENGTH(numbers); i++)
		ck_assert_int_eq(dup2(STDERR_FILENO, numbers[i]), numbers[i]);
	close_from(100);
	for (size_t i = 0; i < SUITE_LENGTH(numbers); i++)
		ck_assert_int_eq(
		    fcntl(numbers[i], F_GETFD) != -1, numbers[i] < 100);
}

START_TEST(all_from_the_first_on_are_closed)
{
	assert_closes(inherited_close);
}
END_TEST

START_TEST(so_they_are_without_a_call_for_it)
{
	assert_closes(close_by_proc);
}
END_TEST

SUITE_MAIN("inherited", all_from_the_first_on_are_closed,
    so_they_are_without_a_call_for_it)

/* What options_suggest.h promises */
#include <string.h>

#include "options_suggest.h"
#include "suite.h"

static unsigned
distance(const char *a, const char *b)
{
	return options_distance(a, strlen(a), b, strlen(b));
}

START_TEST(letters_are_counted_that_differ)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} rows[] = {
	    {"", "", 0},
	    {"", "port", 4},
	    {"port", "port", 0},
	    {"port", "ports", 1},
	    {"port", "prt", 1},
	    {"port", "part", 1},
	    {"port", "prot", 1},
	    {"port", "opr", 2},
	    {"secret", "secrte", 1},
	    {"secret", "scerte", 2},
	    {"kitten", "sitting", 3},
	    {"state-file", "statefile", 1},
	};

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++) {
		ck_assert_uint_eq(
		    distance(rows[i].a, rows[i].b), rows[i].distance);
		ck_assert_uint_eq(
		    distance(rows[i].b, rows[i].a), rows[i].distance);
	}
}
END_TEST

START_TEST(the_longest_words_are_compared)
{
	char a[OPTIONS_WORD_MOST], b[OPTIONS_WORD_MOST];

	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	ck_assert_uint_eq(
	    options_distance(a, sizeof a, b, sizeof b), OPTIONS_WORD_MOST);
}
END_TEST

static void
expect(enum config_command command, const char *word, const char *suggestion)
{
	const char *found = options_suggest(command, word, strlen(word));

	if (suggestion == NULL)
		ck_assert_ptr_null(found);
	else
		ck_assert_pstr_eq(found, suggestion);
}

START_TEST(an_option_of_the_command_is_suggested)
{
	expect(CONFIG_LOCAL, "tp", "to");
	expect(CONFIG_LOCAL, "prot", "port");
	expect(CONFIG_LOCAL, "secrets", "secret");
	expect(CONFIG_LOCAL, "statefile", "state-file");
	expect(CONFIG_LOCAL, "local-prot", NULL);
	expect(CONFIG_LOCAL, "max-retry", NULL);
	expect(CONFIG_LOCAL, "max-retrys", "max-retries");
	expect(CONFIG_SERVER, "max-prt", "max-port");
	expect(CONFIG_SERVER, "leese", "lease");
	/* Of the other command, an operand, nothing alike, too long */
	expect(CONFIG_SERVER, "tp", NULL);
	expect(CONFIG_LOCAL, "LOCAL_PORTS", NULL);
	expect(CONFIG_LOCAL, "bogus", NULL);
	expect(CONFIG_LOCAL, "", NULL);
	expect(CONFIG_LOCAL, "heartbeat-timeout-heartbeat-timeout", NULL);
}
END_TEST

START_TEST(only_the_length_that_is_told_is_read)
{
	ck_assert_pstr_eq(options_suggest(CONFIG_LOCAL, "prot=80", 4), "port");
}
END_TEST

SUITE_MAIN("options_suggest", letters_are_counted_that_differ,
    the_longest_words_are_compared, an_option_of_the_command_is_suggested,
    only_the_length_that_is_told_is_read)

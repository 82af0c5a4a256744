/*
 * Prints the part of a completion that comes from the table of options:
 * contrib/completion/rebore.bash or _rebore has it between marks.
 * check_completions.sh compares the two, and writes them anew.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "options_table.h"

#define TEXT_SIZE 256

static const enum config_command commands[] = {CONFIG_LOCAL, CONFIG_SERVER};

static bool
is_argument(const struct options_row *row, const char *start)
{
	return row->argument != NULL &&
	       strncmp(row->argument, start, strlen(start)) == 0;
}

/* Whether the values are words that can be listed. */
static bool
has_words(const struct options_row *row)
{
	return is_argument(row, "FORMAT") || is_argument(row, "FACILITY");
}

/* Print the words of "a, b or c0 to c7" with blanks between them. */
static void
print_words(const struct options_row *row)
{
	const char *before = "";
	char text[TEXT_SIZE];
	char *rest = text;
	char *word;
	char last = '0';

	snprintf(text, sizeof text, "%s", row->allowed);
	while ((word = strsep(&rest, " ,")) != NULL) {
		size_t length = strlen(word);

		if (length == 0 || strcmp(word, "or") == 0)
			continue;
		if (strcmp(word, "to") == 0) {
			word = strsep(&rest, " ,");
			length = strlen(word);
			while (++last <= word[length - 1])
				printf(" %.*s%c", (int)length - 1, word, last);
			continue;
		}
		last = word[length - 1];
		printf("%s%s", before, word);
		before = " ";
	}
}

static void
print_bash_names(const struct options_row *row)
{
	printf(" --%s", row->name);
	if (row->letter != 0)
		printf(" -%c", row->letter);
}

/* How bash completes the value behind a row's option. */
static const char *
bash_kind(const struct options_row *row)
{
	if (row->argument == NULL || row->is_operand || has_words(row))
		return "none";
	if (is_argument(row, "FILE"))
		return "files";
	return is_argument(row, "HOST") ? "hosts" : "values";
}

static void
print_bash(void)
{
	static const char *const kinds[] = {"files", "hosts", "values"};

	for (int i = 0; i < 2; i++) {
		const char *name = options_command_name(commands[i]);

		printf("# %s\n_rebore_%s=\"", name, name);
		for (int id = 0; id < OPTIONS_ROW_COUNT; id++)
			if (!options_rows[id].is_operand &&
			    (options_rows[id].commands & commands[i]) != 0)
				printf(" --%s", options_rows[id].name);
		printf("\"\n# end of %s\n", name);
	}
	for (int i = 0; i < 3; i++) {
		printf("_rebore_%s=\"", kinds[i]);
		for (int id = 0; id < OPTIONS_ROW_COUNT; id++)
			if (strcmp(bash_kind(&options_rows[id]), kinds[i]) == 0)
				print_bash_names(&options_rows[id]);
		printf(" \"\n");
	}
	for (int id = 0; id < OPTIONS_ROW_COUNT; id++)
		if (has_words(&options_rows[id])) {
			printf("_rebore_of_%s=\"", options_rows[id].argument);
			print_words(&options_rows[id]);
			printf("\"\n");
		}
}

/* Print within quotes and brackets of zsh. */
static void
print_zsh_text(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\'')
			printf("'\\''");
		else if (strchr("[]\\", *text) != NULL)
			printf("\\%c", *text);
		else
			putchar(*text);
}

/* Print ":message:action" for a value. */
static void
print_zsh_value(const struct options_row *row)
{
	if (row->argument == NULL)
		return;
	printf("%s:", row->implied != NULL ? ":" : "");
	for (const char *c = row->argument; isalpha((unsigned char)*c); c++)
		putchar(tolower((unsigned char)*c));
	if (has_words(row)) {
		printf(":(");
		print_words(row);
		printf(")");
	} else if (is_argument(row, "FILE")) {
		printf(":_files");
	} else if (is_argument(row, "HOST")) {
		printf(":_hosts");
	}
}

/* Print in parentheses what cannot be given beside an option: itself in both
 * forms, and what says the contrary. */
static void
print_zsh_exclusions(const struct options_row *row, enum config_command command)
{
	bool is_file = row == &options_rows[OPTIONS_ROW_SECRET_FILE];

	if (is_file && command == CONFIG_SERVER)
		printf("(-s --secret)*");
	else if (is_file || row->is_secret)
		printf("(-s --secret --secret-file)");
	else if (row == &options_rows[OPTIONS_ROW_VERBOSE])
		printf("(-q --quiet)");
	else if (row == &options_rows[OPTIONS_ROW_QUIET])
		printf("(-v --verbose)");
	else if (row == &options_rows[OPTIONS_ROW_HELP] ||
		 row == &options_rows[OPTIONS_ROW_VERSION])
		printf("(- *)");
	else if (row->letter != 0)
		printf("(-%c --%s)", row->letter, row->name);
}

static void
print_zsh_option(const struct options_row *row, enum config_command command)
{
	const char *mark = "";

	if (row->argument != NULL)
		mark = row->implied != NULL ? "=-" : "=";
	printf("\t\t'");
	print_zsh_exclusions(row, command);
	if (row->letter != 0)
		printf("'{-%c%s,--%s%s}'", row->letter,
		    row->argument != NULL ? "+" : "", row->name, mark);
	else
		printf("--%s%s", row->name, mark);
	printf("[");
	print_zsh_text(row->help);
	printf("]");
	print_zsh_value(row);
	printf("'");
}

static void
print_zsh(void)
{
	for (int i = 0; i < 2; i++) {
		const char *name = options_command_name(commands[i]);

		printf(
		    "_rebore_%s() {\n\t# %s\n\t_arguments -s -S", name, name);
		for (int id = 0; id < OPTIONS_ROW_COUNT; id++) {
			const struct options_row *row = &options_rows[id];

			if ((row->commands & commands[i]) == 0)
				continue;
			printf(" \\\n");
			if (row->is_operand)
				printf("\t\t':port of the service'");
			else
				print_zsh_option(row, commands[i]);
		}
		printf("\n\t# end of %s\n}\n%s", name, i == 0 ? "\n" : "");
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "rebore.bash") == 0)
		print_bash();
	else if (argc == 2 && strcmp(argv[1], "_rebore") == 0)
		print_zsh();
	else
		return 2;
	return 0;
}

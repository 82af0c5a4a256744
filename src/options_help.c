/* options_help - the help of options.h, made from the table */
#include <inttypes.h>
#include <string.h>

#include "options.h"
#include "options_table.h"
#include "status.h"

/* Where the help of an option starts. */
#define COLUMN 30

/* The longest option with its argument, and NUL */
#define OPTION_SIZE 48
/* The longest range and default, and NUL */
#define FACTS_SIZE 64

/* "  -t, --to HOST[:PORT]" */
static void
print_synopsis(const struct options_row *row, char text[static OPTION_SIZE])
{
	const char *argument = row->argument ? row->argument : "";
	const char *before = row->implied ? "[=" : row->argument ? " " : "";
	const char *after = row->implied ? "]" : "";
	char letter[] = "    ";

	if (row->letter != 0)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	if (row->is_operand)
		snprintf(text, OPTION_SIZE, "  %s", row->name);
	else
		snprintf(text, OPTION_SIZE, "  %s--%s%s%s%s", letter, row->name,
		    before, argument, after);
}

/* "; 1 to 65535 (1024)": range and default, as far as there are */
static void
print_facts(const struct options_row *row, char text[static FACTS_SIZE])
{
	int used = 0;

	text[0] = '\0';
	if (row->max == UINT32_MAX)
		used = snprintf(
		    text, FACTS_SIZE, "; %" PRIu32 " or more", row->min);
	else if (row->max > 0)
		used = snprintf(text, FACTS_SIZE, "; %" PRIu32 " to %" PRIu32,
		    row->min, row->max);
	if (row->fallback != NULL)
		snprintf(text + used, FACTS_SIZE - (size_t)used, " (%s)",
		    row->fallback);
}

static void
write_row(FILE *file, const struct options_row *row)
{
	char option[OPTION_SIZE];
	char facts[FACTS_SIZE];
	const char *gap;

	print_synopsis(row, option);
	print_facts(row, facts);
	gap = strlen(option) > COLUMN - 2 ? "\n" : "";
	fprintf(file, "%-*s%s%*s%s%s\n", *gap ? 0 : COLUMN, option, gap,
	    *gap ? COLUMN : 0, "", row->help, facts);
	if (row->environment != NULL)
		fprintf(file, "%*sor REBORE_%s, BORE_%s\n", COLUMN, "",
		    row->environment, row->environment);
}

static void
write_rows(FILE *file, enum config_command command)
{
	fprintf(file,
	    "\nOptions, with their range, (default) and the variables of the "
	    "environment that\nstand in for them:\n");
	for (size_t i = 0; i < OPTIONS_ROW_COUNT; i++)
		if (options_rows[i].commands & command)
			write_row(file, &options_rows[i]);
}

static void
write_statuses(FILE *file)
{
	fprintf(file,
	    "\nExit status: %d stopped as asked, %d failure, %d usage, %d gave "
	    "up,\n%d authentication refused, %d public port out of range.\n",
	    STATUS_STOPPED, STATUS_FAILED, STATUS_USAGE, STATUS_GAVE_UP,
	    STATUS_REFUSED, STATUS_IMPOSSIBLE);
}

void
options_help(FILE *file, enum config_command command)
{
	switch (command) {
	case CONFIG_LOCAL:
		fprintf(file,
		    "usage: rebore local [options] --to HOST[:PORT] "
		    "LOCAL_PORT\n\n"
		    "Makes a service that this host reaches available at a "
		    "public port of a server.\n");
		break;
	case CONFIG_SERVER:
		fprintf(file,
		    "usage: rebore server [options]\n\n"
		    "Gives clients public ports and passes visitors on to "
		    "them.\n");
		break;
	case CONFIG_NONE:
		fprintf(file,
		    "usage: rebore local [options] --to HOST[:PORT] "
		    "LOCAL_PORT\n"
		    "       rebore server [options]\n"
		    "       rebore --help | --version\n\n"
		    "A reverse TCP tunnel: 'local' runs beside a service, "
		    "'server' on the host with\nthe public address.\n\n"
		    "'rebore local --help' and 'rebore server --help' show "
		    "their options.\n");
		return;
	}
	write_rows(file, command);
	write_statuses(file);
}

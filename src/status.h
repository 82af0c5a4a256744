/*
 * status - what the program says by its exit status (rebore(1), EXIT STATUS).
 */
#ifndef REBORE_STATUS_H
#define REBORE_STATUS_H

enum status {
	/* Ended as asked. */
	STATUS_STOPPED = 0,
	STATUS_FAILED = 1,
	/* The command line or the environment is wrong. */
	STATUS_USAGE = 2,
	/* --max-retries is used up (EX_TEMPFAIL of sysexits.h). */
	STATUS_GAVE_UP = 75,
	/* The secret is wrong, missing or too many (EX_NOPERM). */
	STATUS_REFUSED = 77,
	/* The public port is outside the range of the server (EX_CONFIG). */
	STATUS_IMPOSSIBLE = 78,
};

#endif

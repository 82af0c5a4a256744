/* timer over timerfd(2) - see timer.h */
#include <string.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "os/timer.h"

enum error
timer_open(int *fd)
{
	*fd = timerfd_create(REBORE_CLOCK, TFD_CLOEXEC | TFD_NONBLOCK);
	return *fd == -1 ? error_of_errno() : ERROR_NONE;
}

void
timer_set(int fd, int64_t deadline_ms)
{
	struct itimerspec spec;

	memset(&spec, 0, sizeof spec);
	if (deadline_ms != CLOCK_NEVER) {
		/* A time of zero would turn the timer off, hence the 1 ns. */
		spec.it_value.tv_sec = (time_t)(deadline_ms / 1000);
		spec.it_value.tv_nsec =
		    (long)(deadline_ms % 1000) * 1000000 + 1;
	}
	if (fd != -1)
		timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

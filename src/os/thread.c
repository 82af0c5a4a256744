/* thread - see thread.h */
#include "os/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "os/lock.h"
#include "os/thread_label.h"

static enum error
start_masked(pthread_t *thread, const pthread_attr_t *attributes,
    void *(*run)(void *), void *argument)
{
	sigset_t all, before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(thread, attributes, run, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result == 0)
		return ERROR_NONE;
	errno = result;
	return ERROR_RESOURCES;
}

enum error
thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
    void *(*run)(void *), void *argument)
{
	enum error error = ERROR_NONE;
	pthread_attr_t attributes;
	pthread_t started;

	if (pthread_attr_init(&attributes) != 0)
		return ERROR_RESOURCES;
	if (pthread_attr_setstacksize(&attributes, stack_bytes) != 0)
		abort();
	if (thread == NULL)
		pthread_attr_setdetachstate(
		    &attributes, PTHREAD_CREATE_DETACHED);
	error = start_masked(&started, &attributes, run, argument);
	pthread_attr_destroy(&attributes);
	if (error)
		return error;
	if (thread == NULL)
		return ERROR_NONE; /* it may have ended: no name for it */
	thread_label(started, name);
	*thread = started;
	return ERROR_NONE;
}

enum error
thread_start_on(
    void *stack, pthread_t *thread, void *(*run)(void *), void *argument)
{
	enum error error = ERROR_NONE;
	pthread_attr_t attributes;

	if (pthread_attr_init(&attributes) != 0)
		return ERROR_RESOURCES;
	if (pthread_attr_setstack(&attributes, stack, THREAD_STACK_BYTES) != 0)
		abort();
	error = start_masked(thread, &attributes, run, argument);
	pthread_attr_destroy(&attributes);
	return error;
}

void
thread_name(const char *name)
{
	thread_label(pthread_self(), name);
}

void
thread_join(pthread_t thread)
{
	lock_assert_none();
	if (pthread_join(thread, NULL) != 0)
		abort();
}

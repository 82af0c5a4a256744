/*
 * thread_label - sets the name of a thread, for ps and debuggers. configure
 * chooses thread_label_np.c, or thread_label_none.c where threads have no
 * names.
 */
#ifndef REBORE_OS_THREAD_LABEL_H
#define REBORE_OS_THREAD_LABEL_H

#include <pthread.h>

/* name: as in thread_start() (thread.h). */
void thread_label(pthread_t thread, const char *name);

#endif

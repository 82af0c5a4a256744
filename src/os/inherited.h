/*
 * inherited - closes the descriptors that the process was started with.
 * configure chooses inherited_closefrom.c, or inherited_proc.c where there is
 * no closefrom(3).
 */
#ifndef REBORE_OS_INHERITED_H
#define REBORE_OS_INHERITED_H

/* Close all descriptors from first on. Threads: before the first one starts. */
void inherited_close(int first);

#endif

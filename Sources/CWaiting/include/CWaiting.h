#ifndef CONVOY_CWAITING_H
#define CONVOY_CWAITING_H

/* What Swift's Glibc module leaves out of the system calls that the reactor needs. */

#include <poll.h>
#include <sys/eventfd.h>

/* Names the calling thread. At most 15 bytes of the name count. */
void convoy_name_this_thread(const char *name);

#endif

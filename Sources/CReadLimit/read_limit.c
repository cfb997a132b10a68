// libpq reads in a loop for as long as a large message keeps coming, so that one call takes a message of any size into memory, and it has no
// hook for reading. This definition of `recv` takes the place of the C library's in the whole process. It does the same, except on a thread
// that has set a limit.

#undef _FORTIFY_SOURCE

#include "CReadLimit.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

static _Thread_local bool is_limited;
static _Thread_local size_t bytes_left;
static _Thread_local size_t bytes_taken;

void convoy_read_limit_begin(size_t limit) {
    is_limited = true;
    bytes_left = limit;
    bytes_taken = 0;
}

size_t convoy_read_limit_end(void) {
    is_limited = false;
    return bytes_taken;
}

ssize_t recv(int descriptor, void *buffer, size_t length, int flags) {
    if (!is_limited) return recvfrom(descriptor, buffer, length, flags, NULL, NULL);
    if (bytes_left == 0 && length > 0) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t count = recvfrom(descriptor, buffer, length < bytes_left ? length : bytes_left, flags, NULL, NULL);
    if (count > 0 && !(flags & MSG_PEEK)) {
        bytes_left -= (size_t)count;
        bytes_taken += (size_t)count;
    }
    return count;
}

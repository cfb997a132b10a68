#ifndef CONVOY_READ_LIMIT_H
#define CONVOY_READ_LIMIT_H

#include <stddef.h>

/// Bounds what this thread takes from sockets with `recv`, until `convoy_read_limit_end` is called: after `limit` bytes, `recv` says
/// that nothing is there (EAGAIN). What was not taken stays in the socket.
void convoy_read_limit_begin(size_t limit);

/// Takes the bound away.
///
/// Returns how many bytes this thread has taken since `convoy_read_limit_begin`.
size_t convoy_read_limit_end(void);

#endif

// SPDX-License-Identifier: Apache-2.0
// Children that must not outlive the program that started them. Functions that return int return 0
// or a descriptor on success and a negated errno value on failure.
#ifndef MIDWATCH_CLINUX_CHILDREN_H
#define MIDWATCH_CLINUX_CHILDREN_H

#include <stdint.h>

/// Starts the program at `arguments[0]`, a path, which the kernel kills when the calling thread
/// ends, however it ends (PR_SET_PDEATHSIG): call it on the main thread.
///
/// Standard input is /dev/null, `output` becomes standard output and error; the child has a process
/// group of its own, an empty signal mask and default dispositions. Returns a pidfd and the process
/// number in `pid`.
int clinux_spawn_bound(char *const arguments[], int output, int32_t *pid);

/// A listening TCP socket (`is_stream`) or a bound UDP socket on a free port of 127.0.0.1, which
/// is stored in `port`.
int clinux_loopback_socket(int is_stream, uint16_t *port);

#endif

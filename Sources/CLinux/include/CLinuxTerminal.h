// SPDX-License-Identifier: Apache-2.0
// The terminal of a full-screen program, given back however the program ends.
#ifndef MIDWATCH_CLINUX_TERMINAL_H
#define MIDWATCH_CLINUX_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

/// Takes the terminal at `input` and `output`: raw mode, alternate screen, cursor hidden, no
/// wrapping, bracketed paste. From here on SIGTERM, SIGHUP, SIGINT, SIGQUIT and the signals of a
/// crash give it back before they take their course, an overflow of the calling thread's stack
/// included; SIGTSTP gives it back until SIGCONT. Returns 0 or an errno value. One terminal at
/// a time; not for use by several threads.
int clinux_terminal_begin(int input, int output);

/// Gives the terminal back as it was; does nothing if it is not taken. Async-signal-safe.
void clinux_terminal_end(void);

/// Columns and rows of the terminal at `fd`; returns 0 or an errno value.
int clinux_terminal_size(int fd, int *columns, int *rows);

/// Bytes written to the terminal at `fd` that the line has not taken yet; 0 if it does not say.
int clinux_terminal_waiting(int fd);

/// 1 once after the window changed its size or the program was continued, else 0.
int clinux_terminal_take_change(void);

/// Opens a pseudo-terminal, for tests of full-screen programs; returns 0 or an errno value.
int clinux_pseudo_terminal_open(int *controller, int *terminal);

#endif

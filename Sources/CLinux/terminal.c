// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxTerminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const int fatal_signals[] = {SIGTERM, SIGHUP, SIGINT,  SIGQUIT, SIGSEGV,
                                    SIGBUS,  SIGILL, SIGTRAP, SIGABRT, SIGFPE};
enum { fatal_count = sizeof fatal_signals / sizeof fatal_signals[0] };

static struct sigaction previous_actions[fatal_count];
static struct sigaction previous_winch, previous_cont, previous_stop;
static struct termios saved_mode, raw_mode;
static int terminal_input = -1, terminal_output = -1;
static char crash_stack[64 * 1024];
static volatile sig_atomic_t is_taken;
static atomic_int size_changed;

// Enter: alternate screen, cursor off, no wrapping, bracketed paste. Leave: the same undone, any
// synchronized frame ended, colours reset.
static const char enter_text[] = "\033[?1049h\033[?25l\033[?7l\033[?2004h\033[0m\033[2J";
static const char leave_text[] = "\033[?2026l\033[0m\033[?2004l\033[?7h\033[?25h\033[?1049l";

static void write_all(int fd, const char *text, size_t count) {
    // Bounded: a terminal that takes nothing for a second is not waited for.
    for (int attempts = 0; count > 0 && attempts < 20;) {
        ssize_t written = write(fd, text, count);
        if (written > 0) {
            text += written;
            count -= (size_t)written;
        } else if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
            struct pollfd entry = {.fd = fd, .events = POLLOUT};
            poll(&entry, 1, 50);
            attempts++;
        } else {
            return;
        }
    }
}

void clinux_terminal_end(void) {
    if (!is_taken) return;
    is_taken = 0;
    write_all(terminal_output, leave_text, sizeof leave_text - 1);
    tcsetattr(terminal_input, TCSANOW, &saved_mode);
}

static void on_fatal(int number) {
    int saved_errno = errno;
    clinux_terminal_end();
    // What was to happen before the terminal was taken happens now.
    for (int i = 0; i < fatal_count; i++)
        if (fatal_signals[i] == number) sigaction(number, &previous_actions[i], NULL);
    errno = saved_errno;
    raise(number);
}

static void on_stop(int number) {
    (void)number;
    int saved_errno = errno;
    if (is_taken) {
        write_all(terminal_output, leave_text, sizeof leave_text - 1);
        tcsetattr(terminal_input, TCSANOW, &saved_mode);
    }
    // Here it stands still; with SIGCONT `on_cont` takes the terminal again.
    raise(SIGSTOP);
    errno = saved_errno;
}

static void on_winch(int number) {
    (void)number;
    atomic_store_explicit(&size_changed, 1, memory_order_relaxed);
}

static void on_cont(int number) {
    (void)number;
    int saved_errno = errno;
    if (is_taken) {
        tcsetattr(terminal_input, TCSANOW, &raw_mode);
        write_all(terminal_output, enter_text, sizeof enter_text - 1);
    }
    atomic_store_explicit(&size_changed, 1, memory_order_relaxed);
    errno = saved_errno;
}

int clinux_terminal_begin(int input, int output) {
    if (tcgetattr(input, &saved_mode) != 0) return errno;
    raw_mode = saved_mode;
    cfmakeraw(&raw_mode);
    raw_mode.c_cc[VMIN] = 0;
    raw_mode.c_cc[VTIME] = 0;
    terminal_input = input;
    terminal_output = output;

    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_fatal;
    // A stack that overflowed has no room for the handler of its own crash.
    action.sa_flags = SA_ONSTACK;
    stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
    stack_t present;
    if (sigaltstack(NULL, &present) == 0 && (present.ss_flags & SS_DISABLE))
        sigaltstack(&stack, NULL);
    for (int i = 0; i < fatal_count; i++)
        sigaction(fatal_signals[i], &action, &previous_actions[i]);
    action.sa_handler = on_winch;
    action.sa_flags = SA_RESTART;
    sigaction(SIGWINCH, &action, &previous_winch);
    action.sa_handler = on_cont;
    sigaction(SIGCONT, &action, &previous_cont);
    action.sa_handler = on_stop;
    sigaction(SIGTSTP, &action, &previous_stop);

    is_taken = 1;
    if (tcsetattr(input, TCSANOW, &raw_mode) != 0) {
        int reason = errno;
        is_taken = 0;
        return reason;
    }
    write_all(output, enter_text, sizeof enter_text - 1);
    return 0;
}

int clinux_terminal_size(int fd, int *columns, int *rows) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) return errno;
    if (size.ws_col == 0 || size.ws_row == 0) return ENOTTY;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}

int clinux_terminal_waiting(int fd) {
    int count = 0;
    return ioctl(fd, TIOCOUTQ, &count) == 0 && count > 0 ? count : 0;
}

int clinux_terminal_take_change(void) {
    return atomic_exchange_explicit(&size_changed, 0, memory_order_relaxed);
}

int clinux_pseudo_terminal_open(int *controller, int *terminal) {
    int opened = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (opened < 0) return errno;
    char name[64];
    if (grantpt(opened) == 0 && unlockpt(opened) == 0 &&
        ptsname_r(opened, name, sizeof name) == 0) {
        int other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (other >= 0) {
            *controller = opened;
            *terminal = other;
            return 0;
        }
    }
    int reason = errno;
    close(opened);
    return reason;
}

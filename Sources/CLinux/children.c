// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxChildren.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

// Runs between fork and exec: async-signal-safe calls only. Tells an error through `report`.
static _Noreturn void become(char *const arguments[], int output, pid_t parent, int report) {
    sigset_t none;
    int error;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    setpgid(0, 0);
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    int input = open("/dev/null", O_RDONLY);
    if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) goto failed;
    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) goto failed;
    // The parent may have ended before the line above.
    if (getppid() != parent) _exit(127);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(arguments[0], arguments);
failed:
    error = errno;
    if (write(report, &error, sizeof error) < 0) _exit(126);
    _exit(127);
}

int clinux_spawn_bound(char *const arguments[], int output, int32_t *pid) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    sigset_t all, before;
    sigfillset(&all);
    // No handler of ours may run in the child.
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) become(arguments, output, parent, ends[1]);
    int error = child < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (child > 0) {
        int told = 0;
        ssize_t count;
        do {
            count = read(ends[0], &told, sizeof told);
        } while (count < 0 && errno == EINTR);
        if (count == (ssize_t)sizeof told) error = told;
    }
    close(ends[0]);
    int pidfd = error == 0 ? (int)syscall(SYS_pidfd_open, child, 0) : -1;
    if (error == 0 && pidfd < 0) error = errno;
    if (error != 0) {
        if (child > 0) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
        }
        return -error;
    }
    *pid = child;
    return pidfd;
}

int clinux_loopback_socket(int is_stream, uint16_t *port) {
    int fd = socket(AF_INET, (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        (is_stream && listen(fd, 64) != 0) ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    *port = ntohs(address.sin_port);
    return fd;
}
